/* The same with a budget of 40 runs, kept in memory. By value all 40 are used: the left-most path goes 33 deep with 34
 * runs, and the right branches of its last frames, which still have a few tail calls left, take the other six.
 *
 * Runs are numbered as they start. Run 34 has count 0: left and right fall through (two misses). Then right of run
 * 33, whose frame holds 1, starts run 35, count 0 (two misses). Right of run 32, which holds 2, starts 36 with
 * count 1; its left starts 37 (count 0, two misses), its right 38 (two misses). Right of run 31, which holds 3, starts 39
 * with 2, whose left starts 40 with 1: now the budget is spent, and all that is left returns 5 at once.
 * Of the 80 calls of go, 39 start a run, 8 miss (0), and 33 find the budget spent (5). Three runs have a right result no
 * smaller than their left one by other than the budget, and each adds 40: 120.
 * propagated: ret=120 hits=40,8,33
 */
#include "k.h"

DECL(entry);
PROG_ARRAY(progs, 1, SLOT(0, entry));

SUB go(struct xdp_md *ctx)
{
	int ret = 0;

	if (hits[0] >= 40) {
		HIT(2);
		return 5;
	}
	bpf_tail_call(ctx, &progs, 0);
	HIT(1);
	OPAQUE(ret);
	return ret;
}

PROG(entry)
{
	int l, r;

	HIT(0);
	l = go(ctx);
	r = go(ctx);
	return l > r ? l : r + 40;
}
