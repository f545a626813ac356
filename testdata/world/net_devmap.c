/* Device maps: what programs see, and verdicts of bpf_redirect_map. */
#include "w.h"

NOTES(32)

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u32);
} devs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, struct bpf_devmap_val);
} devs8 SEC(".maps");

SEC("xdp")
int redirect(struct xdp_md *ctx)
{
	NOTE(0, bpf_redirect_map(&devs, 0, 0));
	NOTE(1, bpf_redirect_map(&devs, 1, XDP_TX));
	NOTE(2, bpf_redirect_map(&devs, 1, XDP_PASS));
	NOTE(3, bpf_redirect_map(&devs, 9, XDP_DROP));
	NOTE(4, bpf_redirect_map(&devs, 0, 4));
	NOTE(5, bpf_redirect_map(&devs, 0, BPF_F_BROADCAST));
	NOTE(6, bpf_redirect_map(&devs, 9, BPF_F_BROADCAST | XDP_PASS));
	NOTE(7, bpf_redirect_map(&devs, 9, BPF_F_BROADCAST | BPF_F_EXCLUDE_INGRESS));
	NOTE(8, bpf_redirect_map(&devs, 9, BPF_F_EXCLUDE_INGRESS | XDP_TX));
	NOTE(9, bpf_redirect_map(&devs, 0, 1ULL << 33));
	NOTE(10, bpf_redirect_map(&devs8, 1ULL << 32, XDP_DROP));
	return XDP_PASS;
}

SEC("xdp")
int look(struct xdp_md *ctx)
{
	int j;

	for (j = 0; j < 5; j++) {
		__u32 i = j;
		__u32 *v = bpf_map_lookup_elem(&devs, &i);
		struct bpf_devmap_val *w = bpf_map_lookup_elem(&devs8, &i);

		NOTE(11 + i, v ? *v : -1);
		NOTE(16 + i, w ? w->ifindex : -1);
		NOTE(21 + i, w ? w->bpf_prog.fd : -1);
	}
	return XDP_PASS;
}
