/* Device maps with keys of any value. */
#include "w.h"

NOTES(16)

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP_HASH);
	__uint(max_entries, 3);
	__type(key, __u32);
	__type(value, struct bpf_devmap_val);
} devs SEC(".maps");

SEC("xdp")
int entry(struct xdp_md *ctx)
{
	__u32 keys[] = {0, 77, 1000, -1};
	int i;

	for (i = 0; i < 4; i++) {
		struct bpf_devmap_val *v = bpf_map_lookup_elem(&devs, &keys[i]);

		NOTE(i, v ? v->ifindex : -1);
		NOTE(4 + i, bpf_redirect_map(&devs, keys[i], XDP_PASS));
	}
	NOTE(8, bpf_redirect_map(&devs, 77, BPF_F_BROADCAST | BPF_F_EXCLUDE_INGRESS));
	NOTE(9, bpf_redirect_map(&devs, 77, 32));
	return XDP_PASS;
}
