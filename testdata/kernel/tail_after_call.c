/* The entry calls a subprogram that tail-calls, and then tail-calls itself: 33 tail calls in all, two to each run, so the 17th
 * run's subprogram makes the last one. By value the subprogram never takes from the entry's count: 34 runs, 33 of
 * whose subprograms have a tail call left; the last run's falls through.
 * propagated: ret=34 hits=34,33,1
 */
#include "k.h"

DECL(entry);
DECL(leaf);
PROG_ARRAY(progs, 2, SLOT(0, entry), SLOT(1, leaf));

PROG(leaf) { HIT(1); return 0; }

SUB sub(struct xdp_md *ctx)
{
	int ret = 0;

	bpf_tail_call(ctx, &progs, 1);
	HIT(2);
	OPAQUE(ret);
	return ret;
}

PROG(entry)
{
	HIT(0);
	sub(ctx);
	bpf_tail_call(ctx, &progs, 0);
	return hits[0];
}
