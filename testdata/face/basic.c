// What the tests of the Go API run: maps, global data, tail calls from a
// subprogram, helpers, and every way to go wrong.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

enum kind { KIND_NONE, KIND_V4 = 4, KIND_V6 = 6 };

struct flow {
	__u32 addr;
	__u16 port;
	__u8 flags : 3, ttl : 5;
	__u8 pad;
	enum kind kind;
	char name[8];
	union {
		__u32 word;
		__u8 bytes[4];
	};
	void *next;
	struct {
		__s16 x, y;
	} at[2];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct flow);
} flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__type(key, __u32);
	__type(value, __u32);
} locked SEC(".maps");

int count(struct xdp_md *ctx);
int other(struct xdp_md *ctx);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__array(values, int(void *));
} jump SEC(".maps") = {
	.values = {[1] = (void *)&count, [3] = (void *)&other},
};

const volatile __u32 scale = 10;
__u64 seen;
__s32 level = -7;
static volatile struct flow last = {.port = 80, .kind = KIND_V6, .name = "init"};

static __always_inline void bump(__u32 i, __u64 by)
{
	__u64 *n = bpf_map_lookup_elem(&counts, &i);

	if (n)
		__sync_fetch_and_add(n, by);
}

SEC("xdp") int count(struct xdp_md *ctx)
{
	bump(1, 1);
	return 100 + scale;
}

SEC("xdp") int other(struct xdp_md *ctx)
{
	bump(2, 1);
	return 200;
}

static __noinline int leap(struct xdp_md *ctx, __u32 slot)
{
	volatile int missed = 1; // or clang takes 1 for what every call returns

	bpf_tail_call(ctx, &jump, slot);
	return missed;
}

SEC("xdp") int entry(struct xdp_md *ctx)
{
	__u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	bump(0, 1);
	seen++;
	if (data + 1 > end)
		return XDP_ABORTED;
	int r = leap(ctx, data[0]);
	data[0] = 0xee;
	last.port++;
	return r + 1000;
}

// Shares nothing with other runs that is not atomic.
SEC("xdp") int hop(struct xdp_md *ctx)
{
	return leap(ctx, ctx->rx_queue_index) + 1000;
}

SEC("xdp") int fields(struct xdp_md *ctx)
{
	return ctx->ingress_ifindex * 100 + ctx->rx_queue_index * 10 + (ctx->data - ctx->data_meta);
}

SEC("xdp") int wild(struct xdp_md *ctx)
{
	return *(volatile __u32 *)16;
}

SEC("xdp") int badkey(struct xdp_md *ctx)
{
	__u64 v = 1;

	return bpf_map_update_elem(&counts, (void *)0x20, &v, BPF_ANY);
}

SEC("xdp") int readonly(struct xdp_md *ctx)
{
	__u32 k = 0, v = 1;

	return bpf_map_update_elem(&locked, &k, &v, BPF_ANY);
}

SEC("xdp") int update(struct xdp_md *ctx)
{
	__u32 k = ctx->rx_queue_index;
	__u64 v = 77;

	return -bpf_map_update_elem(&counts, &k, &v, ctx->ingress_ifindex - 1) * 100 - bpf_map_delete_elem(&counts, &k);
}

SEC("xdp") int spin(struct xdp_md *ctx)
{
	for (volatile int i = 0;; i++)
		;
}

SEC("xdp") int print(struct xdp_md *ctx)
{
	char who[8] = "world";

	return bpf_printk("hello %s %d %x", who, -5, 255);
}

SEC("xdp") int env(struct xdp_md *ctx)
{
	return bpf_get_smp_processor_id() + 10 * bpf_get_prandom_u32() + 1000 * (__u32)bpf_ktime_get_ns();
}

SEC("tc") int mark(struct __sk_buff *skb)
{
	__u8 *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;

	skb->mark += 1;
	skb->cb[1] = skb->len;
	if (data + 14 > end)
		return 2;
	data[5] = skb->pkt_type;
	return __builtin_bswap16(skb->protocol);
}

SEC("tracepoint/x/y") int point(__u64 *ctx)
{
	ctx[1] = ctx[0] * 2;
	return ctx[0];
}

char _license[] SEC("license") = "GPL";
