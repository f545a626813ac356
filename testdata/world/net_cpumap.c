/* CPU maps. */
#include "w.h"

NOTES(8)

struct {
	__uint(type, BPF_MAP_TYPE_CPUMAP);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u32);
} cpus SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_CPUMAP);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct bpf_cpumap_val);
} cpus8 SEC(".maps");

SEC("xdp")
int entry(struct xdp_md *ctx)
{
	NOTE(0, bpf_redirect_map(&cpus, 0, XDP_PASS));
	NOTE(1, bpf_redirect_map(&cpus, 1, XDP_TX));
	NOTE(2, bpf_redirect_map(&cpus, 0, BPF_F_BROADCAST));
	NOTE(3, bpf_redirect_map(&cpus, 100, XDP_DROP));
	NOTE(4, bpf_redirect_map(&cpus8, 0, 0));
	return XDP_PASS;
}
