/* A subprogram that tail-calls for some packets and returns by itself for others.
 * propagated: same
 */
#include "k.h"

DECL(odd);
PROG_ARRAY(progs, 1, SLOT(0, odd));

PROG(odd) { HIT(0); return 1; }

SUB maybe(struct xdp_md *ctx, __u64 i)
{
	__u8 *data = (__u8 *)(long)ctx->data, *end = (__u8 *)(long)ctx->data_end;
	int ret = i * 3;

	if (data + 64 > end || i > 63)
		return 1000000;
	if (data[i] & 1)
		bpf_tail_call(ctx, &progs, 0);
	HIT(1);
	OPAQUE(ret);
	return ret;
}

PROG(entry)
{
	__u64 i;
	__u32 sum = 0;

	NOUNROLL
	for (i = 0; i < 64; i++)
		sum = sum * 5 + maybe(ctx, i);
	return sum;
}
