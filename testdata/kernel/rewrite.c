/* Each hop rewrites a byte of the packet; the last sums them up.
 * propagated: same
 */
#include "k.h"

DECL(step);
PROG_ARRAY(progs, 1, SLOT(0, step));

SUB stamp(struct xdp_md *ctx, __u64 at)
{
	__u8 *data = (__u8 *)(long)ctx->data, *end = (__u8 *)(long)ctx->data_end;

	at &= 63;
	if (data + at + 1 > end)
		return -1;
	data[at] = data[at] * 3 + at;
	return data[at];
}

PROG(step)
{
	__u64 n = hits[0];

	HIT(0);
	if (stamp(ctx, n) < 0)
		return 1;
	bpf_tail_call(ctx, &progs, 0);
	return stamp(ctx, 63);
}

PROG(entry)
{
	hits[0] = 14;
	bpf_tail_call(ctx, &progs, 0);
	return -1;
}
