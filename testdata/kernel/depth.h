/* DEPTH subprograms below the entry, the deepest of which tail-calls; each has a value on its stack and one in a
 * register that the call must leave alone.
 */
#include "k.h"

DECL(target);
PROG_ARRAY(progs, 1, SLOT(0, target));

PROG(target)
{
	HIT(1);
	return 3;
}

SUB deepest(struct xdp_md *ctx, __u32 seed)
{
	int ret = seed;

	bpf_tail_call(ctx, &progs, 0);
	HIT(2);
	OPAQUE(ret);
	return ret;
}

#define LEVEL(name, next) \
	SUB name(struct xdp_md *ctx, __u32 seed) \
	{ \
		volatile __u32 kept = seed * 5 + 1; \
		__u32 reg = seed ^ 0x55; \
		int got; \
		OPAQUE(reg); \
		got = next(ctx, seed + 1); \
		return got * 3 + kept + reg; \
	}

#if DEPTH >= 7
LEVEL(level6, deepest)
#define BELOW6 level6
#else
#define BELOW6 deepest
#endif
#if DEPTH >= 6
LEVEL(level5, BELOW6)
#define BELOW5 level5
#else
#define BELOW5 deepest
#endif
#if DEPTH >= 5
LEVEL(level4, BELOW5)
#define BELOW4 level4
#else
#define BELOW4 deepest
#endif
#if DEPTH >= 4
LEVEL(level3, BELOW4)
#define BELOW3 level3
#else
#define BELOW3 deepest
#endif
#if DEPTH >= 3
LEVEL(level2, BELOW3)
#define BELOW2 level2
#else
#define BELOW2 deepest
#endif
LEVEL(level1, BELOW2)

PROG(entry)
{
	__u32 first = ctx->data_end - ctx->data;
	int got;

	HIT(0);
	got = level1(ctx, first);
	return got ^ first;
}
