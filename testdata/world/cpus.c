/* Processors and random numbers. */
#include "w.h"

NOTES(16)

SEC("xdp")
int in_xdp(struct xdp_md *ctx)
{
	__u32 cpu = bpf_get_smp_processor_id();
	__u64 a = bpf_get_prandom_u32(), b = bpf_get_prandom_u32(), c = bpf_get_prandom_u32();

	NOTE(0, cpu < 4096);
	NOTE(1, bpf_get_numa_node_id() == 0 || bpf_get_numa_node_id() < 64);
	NOTE(2, cpu == bpf_get_smp_processor_id());
	NOTE(3, a != b || b != c);
	NOTE(4, (a | b | c) >> 32);
	return XDP_PASS;
}

SEC("socket")
int in_socket(struct __sk_buff *skb)
{
	return bpf_get_smp_processor_id() < 4096 && bpf_get_numa_node_id() >= 0;
}

SEC("raw_tp")
int in_raw_tp(void *ctx)
{
	NOTE(5, bpf_get_smp_processor_id());
	NOTE(6, !!bpf_get_numa_node_id());
	return 0;
}
