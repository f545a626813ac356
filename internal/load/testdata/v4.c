/* What -mcpu=v4 adds: sign extension, signed division, byte swap, gotol. */
#include "bpf.h"

__s64 values[8];

SEC("xdp") int v4(struct xdp_md *ctx)
{
	__s8 a = ((__s8 *)values)[1];
	__s16 b = ((__s16 *)values)[5];
	__s32 c = ((__s32 *)values)[6];
	__s64 d = values[4];

	d = d / (c ? c : 1) + d % (b ? b : 3);
	c = c / (a | 1) + c % 7;
	values[6] = (__s8)d;
	values[7] = (__s16)(d >> 3) + (__s32)(d >> 5) + __builtin_bswap64(d) + __builtin_bswap16(c);
	__sync_fetch_and_add(&values[0], d);
	return a + c;
}

SEC("xdp") int far(struct xdp_md *ctx)
{
	__u64 x = ctx->rx_queue_index;

	asm volatile goto("gotol %l[out]" : : : : out);
	x += 5;
out:
	return x;
}
