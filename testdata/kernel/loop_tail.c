/* A subprogram called in a loop tail-calls one of three targets, or misses.
 * propagated: same
 */
#include "k.h"

DECL(one);
DECL(two);
DECL(three);
PROG_ARRAY(progs, 4, SLOT(0, one), SLOT(1, two), SLOT(3, three));

PROG(one) { HIT(1); return 1; }
PROG(two) { HIT(2); return 20; }
PROG(three) { HIT(3); return 300; }

SUB sub(struct xdp_md *ctx, __u32 i)
{
	int ret = 4000;

	bpf_tail_call(ctx, &progs, i & 3);
	HIT(4);
	OPAQUE(ret);
	return ret;
}

PROG(entry)
{
	__u32 i, sum = 0;

	NOUNROLL
	for (i = 0; i < 11; i++)
		sum += sub(ctx, i);
	return sum;
}
