/* Perf event array: samples from programs of all types that the kernel can run by itself. */
#include "w.h"

NOTES(2)

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(int));
	__uint(value_size, sizeof(int));
} events SEC(".maps");

static __u64 seq;

static __always_inline int sample(void *ctx, __u32 who)
{
	struct {
		__u32 who, pad;
		__u64 seq;
	} s = {who, 0, seq++};

	NOTE(0, bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &s, sizeof(s)));
	NOTE(1, bpf_perf_event_output(ctx, &events, 1ull << 52, &s, sizeof(s)));
	return 0;
}

SEC("xdp")
int on_xdp(struct xdp_md *ctx)
{
	return sample(ctx, 1);
}

SEC("tc")
int on_tc(struct __sk_buff *skb)
{
	return sample(skb, 2);
}

SEC("socket")
int on_socket(struct __sk_buff *skb)
{
	return sample(skb, 3);
}

SEC("cgroup_skb/egress")
int on_cgroup(struct __sk_buff *skb)
{
	return sample(skb, 4);
}

SEC("lwt_in")
int on_lwt(struct __sk_buff *skb)
{
	return sample(skb, 5);
}

SEC("raw_tp/sys_enter")
int on_raw_tp(struct bpf_raw_tracepoint_args *ctx)
{
	return sample(ctx, 6);
}
