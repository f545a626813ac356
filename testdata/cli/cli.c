// What the tests of the command run: verdicts, changed bytes, a map, a tail
// call that is taken or missed, and faults.
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

struct counter {
	__u64 packets;
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, struct counter);
} counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u32);
} jmp_table SEC(".maps");

__u32 seen;

static __noinline int count(__u32 slot, __u32 bytes)
{
	struct counter *c = bpf_map_lookup_elem(&counters, &slot);

	if (!c)
		return 0;
	c->packets++;
	c->bytes += bytes;
	return 1;
}

SEC("xdp") int entry(struct xdp_md *ctx)
{
	__u32 length = ctx->data_end - ctx->data;

	seen++;
	count(length < 64, length);
	bpf_tail_call(ctx, &jmp_table, 0);
	return XDP_DROP;
}

SEC("xdp") int swap(struct xdp_md *ctx)
{
	__u8 *p = (__u8 *)(long)ctx->data, *end = (__u8 *)(long)ctx->data_end;

	if (p + 12 > end)
		return XDP_ABORTED;
	for (int i = 0; i < 6; i++) {
		__u8 t = p[i];
		p[i] = p[i + 6];
		p[i + 6] = t;
	}
	return XDP_TX;
}

SEC("xdp") int wild(struct xdp_md *ctx)
{
	return *(volatile __u32 *)(long)(ctx->data + 0x40000000);
}

SEC("xdp") int spin(struct xdp_md *ctx)
{
	volatile __u32 n = 1;

	while (n)
		n |= 1;
	return XDP_PASS;
}

SEC("xdp") int hello(struct xdp_md *ctx)
{
	bpf_printk("hello %d", ctx->data_end - ctx->data);
	return 77;
}

SEC("tc") int classify(struct __sk_buff *skb)
{
	return skb->len > 100 ? TC_ACT_SHOT : TC_ACT_OK;
}

SEC("tracepoint/x/y") int point(__u64 *ctx)
{
	return ctx[0] + ctx[1];
}

char _license[] SEC("license") = "GPL";
