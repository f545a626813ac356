/* The index comes out of the packet.
 * propagated: same
 */
#include "k.h"

DECL(a);
DECL(b);
PROG_ARRAY(progs, 6, SLOT(1, a), SLOT(5, b));

PROG(a) { HIT(0); return 11; }
PROG(b) { HIT(1); return 13; }

SUB pick(struct xdp_md *ctx, __u32 at)
{
	__u8 *data = (__u8 *)(long)ctx->data, *end = (__u8 *)(long)ctx->data_end;
	int ret = 17;

	if (data + 16 > end || at > 15)
		return 19;
	bpf_tail_call(ctx, &progs, data[at]);
	HIT(2);
	OPAQUE(ret);
	return ret;
}

PROG(entry)
{
	__u32 i, sum = 0;

	NOUNROLL
	for (i = 0; i < 17; i++)
		sum = sum * 3 + pick(ctx, i);
	return sum;
}
