// Programs that do not end by themselves, or not for a long time, each in a way of its own.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

static long (*apply)(long (*fn)(long, long), long n) = (void *)5001;
static long (*wait)(void) = (void *)5002;

int looper(struct xdp_md *ctx);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, int(void *));
} jump SEC(".maps") = {
	.values = {[0] = (void *)&looper},
};

// Always true, which the compiler does not know: it leaves out what is behind an endless loop.
static volatile int on = 1;

static __noinline int forever(int n)
{
	while (on)
		n++;
	return n;
}

SEC("xdp") int looper(struct xdp_md *ctx)
{
	return forever(ctx->rx_queue_index) + 1;
}

static __noinline int leap(struct xdp_md *ctx)
{
	volatile int missed = 1;

	bpf_tail_call(ctx, &jump, 0);
	return missed;
}

// A loop in a subprogram of a program that a subprogram tail-calls.
SEC("xdp") int behind_tail_call(struct xdp_md *ctx)
{
	return leap(ctx) + 1;
}

SEC("xdp") int helpers(struct xdp_md *ctx)
{
	while (on)
		bpf_get_smp_processor_id();
	return 0;
}

// A loop around a helper that takes its time.
SEC("xdp") int slow_helpers(struct xdp_md *ctx)
{
	while (on)
		wait();
	return 0;
}

SEC("xdp") int waits(struct xdp_md *ctx)
{
	return wait() + 1;
}

static long endless(long i, long n)
{
	return forever(i);
}

// A loop in a callback.
SEC("xdp") int callback(struct xdp_md *ctx)
{
	return apply(endless, 1);
}

static long count(long i, long n)
{
	long sum = n;

	for (long k = 0; k < i; k++) {
		asm volatile("" : "+r"(sum));
		sum++;
	}
	return sum;
}

// Callbacks that end, as many as rx_queue_index says.
SEC("xdp") int callbacks(struct xdp_md *ctx)
{
	long sum = 0;

	for (__u32 i = 0; i < ctx->rx_queue_index; i++)
		sum += apply(count, i);
	return sum;
}

static long nothing(long i, long n)
{
	return 0;
}

// Callbacks without loops, more than anybody wants to wait for.
SEC("xdp") int many_callbacks(struct xdp_md *ctx)
{
	return apply(nothing, 1L << 40);
}

// A billion calls without a single jump back.
#define TIMES10(x) x x x x x x x x x x
#define CALLS(f, g)                                  \
	static __noinline int f(int n)               \
	{                                            \
		TIMES10(n += g(n); n += g(n);)       \
		return n;                            \
	}

static __noinline int leaf(int n)
{
	asm volatile("" : "+r"(n));
	return n;
}

CALLS(deep1, leaf)
CALLS(deep2, deep1)
CALLS(deep3, deep2)
CALLS(deep4, deep3)
CALLS(deep5, deep4)
CALLS(deep6, deep5)

SEC("xdp") int calls(struct xdp_md *ctx)
{
	int n = 1;

	TIMES10(n += deep6(n); n += deep6(n);)
	return n;
}

char _license[] SEC("license") = "GPL";
