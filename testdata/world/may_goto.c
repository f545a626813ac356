/* may_goto: loops that the verifier cannot bound. */
#include "w.h"

#define cond_break                                                                                                     \
	({                                                                                                             \
		__label__ l_break, l_continue;                                                                         \
		asm volatile goto("1:.byte 0xe5; .byte 0; .long ((%l[l_break] - 1b - 8) / 8) & 0xffff; .short 0" ::::l_break);   \
		goto l_continue;                                                                                       \
	l_break:                                                                                                       \
		break;                                                                                                 \
	l_continue:;                                                                                                   \
	})

NOTES(4)

SEC("xdp")
int bounded_by_data(struct xdp_md *ctx)
{
	__u32 n = ctx->data_end - ctx->data;
	__u64 sum = 0;
	for (__u32 i = 0; i < n; i++) {
		cond_break;
		sum += i * i;
	}
	NOTE(0, sum);
	return sum;
}

static __noinline int in_sub(__u32 n)
{
	int sum = 0;
	for (__u32 i = 0; i < n; i++) {
		cond_break;
		sum += i ^ 5;
	}
	return sum;
}

SEC("xdp")
int twice(struct xdp_md *ctx)
{
	__u32 n = ctx->data_end - ctx->data;
	int sum = in_sub(n) + in_sub(2 * n);
	for (__u32 i = n; i > 3; i -= 2) {
		cond_break;
		sum += in_sub(i);
	}
	return sum;
}

/* Only that it ends is the same everywhere: Linux stops by a count or by the clock. */
SEC("xdp")
int for_ever(struct xdp_md *ctx)
{
	__u64 seen = 0;
	if (ctx->data_end - ctx->data != 77)
		return 2;
	for (;;) {
		cond_break;
		seen |= bpf_get_prandom_u32();
	}
	return seen != 0;
}
