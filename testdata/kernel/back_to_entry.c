/* The target calls a subprogram that tail-calls back to the entry, which tail-calls the target again, up to the limit:
 * 17 runs of each, and one miss in the target's subprogram, for 33 is odd.
 * propagated: same
 */
#include "k.h"

DECL(entry);
DECL(target);
PROG_ARRAY(progs, 2, SLOT(0, entry), SLOT(1, target));

SUB back(struct xdp_md *ctx)
{
	int ret = 500;

	bpf_tail_call(ctx, &progs, 0);
	HIT(2);
	OPAQUE(ret);
	return ret;
}

PROG(target)
{
	HIT(1);
	return back(ctx) + 3;
}

PROG(entry)
{
	HIT(0);
	bpf_tail_call(ctx, &progs, 1);
	HIT(3);
	return 1;
}
