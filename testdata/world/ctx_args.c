/* Contexts whose bytes are the caller's. */
#include "pkt.h"

NOTES(16)

SEC("raw_tp")
int tp(__u64 *ctx)
{
	NOTE(0, ctx[0]);
	NOTE(1, ctx[1]);
	NOTE(2, ctx[2]);
	return ctx[0] + ctx[1];
}

SEC("syscall")
int call(__u64 *ctx)
{
	NOTE(0, ctx[0]);
	ctx[1] = ctx[0] + 1;
	return ctx[0];
}
