/* R6 to R9 of the caller survive a tail call in a subprogram whose target uses them all.
 * propagated: same
 */
#include "k.h"

DECL(target);
PROG_ARRAY(progs, 1, SLOT(0, target));

PROG(target)
{
	HIT(0);
	asm volatile("r6 = 1; r7 = 2; r8 = 3; r9 = 4" : : : "r6", "r7", "r8", "r9");
	return 5;
}

SUB sub(struct xdp_md *ctx)
{
	int ret = 77;

	asm volatile("r6 = 61; r7 = 71; r8 = 81; r9 = 91" : : : "r6", "r7", "r8", "r9");
	bpf_tail_call(ctx, &progs, 0);
	OPAQUE(ret);
	return ret;
}

PROG(entry)
{
	__u64 a = 0x1111111111111111, b = 0x2222222222222222, c = 0x3333333333333333, d = ctx->data_end - ctx->data;
	int got;

	OPAQUE(a);
	OPAQUE(b);
	OPAQUE(c);
	got = sub(ctx);
	hits[1] = a;
	hits[2] = b;
	hits[3] = c;
	hits[4] = d;
	return got + (a ^ b ^ c) + d;
}
