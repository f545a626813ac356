/* main 33, foo 32, subprog 32, foo2 31, and back in foo, which tail-calls once more.
 * propagated: same
 */
#include "k.h"

DECL(foo);
DECL(foo2);
DECL(last);
PROG_ARRAY(progs, 3, SLOT(0, foo), SLOT(1, foo2), SLOT(2, last));

PROG(last) { HIT(3); return 8; }
PROG(foo2) { HIT(2); return 2; }

SUB subprog(struct xdp_md *ctx)
{
	int ret = -1;

	bpf_tail_call(ctx, &progs, 1);
	OPAQUE(ret);
	return ret;
}

PROG(foo)
{
	int got = subprog(ctx);

	HIT(1);
	if (got == 2)
		bpf_tail_call(ctx, &progs, 2);
	return got;
}

PROG(entry)
{
	HIT(0);
	bpf_tail_call(ctx, &progs, 0);
	return -1;
}
