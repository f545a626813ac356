/* Ring buffer: records from programs of all types that the kernel can run by itself, in one order. */
#include "w.h"

struct event {
	__u32 who, len;
	__u64 seq;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

static __u64 seq;

static __always_inline int record(__u32 who, __u32 len)
{
	struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	struct event copy = {who + 100, len, seq++};

	if (!e)
		return 0;
	*e = copy;
	e->who = who;
	bpf_ringbuf_submit(e, 0);
	return bpf_ringbuf_output(&events, &copy, sizeof(copy), 0) == 0;
}

SEC("xdp")
int on_xdp(struct xdp_md *ctx)
{
	return record(1, ctx->data_end - ctx->data);
}

SEC("tc")
int on_tc(struct __sk_buff *skb)
{
	return record(2, skb->len);
}

SEC("socket")
int on_socket(struct __sk_buff *skb)
{
	return record(3, 0);
}

SEC("cgroup_skb/ingress")
int on_cgroup(struct __sk_buff *skb)
{
	return record(4, 0);
}

SEC("lwt_out")
int on_lwt(struct __sk_buff *skb)
{
	return record(5, 0);
}

SEC("raw_tp/sys_enter")
int on_raw_tp(struct bpf_raw_tracepoint_args *ctx)
{
	return record(6, ctx->args[0]);
}

SEC("syscall")
int on_syscall(void *ctx)
{
	return record(7, 0);
}

SEC("flow_dissector")
int on_flow(struct __sk_buff *skb)
{
	record(8, 0);
	return 0;
}
