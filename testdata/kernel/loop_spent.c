/* Forty calls of a subprogram that tail-calls. One count for all: 33 are taken and seven fall through. By value the
 * subprogram is given 33 each time, so all forty are taken: 40 * 1.
 * propagated: ret=40 hits=40,0
 */
#include "k.h"

DECL(target);
PROG_ARRAY(progs, 1, SLOT(0, target));

PROG(target) { HIT(0); return 1; }

SUB sub(struct xdp_md *ctx)
{
	int ret = 100;

	bpf_tail_call(ctx, &progs, 0);
	HIT(1);
	OPAQUE(ret);
	return ret;
}

PROG(entry)
{
	__u32 i, sum = 0;

	NOUNROLL
	for (i = 0; i < 40; i++)
		sum += sub(ctx);
	return sum;
}
