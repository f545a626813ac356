/* Five calls of a subprogram, each of which starts a chain of ten tail calls. One count: 33 in all, so the fourth chain stops
 * after three and the fifth does not start. By value all five chains are whole: 50 steps, and 5 * 10 comes back.
 * propagated: ret=50 hits=50,0,5
 */
#include "k.h"

DECL(step);
PROG_ARRAY(progs, 1, SLOT(0, step));

__u32 left;

PROG(step)
{
	HIT(0);
	if (--left == 0) {
		HIT(2);
		return 10;
	}
	bpf_tail_call(ctx, &progs, 0);
	HIT(1);
	return 100;
}

SUB chain(struct xdp_md *ctx)
{
	int ret = 1000;

	left = 10;
	bpf_tail_call(ctx, &progs, 0);
	HIT(1);
	OPAQUE(ret);
	return ret;
}

PROG(entry)
{
	__u32 i, sum = 0;

	NOUNROLL
	for (i = 0; i < 5; i++)
		sum += chain(ctx);
	return sum;
}
