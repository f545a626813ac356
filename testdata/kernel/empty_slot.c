/* An empty slot falls through, in the entry and in a subprogram.
 * propagated: same
 */
#include "k.h"

DECL(target);
PROG_ARRAY(progs, 3, SLOT(1, target));

PROG(target) { HIT(0); return 4; }

SUB sub(struct xdp_md *ctx)
{
	int ret = 1;

	bpf_tail_call(ctx, &progs, 2);
	HIT(1);
	bpf_tail_call(ctx, &progs, 1);
	HIT(2);
	OPAQUE(ret);
	return ret;
}

PROG(entry)
{
	bpf_tail_call(ctx, &progs, 0);
	HIT(3);
	return sub(ctx) + 10;
}
