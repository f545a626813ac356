/* An XDP packet dispatcher: one program for each protocol, reached by tail calls that subprograms make.
 *
 *	dispatch --> vlan (again for each tag) --> ipv4, ipv6 --> tcp, udp
 *
 * dispatch calls to_l3, whose frame the tail call replaces; the program reached that way returns to dispatch,
 * which counts the verdict once, whatever path the packet took.
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

#define MAX_OFFSET 512 /* headers beyond this are not looked at */
#define MAX_EXT 4      /* IPv6 extension headers that are skipped */

/* A subprogram that tail-calls may return what its target returned. The compiler sees only the return after the
 * miss, and would propagate a constant from there into the callers. */
#define OPAQUE(v) asm volatile("" : "+r"(v))

/* Slots of jmp_table, and keys of the map protocols. Nothing serves ICMP: its slot stays empty. */
enum protocol { PROTO_VLAN, PROTO_IPV4, PROTO_IPV6, PROTO_TCP, PROTO_UDP, PROTO_ICMP, PROTO_OTHER, PROTO_MAX };

enum drop_reason { DROP_TRUNCATED, DROP_BAD_VERSION, DROP_BAD_LENGTH, DROP_TTL, DROP_TOO_DEEP, DROP_DISCARD, DROP_MAX };

struct vlan_tag {
	__be16 tci;
	__be16 proto;
};

struct counter {
	__u64 packets;
	__u64 bytes;
};

/* What one program leaves for the next. */
struct state {
	__u32 offset; /* of the header to parse */
	__u32 tags;   /* VLAN tags seen */
	__u32 length; /* of the packet */
};

struct tcp_stats {
	__u64 syn, fin, rst;
};

int vlan(struct xdp_md *ctx);
int ipv4(struct xdp_md *ctx);
int ipv6(struct xdp_md *ctx);
int tcp(struct xdp_md *ctx);
int udp(struct xdp_md *ctx);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, PROTO_OTHER);
	__uint(key_size, sizeof(__u32));
	__array(values, int(void *));
} jmp_table SEC(".maps") = {
	.values = {
		[PROTO_VLAN] = (void *)&vlan,
		[PROTO_IPV4] = (void *)&ipv4,
		[PROTO_IPV6] = (void *)&ipv6,
		[PROTO_TCP] = (void *)&tcp,
		[PROTO_UDP] = (void *)&udp,
	},
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct state);
} states SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PROTO_MAX);
	__type(key, enum protocol);
	__type(value, struct counter);
} protocols SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, XDP_REDIRECT + 1);
	__type(key, enum xdp_action);
	__type(value, __u64);
} verdicts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, DROP_MAX);
	__type(key, enum drop_reason);
	__type(value, __u64);
} drops SEC(".maps");

const volatile __u16 echo_port = 7;
const volatile __u16 discard_port = 9;

struct tcp_stats tcp_flags;
__u64 fragments;
__u64 missed; /* tail calls that fell through */
__u32 longest;
__u32 smallest_ttl = 255;

static __always_inline struct state *get_state(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&states, &zero);
}

/* drop counts why. It is called, not inlined: every program shares this one copy. */
static __noinline int drop(__u32 reason)
{
	__u64 *n = bpf_map_lookup_elem(&drops, &reason);
	int action = XDP_DROP;

	if (n)
		__sync_fetch_and_add(n, 1);
	OPAQUE(action);
	return action;
}

static __noinline int count(__u32 protocol, __u32 length)
{
	struct counter *c = bpf_map_lookup_elem(&protocols, &protocol);

	if (!c)
		return 0;
	__sync_fetch_and_add(&c->packets, 1);
	__sync_fetch_and_add(&c->bytes, length);
	return 1;
}

/* to_l3 goes on with the program for an EtherType. It comes back only from a miss. */
static __noinline int to_l3(struct xdp_md *ctx, __u32 ethertype)
{
	__u32 slot;

	switch (ethertype) {
	case ETH_P_8021Q:
	case ETH_P_8021AD:
		slot = PROTO_VLAN;
		break;
	case ETH_P_IP:
		slot = PROTO_IPV4;
		break;
	case ETH_P_IPV6:
		slot = PROTO_IPV6;
		break;
	default:
		count(PROTO_OTHER, ctx->data_end - ctx->data);
		return XDP_PASS;
	}
	bpf_tail_call(ctx, &jmp_table, slot);
	__sync_fetch_and_add(&missed, 1);
	return drop(DROP_TOO_DEEP); /* every slot is filled, so the count is spent */
}

/* to_l4 goes on with the program for an IP protocol number. */
static __noinline int to_l4(struct xdp_md *ctx, __u32 protocol)
{
	int action = XDP_PASS;
	__u32 slot;

	switch (protocol) {
	case IPPROTO_TCP:
		slot = PROTO_TCP;
		break;
	case IPPROTO_UDP:
		slot = PROTO_UDP;
		break;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		slot = PROTO_ICMP;
		break;
	default:
		slot = PROTO_OTHER; /* beyond the end of jmp_table */
		break;
	}
	bpf_tail_call(ctx, &jmp_table, slot);
	__sync_fetch_and_add(&missed, 1);
	count(slot, ctx->data_end - ctx->data);
	OPAQUE(action);
	return action;
}

static __always_inline void swap_macs(struct ethhdr *eth)
{
	__u8 mac[ETH_ALEN];

	__builtin_memcpy(mac, eth->h_dest, ETH_ALEN);
	__builtin_memcpy(eth->h_dest, eth->h_source, ETH_ALEN);
	__builtin_memcpy(eth->h_source, mac, ETH_ALEN);
}

