/* Two subprograms spend one count: the first chain makes 20 tail calls, the second finds 13 left. By value the second
 * chain has 33 again and makes all of its 20: the chains return 20 and 20.
 * propagated: ret=2020 hits=40,0
 */
#include "k.h"

DECL(step);
PROG_ARRAY(progs, 1, SLOT(0, step));

__u32 left;

PROG(step)
{
	HIT(0);
	if (--left) {
		bpf_tail_call(ctx, &progs, 0);
		HIT(1);
	}
	return 20 - left;
}

SUB chain(struct xdp_md *ctx)
{
	int ret = 99;

	left = 20;
	bpf_tail_call(ctx, &progs, 0);
	OPAQUE(ret);
	return ret;
}

PROG(entry)
{
	int a = chain(ctx), b = chain(ctx);

	return a * 100 + b;
}
