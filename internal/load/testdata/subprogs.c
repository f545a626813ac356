/* Subprograms in .text and in program sections, shared by several programs,
   and a tail call made from one of them. */
#include "bpf.h"

int second(struct xdp_md *ctx);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 3);
	__uint(key_size, sizeof(__u32));
	__array(values, int(void *));
} jmp_table SEC(".maps") = {
	.values = {
		[0] = (void *)&second,
		[2] = (void *)&second,
	},
};

static __noinline int leaf(int a, int b)
{
	return a * 3 + b;
}

static __noinline int middle(struct xdp_md *ctx, int a)
{
	return leaf(a, ctx->rx_queue_index) ^ a;
}

static __noinline int jumps(struct xdp_md *ctx)
{
	volatile char pad[40];

	pad[0] = ctx->ingress_ifindex;
	bpf_tail_call(ctx, &jmp_table, 2);
	return pad[0] + 1;
}

/* A global function of a program section of its own. */
SEC("freplace/helper") __noinline int elsewhere(int a)
{
	return a + 7;
}

SEC("xdp") int first(struct xdp_md *ctx)
{
	return middle(ctx, 1) + jumps(ctx) + elsewhere(2);
}

SEC("xdp") int second(struct xdp_md *ctx)
{
	return middle(ctx, 2) + leaf(4, 5);
}
