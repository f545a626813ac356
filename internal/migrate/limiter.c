//go:build ignore

/* What a program for the kernel often has: a hash with BTF, a per-CPU counter, a constant set before loading, a
 * global variable read afterwards, a program array with an initial value.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct stats {
	__u64 packets;
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 128);
	__type(key, __u32); /* source address, as the packet has it */
	__type(value, struct stats);
} sources SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} total SEC(".maps");

int reflect(struct xdp_md *ctx);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 256);
	__uint(key_size, sizeof(__u32));
	__array(values, int(struct xdp_md *));
} protocols SEC(".maps") = {
	.values = { [IPPROTO_ICMP] = reflect },
};

const volatile __u32 limit = 2; /* packets of one source */
__u64 dropped;

/* Sends a packet back, whatever it is. */
SEC("xdp")
int reflect(struct xdp_md *ctx)
{
	return XDP_TX;
}

/* Lets so many packets of each source through, ICMP to reflect. */
SEC("xdp")
int limiter(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = data + sizeof(*eth);
	struct stats *s, fresh = {};
	__u32 zero = 0, src;
	__u64 *n;

	if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	n = bpf_map_lookup_elem(&total, &zero);
	if (n)
		*n += 1;
	src = ip->saddr;
	s = bpf_map_lookup_elem(&sources, &src);
	if (!s) {
		bpf_map_update_elem(&sources, &src, &fresh, BPF_NOEXIST);
		s = bpf_map_lookup_elem(&sources, &src);
		if (!s)
			return XDP_ABORTED;
	}
	if (__sync_fetch_and_add(&s->packets, 1) >= limit) {
		__sync_fetch_and_add(&dropped, 1);
		return XDP_DROP;
	}
	__sync_fetch_and_add(&s->bytes, end - data);
	bpf_tail_call(ctx, &protocols, ip->protocol);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
