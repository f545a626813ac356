/* Only the low 32 bits of the index count: 2^32 is slot 0, 2^63 + 5 is beyond the end.
 * propagated: same
 */
#include "k.h"

DECL(target);
PROG_ARRAY(progs, 2, SLOT(0, target));

PROG(target) { HIT(0); return 9; }

static __noinline int sub(struct xdp_md *ctx, __u64 index)
{
	register __u64 r1 asm("r1") = (__u64)ctx;
	register __u64 r2 asm("r2") = (__u64)&progs;
	register __u64 r3 asm("r3") = index;
	int ret = 2;

	asm volatile("call 12" : "+r"(r1), "+r"(r2), "+r"(r3) : : "r0", "r4", "r5", "memory");
	HIT(1);
	OPAQUE(ret);
	return ret;
}

PROG(entry)
{
	return sub(ctx, 1ull << 32) + sub(ctx, (1ull << 63) + 5) * 10 + sub(ctx, 0xffffffff00000001ull) * 100;
}
