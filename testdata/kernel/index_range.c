/* Indices at and beyond the end of the array fall through; nothing is spent.
 * propagated: same
 */
#include "k.h"

DECL(target);
PROG_ARRAY(progs, 3, SLOT(0, target), SLOT(2, target));

PROG(target) { HIT(0); return 9; }

SUB sub(struct xdp_md *ctx, __u32 i)
{
	int ret = i;

	bpf_tail_call(ctx, &progs, i);
	HIT(1);
	OPAQUE(ret);
	return ret & 0xff;
}

PROG(entry)
{
	return sub(ctx, 3) + sub(ctx, 4) * 3 + sub(ctx, 0x7fffffff) * 5 + sub(ctx, 0x80000000) * 7 +
	       sub(ctx, 0xffffffff) * 11 + sub(ctx, 2) * 1000 + sub(ctx, 1) * 100000;
}
