//go:build ignore

/* A firewall for XDP. Who is on a list of address ranges is dropped; so is who sends too fast, and what no
 * honest host sends. Each drop is an event for user space.
 *
 *	firewall --> ipv4, ipv6 --> tcp, udp, icmp
 *
 * Every arrow is a tail call that a subprogram makes: to_network and to_transport. Their frame is replaced by the
 * program that they reach, and its verdict goes back to the one that called them, which counts it. So each packet
 * is counted once, wherever its way ended.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/* A subprogram that tail-calls may return what its target returned. The compiler sees only the return after the
 * miss, and would propagate a constant from there into the callers. */
#define OPAQUE(v) asm volatile("" : "+r"(v))

#define SECOND 1000000000ull
#define MAX_PING 1000 /* bytes of an ICMP packet */

enum reason { PASSED, BLOCKED, TOO_FAST, MALFORMED, BAD_FLAGS, AMPLIFIED, BIG_PING, REASONS };
enum network { NET_IPV4, NET_IPV6, NETS };

struct address { /* an IPv4 address is mapped into IPv6: ::ffff:a.b.c.d */
	__u8 bytes[16];
};

struct range4 {
	__u32 prefix;
	__u8 address[4];
};

struct range6 {
	__u32 prefix;
	__u8 address[16];
};

/* What one program leaves for the next. */
struct packet {
	struct address source, target;
	__u32 length;
	__u16 offset; /* of the header to parse */
	__u16 source_port, target_port;
	__u8 protocol;
};

/* A bucket of tokens, in one word that processors can exchange without a lock, which values of LRU hashes cannot have:
 * each token that is taken moves the time at which the bucket is full again. */
struct bucket {
	__u64 full; /* in ns, on the clock of bpf_ktime_get_ns */
};

struct counter {
	__u64 packets;
	__u64 bytes;
};

struct event {
	__u64 time;
	struct address source, target;
	__u32 length;
	__u16 source_port, target_port;
	__u8 protocol;
	__u8 reason;
};

/* Ranges of addresses, and how many packets each has sent. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 10000);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct range4);
	__type(value, __u64);
} blocked4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 10000);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct range6);
	__type(value, __u64);
} blocked6 SEC(".maps");

/* Who has sent lately. Where there are more sources than entries, those make room that were silent for longest. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct address);
	__type(value, struct bucket);
} buckets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, REASONS);
	__type(key, enum reason);
	__type(value, struct counter);
} counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct packet);
} current SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024);
} events SEC(".maps");

int ipv4(struct xdp_md *ctx);
int ipv6(struct xdp_md *ctx);
int tcp(struct xdp_md *ctx);
int udp(struct xdp_md *ctx);
int icmp(struct xdp_md *ctx);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, NETS);
	__uint(key_size, sizeof(__u32));
	__array(values, int(struct xdp_md *));
} networks SEC(".maps") = {
	.values = { [NET_IPV4] = ipv4, [NET_IPV6] = ipv6 },
};

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 256);
	__uint(key_size, sizeof(__u32));
	__array(values, int(struct xdp_md *));
} transports SEC(".maps") = {
	.values = { [IPPROTO_TCP] = tcp, [IPPROTO_UDP] = udp, [IPPROTO_ICMP] = icmp, [IPPROTO_ICMPV6] = icmp },
};

const volatile __u32 rate = 50;  /* packets that a source may send in a second */
const volatile __u32 burst = 20; /* and at once */
__u64 lost;                      /* events for which there was no room */

static __always_inline struct packet *current_packet(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&current, &zero);
}

static __noinline void count(enum reason reason, __u32 length)
{
	struct counter *c = bpf_map_lookup_elem(&counters, &reason);

	if (c) {
		c->packets++;
		c->bytes += length;
	}
}

/* Drops the current packet, and tells user space why. */
static __noinline int drop(enum reason reason)
{
	struct packet *p = current_packet();
	struct event *e;

	if (!p)
		return XDP_ABORTED;
	count(reason, p->length);
	e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	if (!e) {
		__sync_fetch_and_add(&lost, 1);
		return XDP_DROP;
	}
	e->time = bpf_ktime_get_ns();
	e->source = p->source;
	e->target = p->target;
	e->length = p->length;
	e->source_port = p->source_port;
	e->target_port = p->target_port;
	e->protocol = p->protocol;
	e->reason = reason;
	bpf_ringbuf_submit(e, 0);
	return XDP_DROP;
}

/* Takes a token out of the bucket of a source; there is none if it sends too fast. */
static __noinline int take_token(struct packet *p)
{
	__u64 now = bpf_ktime_get_ns(), token = SECOND / rate, full, next;
	struct bucket fresh = {}, *b;
	int i;

	if (!p)
		return 0;
	b = bpf_map_lookup_elem(&buckets, &p->source);
	if (!b) {
		bpf_map_update_elem(&buckets, &p->source, &fresh, BPF_NOEXIST);
		b = bpf_map_lookup_elem(&buckets, &p->source);
		if (!b)
			return 1;
	}
	for (i = 0; i < 4; i++) { /* again where another processor was faster */
		full = *(volatile __u64 *)&b->full;
		next = (full > now ? full : now) + token;
		if (next > now + burst * token)
			return 0;
		if (__sync_val_compare_and_swap(&b->full, full, next) == full)
			return 1;
	}
	return 0;
}

