/* The caller's stack survives a tail call in a subprogram whose target fills its own.
 * propagated: same
 */
#include "k.h"

DECL(target);
PROG_ARRAY(progs, 1, SLOT(0, target));

PROG(target)
{
	volatile __u64 mine[16];
	__u64 sum = 0;
	__u32 i;

	NOUNROLL
	for (i = 0; i < 16; i++)
		mine[i] = ~0ull - i;
	NOUNROLL
	for (i = 0; i < 16; i++)
		sum += mine[i];
	HIT(0);
	return sum;
}

SUB sub(struct xdp_md *ctx)
{
	volatile __u64 mine[8];
	int ret = 1;
	__u32 i;

	NOUNROLL
	for (i = 0; i < 8; i++)
		mine[i] = 0xaaaa;
	bpf_tail_call(ctx, &progs, 0);
	ret += mine[3];
	OPAQUE(ret);
	return ret;
}

PROG(entry)
{
	volatile __u64 kept[16];
	__u64 sum = 0;
	__u32 i;
	int got;

	NOUNROLL
	for (i = 0; i < 16; i++)
		kept[i] = i * 0x0101010101010101ull;
	got = sub(ctx);
	NOUNROLL
	for (i = 0; i < 16; i++)
		sum = sum * 31 + kept[i];
	hits[1] = sum;
	return got + (__u32)sum;
}
