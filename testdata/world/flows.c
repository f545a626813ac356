/* What such maps are for: bytes and packets of each flow, totals of each protocol and processor. */
#include "w.h"
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>

struct flow {
	__be32 saddr, daddr;
	__be16 sport, dport;
	__u8 proto;
};

struct traffic {
	__u64 packets, bytes;
	__u32 last, flags;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct flow);
	__type(value, struct traffic);
} flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 256);
	__type(key, __u8);
	__type(value, struct traffic);
} protocols SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} totals SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, __be32);
	__type(value, __u32);
} blocked SEC(".maps");

static __always_inline void total(__u32 i)
{
	__u64 *n = bpf_map_lookup_elem(&totals, &i);

	if (n)
		*n += 1;
}

SEC("xdp")
int count(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	struct flow f;
	struct traffic *t, fresh = { .packets = 1, .bytes = end - data };
	__u32 *why;

	total(0);
	if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	__builtin_memset(&f, 0, sizeof(f)); /* the padding, too */
	f.saddr = ip->saddr;
	f.daddr = ip->daddr;
	f.proto = ip->protocol;
	struct tcphdr *tcp = (void *)(ip + 1);
	if (ip->protocol == IPPROTO_TCP && (void *)(tcp + 1) <= end) {
		f.sport = tcp->source;
		f.dport = tcp->dest;
		fresh.flags = tcp->syn | tcp->ack << 1;
	}
	t = bpf_map_lookup_elem(&flows, &f);
	if (t) {
		__sync_fetch_and_add(&t->packets, 1);
		__sync_fetch_and_add(&t->bytes, fresh.bytes);
		t->flags |= fresh.flags;
		total(1);
	} else if (bpf_map_update_elem(&flows, &f, &fresh, BPF_NOEXIST)) {
		return XDP_ABORTED;
	}
	t = bpf_map_lookup_elem(&protocols, &f.proto);
	if (t) {
		t->packets++;
		t->bytes += fresh.bytes;
	} else {
		bpf_map_update_elem(&protocols, &f.proto, &fresh, BPF_ANY);
	}
	why = bpf_map_lookup_elem(&blocked, &f.saddr);
	if (why) {
		total(2);
		(*why)++;
		return XDP_DROP;
	}
	return XDP_PASS;
}
