// What the soak test runs: every way through the gate, mixed, in programs that
// notice when a register, a stack or a count is not as they left it.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

static long (*churn)(long n) = (void *)6000;		      // allocates; 3 * n
static long (*apply)(long (*fn)(long, long), long n) = (void *)6001; // fn(0, n) + fn(1, n) + fn(2, n)
static long (*fail)(long how) = (void *)6002;		      // errs, panics, leaves

enum { RUNS, TAILS, SLOTS };

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SLOTS);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

int leaf_a(struct xdp_md *ctx);
int leaf_b(struct xdp_md *ctx);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__array(values, int(void *));
} jump SEC(".maps") = {
	.values = {[0] = (void *)&leaf_a, [1] = (void *)&leaf_b},
};

static __always_inline void bump(__u32 i)
{
	__u64 *n = bpf_map_lookup_elem(&counts, &i);

	if (n)
		__sync_fetch_and_add(n, 1);
}

// Values that the compiler must keep across a helper: in registers and on the stack.
static __noinline long hold(long n)
{
	volatile long on_stack = n * 7;
	long a = n + 1, b = n ^ 5, c = n << 3, d = n - 9;

	asm volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d));
	long r = churn(n);
	asm volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d));
	if (a != n + 1 || b != (n ^ 5) || c != n << 3 || d != n - 9 || on_stack != n * 7)
		return -1;
	return r;
}

SEC("xdp") int leaf_a(struct xdp_md *ctx)
{
	bump(TAILS);
	return hold(ctx->ingress_ifindex) + 1000;
}

SEC("xdp") int leaf_b(struct xdp_md *ctx)
{
	bump(TAILS);
	return hold(ctx->ingress_ifindex) + 2000;
}

static __noinline int leap(struct xdp_md *ctx, __u32 slot)
{
	volatile int missed = 7;

	if (hold(slot) < 0)
		return -1;
	bpf_tail_call(ctx, &jump, slot);
	return missed;
}

// rx_queue_index is the slot, ingress_ifindex what the leaf gets: 3 * it and
// 1000, 2000, or 7 where the slot is empty, and 10 on top.
SEC("xdp") int mixed(struct xdp_md *ctx)
{
	long keep = ctx->rx_queue_index + 10;

	bump(RUNS);
	asm volatile("" : "+r"(keep));
	int r = leap(ctx, ctx->rx_queue_index);
	if (r < 0)
		return r;
	return r + keep - ctx->rx_queue_index;
}

// Tail-calls itself until the count is spent: 34 entries.
SEC("xdp") int chain(struct xdp_md *ctx)
{
	bump(RUNS);
	if (hold(3) != 9)
		return -1;
	bpf_tail_call(ctx, &jump, 2);
	return 33;
}

static __noinline long inner(long i, long n)
{
	return hold(n) + i;
}

SEC("xdp") int callback(struct xdp_md *ctx)
{
	volatile long keep[4] = {1, 2, 3, 4};

	bump(RUNS);
	long r = apply(inner, ctx->ingress_ifindex);
	return r + keep[0] + keep[3];
}

// Uses up several slices of fuel, with helpers in between.
SEC("xdp") int loop(struct xdp_md *ctx)
{
	__u64 sum = 0, n = ctx->ingress_ifindex;

	bump(RUNS);
	for (__u64 i = 0; i < n; i++) {
		sum += i;
		asm volatile("" : "+r"(sum));
		if (i % 4096 == 4095 && hold(i) != 3 * i)
			return -1;
	}
	return sum;
}

SEC("xdp") int fails(struct xdp_md *ctx)
{
	bump(RUNS);
	return fail(ctx->ingress_ifindex);
}

SEC("xdp") int wild(struct xdp_md *ctx)
{
	bump(RUNS);
	return *(volatile __u32 *)(long)(ctx->ingress_ifindex * 16);
}

char _license[] SEC("license") = "GPL";
