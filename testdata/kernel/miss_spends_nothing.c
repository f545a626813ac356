/* A hundred misses, then a chain that still has 33.
 * propagated: same
 */
#include "k.h"

DECL(step);
PROG_ARRAY(progs, 2, SLOT(0, step));

PROG(step)
{
	HIT(0);
	bpf_tail_call(ctx, &progs, 0);
	return hits[0];
}

SUB miss(struct xdp_md *ctx, __u32 i)
{
	int ret = 1;

	bpf_tail_call(ctx, &progs, 1 + (i & 1));
	HIT(1);
	OPAQUE(ret);
	return ret;
}

PROG(entry)
{
	__u32 i;

	NOUNROLL
	for (i = 0; i < 100; i++)
		hits[2] += miss(ctx, i);
	bpf_tail_call(ctx, &progs, 0);
	return -1;
}
