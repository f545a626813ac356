/* Subprograms that do not tail-call, between tail calls that the programs make themselves.
 * propagated: same
 */
#include "k.h"

DECL(step);
PROG_ARRAY(progs, 1, SLOT(0, step));

static __noinline __u64 mix(__u64 a, __u64 b, __u64 c, __u64 d, __u64 e)
{
	OPAQUE(a);
	return (a ^ b) * 31 + (c - d) + (e << 3);
}

static __noinline __u64 twice(__u64 a, __u64 b)
{
	__u64 x = mix(a, b, 1, 2, 3);

	return mix(x, a, b, x, 4);
}

PROG(step)
{
	hits[1] = twice(hits[1], hits[0]);
	HIT(0);
	bpf_tail_call(ctx, &progs, 0);
	return twice(hits[1], 5);
}

PROG(entry)
{
	hits[1] = twice(ctx->data_end - ctx->data, 9);
	bpf_tail_call(ctx, &progs, 0);
	return -1;
}
