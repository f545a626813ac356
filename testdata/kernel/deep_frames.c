/* 33 tail calls from the deepest frames that are allowed. Not run in the kernel: its stack is as deep as ours, but
 * shared with everything else.
 * kernel: no
 * propagated: same
 */
#include "k.h"

DECL(entry);
PROG_ARRAY(progs, 1, SLOT(0, entry));

SUB deepest(struct xdp_md *ctx, __u32 seed)
{
	volatile __u32 kept = seed;
	int ret = 1;

	bpf_tail_call(ctx, &progs, 0);
	HIT(1);
	ret += kept;
	OPAQUE(ret);
	return ret;
}

#define LEVEL(name, next) \
	SUB name(struct xdp_md *ctx, __u32 seed) \
	{ \
		volatile __u64 kept[3]; \
		int got; \
		kept[0] = seed; \
		kept[1] = seed * 3; \
		kept[2] = ~seed; \
		got = next(ctx, seed + 1); \
		return got * 3 + kept[0] + kept[1] + kept[2]; \
	}
LEVEL(level6, deepest)
LEVEL(level5, level6)
LEVEL(level4, level5)
LEVEL(level3, level4)
LEVEL(level2, level3)
LEVEL(level1, level2)

PROG(entry)
{
	HIT(0);
	return level1(ctx, hits[0]);
}
