/* The function that tail-calls is global, and so verified on its own.
 * propagated: same
 */
#include "k.h"

DECL(target);
PROG_ARRAY(progs, 1, SLOT(0, target));

PROG(target) { HIT(0); return 6; }

__noinline int global(struct xdp_md *ctx, int seed)
{
	int ret = seed;

	bpf_tail_call(ctx, &progs, seed);
	HIT(1);
	OPAQUE(ret);
	return ret;
}

PROG(entry)
{
	int a = global(ctx, 0), b = global(ctx, 1);

	return a * 10 + b;
}
