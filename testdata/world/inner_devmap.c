/* Packets are redirected through a map of devices that was found in a map. */
#include "w.h"

NOTES(4)

struct devices {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u32);
} one SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 2);
	__type(key, __u32);
	__array(values, struct devices);
} sets SEC(".maps") = { .values = { [1] = &one } };

SEC("xdp")
int entry(struct xdp_md *ctx)
{
	__u32 key = (ctx->data_end - ctx->data) & 1, slot = (ctx->data_end - ctx->data) >> 1 & 7;
	void *in = bpf_map_lookup_elem(&sets, &key);

	NOTE(0, !!in);
	if (!in)
		return XDP_DROP;
	NOTE(1, !!bpf_map_lookup_elem(in, &slot));
	return bpf_redirect_map(in, slot, XDP_PASS);
}
