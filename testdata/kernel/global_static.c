/* Static calls global calls static, which tail-calls; results come back through all of them.
 * propagated: same
 */
#include "k.h"

DECL(target);
PROG_ARRAY(progs, 2, SLOT(1, target));

PROG(target) { HIT(0); return 2; }

SUB inner(struct xdp_md *ctx, int i)
{
	int ret = 50;

	bpf_tail_call(ctx, &progs, i);
	HIT(1);
	OPAQUE(ret);
	return ret;
}

__noinline int middle(struct xdp_md *ctx, int i)
{
	int got = inner(ctx, i);

	HIT(2);
	return got * 3 + i;
}

SUB outer(struct xdp_md *ctx, int i)
{
	int got = middle(ctx, i);

	HIT(3);
	return got * 7;
}

PROG(entry)
{
	return outer(ctx, 1) * 1000 + outer(ctx, 0);
}
