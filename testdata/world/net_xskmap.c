/* XSK maps without sockets. */
#include "w.h"

NOTES(8)

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u32);
} xsks SEC(".maps");

SEC("xdp")
int entry(struct xdp_md *ctx)
{
	__u32 zero = 0, five = 5;

	NOTE(0, bpf_redirect_map(&xsks, 0, XDP_PASS));
	NOTE(1, bpf_redirect_map(&xsks, 4, XDP_TX));
	NOTE(2, bpf_redirect_map(&xsks, 0, BPF_F_BROADCAST));
	NOTE(3, !!bpf_map_lookup_elem(&xsks, &zero));
	NOTE(4, !!bpf_map_lookup_elem(&xsks, &five));
	return XDP_PASS;
}
