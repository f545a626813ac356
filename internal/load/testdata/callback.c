/* Function pointers: one that a helper calls, one that the program calls. */
#include "bpf.h"

struct acc {
	__u64 sum;
	__u32 n;
};

static long add(__u32 i, struct acc *a)
{
	a->sum += i;
	a->n++;
	return 0;
}

SEC("tc") int loops(void *ctx)
{
	struct acc a = {};

	bpf_loop(10, add, &a, 0);
	return a.sum + a.n;
}

static __noinline int triple(int x)
{
	return x * 3;
}

static __noinline int five(int x)
{
	return x * 5;
}

SEC("xdp") int indirect(struct xdp_md *ctx)
{
	int (*volatile f)(int) = ctx->data ? triple : five;

	return f(ctx->rx_queue_index);
}
