/* The same mixture for packets of the traffic-control hook, with state in the context's cb.
 * propagated: same
 */
#include "k.h"

int step(struct __sk_buff *ctx);
PROG_ARRAY(progs, 1, SLOT(0, step));

SUB next(struct __sk_buff *ctx)
{
	int ret = ctx->cb[0];

	ctx->cb[0] += 3;
	bpf_tail_call(ctx, &progs, 0);
	HIT(1);
	OPAQUE(ret);
	return ret;
}

SEC("tc")
int step(struct __sk_buff *ctx)
{
	HIT(0);
	ctx->cb[1] ^= ctx->cb[0] << 1;
	return next(ctx) + ctx->cb[1];
}

SEC("tc")
int entry(struct __sk_buff *ctx)
{
	ctx->cb[0] = ctx->len;
	ctx->cb[1] = 1;
	return next(ctx);
}