/* The program of a network protocol goes on. Where there is none, the packet passes. */
static __noinline int to_network(struct xdp_md *ctx, __u32 network)
{
	int verdict = XDP_PASS;

	bpf_tail_call(ctx, &networks, network);
	OPAQUE(verdict);
	return verdict;
}

/* The same for what a network protocol carries. */
static __noinline int to_transport(struct xdp_md *ctx, __u32 protocol)
{
	int verdict = XDP_PASS;

	bpf_tail_call(ctx, &transports, protocol);
	OPAQUE(verdict);
	return verdict;
}

/* The entry. */
SEC("xdp")
int firewall(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct packet *p = current_packet();
	struct ethhdr *eth = data;
	__u32 length = end - data;
	int verdict = XDP_PASS;

	if (!p)
		return XDP_ABORTED;
	__builtin_memset(p, 0, sizeof(*p));
	p->length = length;
	if ((void *)(eth + 1) > end)
		return drop(MALFORMED);
	p->offset = sizeof(*eth);
	if (eth->h_proto == bpf_htons(ETH_P_IP))
		verdict = to_network(ctx, NET_IPV4);
	else if (eth->h_proto == bpf_htons(ETH_P_IPV6))
		verdict = to_network(ctx, NET_IPV6);
	if (verdict == XDP_PASS)
		count(PASSED, length);
	return verdict;
}

SEC("xdp")
int ipv4(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct iphdr *ip = data + sizeof(struct ethhdr);
	struct packet *p = current_packet();
	struct range4 range = { .prefix = 32 };
	__u64 *hits;

	if (!p)
		return XDP_ABORTED;
	if ((void *)(ip + 1) > end || ip->version != 4 || ip->ihl < 5)
		return drop(MALFORMED);
	p->source.bytes[10] = p->source.bytes[11] = 0xff;
	__builtin_memcpy(&p->source.bytes[12], &ip->saddr, 4);
	p->target.bytes[10] = p->target.bytes[11] = 0xff;
	__builtin_memcpy(&p->target.bytes[12], &ip->daddr, 4);
	p->protocol = ip->protocol;
	__builtin_memcpy(range.address, &ip->saddr, 4);
	hits = bpf_map_lookup_elem(&blocked4, &range);
	if (hits) {
		__sync_fetch_and_add(hits, 1);
		return drop(BLOCKED);
	}
	if (!take_token(p))
		return drop(TOO_FAST);
	if (ip->frag_off & bpf_htons(0x1fff))
		return XDP_PASS; /* what follows is no header */
	p->offset += ip->ihl * 4;
	return to_transport(ctx, ip->protocol);
}

SEC("xdp")
int ipv6(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ipv6hdr *ip = data + sizeof(struct ethhdr);
	struct packet *p = current_packet();
	struct range6 range = { .prefix = 128 };
	__u64 *hits;

	if (!p)
		return XDP_ABORTED;
	if ((void *)(ip + 1) > end || ip->version != 6)
		return drop(MALFORMED);
	__builtin_memcpy(&p->source, &ip->saddr, 16);
	__builtin_memcpy(&p->target, &ip->daddr, 16);
	p->protocol = ip->nexthdr;
	__builtin_memcpy(range.address, &ip->saddr, 16);
	hits = bpf_map_lookup_elem(&blocked6, &range);
	if (hits) {
		__sync_fetch_and_add(hits, 1);
		return drop(BLOCKED);
	}
	if (!take_token(p))
		return drop(TOO_FAST);
	p->offset += sizeof(*ip);
	return to_transport(ctx, ip->nexthdr);
}

/* Drops segments whose flags no connection has: scanners send them. */
SEC("xdp")
int tcp(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct packet *p = current_packet();
	struct tcphdr *tcp;

	if (!p)
		return XDP_ABORTED;
	tcp = data + (p->offset & 127);
	if ((void *)(tcp + 1) > end)
		return drop(MALFORMED);
	p->source_port = bpf_ntohs(tcp->source);
	p->target_port = bpf_ntohs(tcp->dest);
	if (tcp->syn && (tcp->fin || tcp->rst))
		return drop(BAD_FLAGS);
	if (!tcp->syn && !tcp->ack && !tcp->rst)
		return drop(BAD_FLAGS);
	return XDP_PASS;
}

/* Drops what servers say that others are made to ask: small questions, large answers. */
SEC("xdp")
int udp(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct packet *p = current_packet();
	struct udphdr *udp;

	if (!p)
		return XDP_ABORTED;
	udp = data + (p->offset & 127);
	if ((void *)(udp + 1) > end)
		return drop(MALFORMED);
	p->source_port = bpf_ntohs(udp->source);
	p->target_port = bpf_ntohs(udp->dest);
	switch (p->source_port) {
	case 19:    /* chargen */
	case 389:   /* LDAP */
	case 1900:  /* SSDP */
	case 11211: /* memcached */
		return drop(AMPLIFIED);
	}
	return XDP_PASS;
}

SEC("xdp")
int icmp(struct xdp_md *ctx)
{
	struct packet *p = current_packet();

	if (!p)
		return XDP_ABORTED;
	return p->length > MAX_PING ? drop(BIG_PING) : XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
