/* Two subprograms, each of which tail-calls the entry. One count stops it after 33 tail calls.
 * By value it would run 2^34 - 1 times.
 * propagated: fuel
 */
#include "k.h"

DECL(entry);
PROG_ARRAY(progs, 1, SLOT(0, entry));

SUB left(struct xdp_md *ctx)
{
	int ret = 1;

	bpf_tail_call(ctx, &progs, 0);
	HIT(1);
	OPAQUE(ret);
	return ret;
}

SUB right(struct xdp_md *ctx)
{
	int ret = 2;

	bpf_tail_call(ctx, &progs, 0);
	HIT(2);
	OPAQUE(ret);
	return ret;
}

PROG(entry)
{
	int l, r;

	HIT(0);
	l = left(ctx);
	r = right(ctx);
	return l * 3 + r;
}
