/* Perf event array: samples that end with bytes of the packet, from programs that have one. */
#include "w.h"

NOTES(4)

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, 4);
	__uint(value_size, 4);
	__uint(max_entries, 1024);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} flags SEC(".maps");

static __always_inline int output(void *ctx, __u32 len)
{
	struct {
		__u32 cookie, len;
	} sample = {0xcafe, len};
	__u32 zero = 0;
	__u64 *f = bpf_map_lookup_elem(&flags, &zero);

	if (f)
		NOTE(0, bpf_perf_event_output(ctx, &events, *f, &sample, sizeof(sample)));
	return 0;
}

SEC("xdp")
int on_xdp(struct xdp_md *ctx)
{
	return output(ctx, ctx->data_end - ctx->data);
}

SEC("tc")
int on_tc(struct __sk_buff *skb)
{
	return output(skb, skb->len);
}

SEC("socket")
int on_socket(struct __sk_buff *skb)
{
	return output(skb, skb->len);
}

SEC("cgroup_skb/ingress")
int on_cgroup(struct __sk_buff *skb)
{
	return output(skb, skb->len);
}
