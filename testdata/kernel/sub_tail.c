/* A tail call from a subprogram: the target returns to the subprogram's caller.
 * propagated: same
 */
#include "k.h"

DECL(target);
PROG_ARRAY(progs, 1, SLOT(0, target));

PROG(target)
{
	HIT(1);
	return 7;
}

SUB sub(struct xdp_md *ctx)
{
	int ret = 1;

	bpf_tail_call(ctx, &progs, 0);
	HIT(2);
	OPAQUE(ret);
	return ret;
}

PROG(entry)
{
	int got;

	HIT(0);
	got = sub(ctx);
	HIT(3);
	return got * 10 + 5;
}
