/* Ping and pong through two arrays, until the count is spent.
 * propagated: same
 */
#include "k.h"

DECL(ping);
DECL(pong);
PROG_ARRAY(to_ping, 2, SLOT(1, ping));
PROG_ARRAY(to_pong, 7, SLOT(6, pong));

PROG(ping)
{
	HIT(0);
	bpf_tail_call(ctx, &to_pong, 6);
	return 1;
}

SUB serve(struct xdp_md *ctx)
{
	int ret = 2;

	bpf_tail_call(ctx, &to_ping, 1);
	OPAQUE(ret);
	return ret;
}

PROG(pong)
{
	HIT(1);
	return serve(ctx) + 10;
}

PROG(entry)
{
	bpf_tail_call(ctx, &to_ping, 1);
	return -1;
}