SEC("xdp")
int udp(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct state *st = get_state();
	struct ethhdr *eth = data;
	struct udphdr *h;
	__u16 port;

	if (!st || st->offset > MAX_OFFSET)
		return drop(DROP_TOO_DEEP);
	h = data + st->offset;
	if ((void *)(h + 1) > end || (void *)(eth + 1) > end)
		return drop(DROP_TRUNCATED);
	if (bpf_ntohs(h->len) < sizeof(*h))
		return drop(DROP_BAD_LENGTH);
	port = bpf_ntohs(h->dest);
	if (port == echo_port) {
		h->dest = h->source; /* the sum over both ports stays the same, and so the checksum */
		h->source = bpf_htons(port);
		swap_macs(eth);
	}
	count(PROTO_UDP, st->length);
	if (port == discard_port)
		return drop(DROP_DISCARD);
	return port == echo_port ? XDP_TX : XDP_PASS;
}

SEC("xdp")
int tcp(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct state *st = get_state();
	struct tcphdr *h;

	if (!st || st->offset > MAX_OFFSET)
		return drop(DROP_TOO_DEEP);
	h = data + st->offset;
	if ((void *)(h + 1) > end)
		return drop(DROP_TRUNCATED);
	if (h->doff < 5)
		return drop(DROP_BAD_LENGTH);
	if (h->syn)
		tcp_flags.syn++;
	if (h->fin)
		tcp_flags.fin++;
	if (h->rst)
		tcp_flags.rst++;
	count(PROTO_TCP, st->length);
	return XDP_PASS;
}

SEC("xdp")
int ipv6(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct state *st = get_state();
	struct ipv6hdr *h;
	__u32 off, next, i;

	if (!st || st->offset > MAX_OFFSET)
		return drop(DROP_TOO_DEEP);
	off = st->offset;
	h = data + off;
	if ((void *)(h + 1) > end)
		return drop(DROP_TRUNCATED);
	if (h->version != 6)
		return drop(DROP_BAD_VERSION);
	if (h->hop_limit <= 1)
		return drop(DROP_TTL);
	h->hop_limit--;
	next = h->nexthdr;
	off += sizeof(*h);
	for (i = 0; i < MAX_EXT; i++) {
		__u8 *ext = data + off;

		if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING && next != IPPROTO_DSTOPTS)
			break;
		if (off > MAX_OFFSET)
			return drop(DROP_TOO_DEEP);
		if (ext + 8 > (__u8 *)end)
			return drop(DROP_TRUNCATED);
		next = ext[0];
		off += 8 + ext[1] * 8;
	}
	st->offset = off;
	count(PROTO_IPV6, st->length);
	if (next == IPPROTO_FRAGMENT) {
		__sync_fetch_and_add(&fragments, 1);
		return XDP_PASS;
	}
	return to_l4(ctx, next);
}

SEC("xdp")
int ipv4(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct state *st = get_state();
	struct iphdr *h;
	__u32 off, hlen, sum, protocol;

	if (!st || st->offset > MAX_OFFSET)
		return drop(DROP_TOO_DEEP);
	off = st->offset;
	h = data + off;
	if ((void *)(h + 1) > end)
		return drop(DROP_TRUNCATED);
	if (h->version != 4)
		return drop(DROP_BAD_VERSION);
	hlen = h->ihl * 4;
	if (hlen < sizeof(*h) || bpf_ntohs(h->tot_len) < hlen || off + bpf_ntohs(h->tot_len) > st->length)
		return drop(DROP_BAD_LENGTH);
	if (h->ttl <= 1)
		return drop(DROP_TTL);
	/* RFC 1624: the checksum follows the TTL without being summed up again. */
	h->ttl--;
	sum = h->check + bpf_htons(0x0100);
	h->check = sum + (sum >= 0xffff);
	if (h->ttl < smallest_ttl)
		smallest_ttl = h->ttl;
	protocol = h->protocol;
	st->offset = off + hlen;
	count(PROTO_IPV4, st->length);
	if (h->frag_off & bpf_htons(0x3fff)) {
		__sync_fetch_and_add(&fragments, 1);
		return XDP_PASS;
	}
	return to_l4(ctx, protocol);
}

SEC("xdp")
int vlan(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct state *st = get_state();
	struct vlan_tag *tag;

	if (!st || st->offset > MAX_OFFSET)
		return drop(DROP_TOO_DEEP);
	tag = data + st->offset;
	if ((void *)(tag + 1) > end)
		return drop(DROP_TRUNCATED);
	if (st->tags++ == 0)
		count(PROTO_VLAN, st->length);
	st->offset += sizeof(*tag);
	return to_l3(ctx, bpf_ntohs(tag->proto));
}

SEC("xdp")
int dispatch(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct state *st = get_state();
	struct ethhdr *eth = data;
	__u32 action = XDP_ABORTED;
	__u64 *n;

	if (!st)
		return action;
	st->offset = sizeof(*eth);
	st->tags = 0;
	st->length = end - data;
	if (st->length > longest)
		longest = st->length;
	if ((void *)(eth + 1) > end)
		action = drop(DROP_TRUNCATED);
	else
		action = to_l3(ctx, bpf_ntohs(eth->h_proto));
	n = bpf_map_lookup_elem(&verdicts, &action);
	if (n)
		__sync_fetch_and_add(n, 1);
	return action;
}

char _license[] SEC("license") = "GPL";
