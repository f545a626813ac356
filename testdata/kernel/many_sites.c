/* One function with many tail-call sites, constant and variable indices.
 * propagated: same
 */
#include "k.h"

DECL(p0);
DECL(p1);
DECL(p2);
PROG_ARRAY(progs, 8, SLOT(0, p0), SLOT(3, p1), SLOT(7, p2));

PROG(p0) { HIT(0); return 1; }
PROG(p1) { HIT(1); return 2; }
PROG(p2) { HIT(2); return 3; }

SUB sites(struct xdp_md *ctx, __u32 i)
{
	int ret = 40;

	switch (i) {
	case 0:
		bpf_tail_call(ctx, &progs, 0);
		break;
	case 1:
		bpf_tail_call(ctx, &progs, 1);
		bpf_tail_call(ctx, &progs, 2);
		bpf_tail_call(ctx, &progs, 3);
		break;
	case 2:
		bpf_tail_call(ctx, &progs, 8);
		bpf_tail_call(ctx, &progs, 7);
		break;
	default:
		bpf_tail_call(ctx, &progs, i * 2);
		ret++;
		break;
	}
	HIT(3);
	OPAQUE(ret);
	return ret;
}

PROG(entry)
{
	__u32 i, sum = 0;

	NOUNROLL
	for (i = 0; i < 6; i++)
		sum = sum * 7 + sites(ctx, i);
	return sum;
}
