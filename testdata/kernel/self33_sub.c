/* The same from a subprogram: each of the 34 runs returns to the one that called.
 * propagated: same
 */
#include "k.h"

DECL(entry);
PROG_ARRAY(progs, 1, SLOT(0, entry));

SUB again(struct xdp_md *ctx)
{
	int ret = 1000;

	bpf_tail_call(ctx, &progs, 0);
	HIT(1);
	OPAQUE(ret);
	return ret;
}

PROG(entry)
{
	int got;

	HIT(0);
	got = again(ctx);
	HIT(2);
	return got + 1;
}
