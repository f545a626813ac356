/* Return values through a chain of calls and tail calls: a digit is added on each way back.
 * entry calls s1, s1 becomes a, a calls s2, s2 becomes b, b becomes c, c calls s3, s3 misses.
 * propagated: same
 */
#include "k.h"

DECL(a);
DECL(b);
DECL(c);
PROG_ARRAY(progs, 4, SLOT(0, a), SLOT(1, b), SLOT(2, c));

#define TAIL_SUB(name, slot, missed) \
	SUB name(struct xdp_md *ctx) \
	{ \
		int ret = missed; \
		bpf_tail_call(ctx, &progs, slot); \
		HIT(7); \
		OPAQUE(ret); \
		return ret; \
	}
TAIL_SUB(s1, 0, 91)
TAIL_SUB(s2, 1, 92)
TAIL_SUB(s3, 3, 3)

PROG(c) { HIT(2); return s3(ctx) * 10 + 4; }
PROG(b) { HIT(1); bpf_tail_call(ctx, &progs, 2); return 93; }
PROG(a) { HIT(0); return s2(ctx) * 10 + 5; }
PROG(entry) { return s1(ctx) * 10 + 6; }
