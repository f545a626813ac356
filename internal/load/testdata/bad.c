/* One good program and two that cannot be loaded. */
#include "bpf.h"

extern int undefined_here(int x);

SEC("xdp") int good(struct xdp_md *ctx)
{
	return 2;
}

static __noinline int recurse(int n)
{
	volatile int m = n;

	return m < 1 ? 1 : m * recurse(m - 1) + m;
}

SEC("xdp") int recursive(struct xdp_md *ctx)
{
	return recurse(ctx->rx_queue_index);
}

static __noinline int wide(int n)
{
	volatile char buf[300];

	for (int i = 0; i < 300; i++)
		buf[i] = n + i;
	return buf[n & 255];
}

SEC("xdp") int huge(struct xdp_md *ctx)
{
	volatile __u64 buf[30];

	for (int i = 0; i < 30; i++)
		buf[i] = ctx->data;
	return wide(ctx->rx_queue_index) + buf[3];
}

SEC("xdp") int declared(struct xdp_md *ctx)
{
	return undefined_here(1);
}
