/* XDP: packets that begin earlier or later, with metadata before them. */
#include "pkt.h"

NOTES(16)

SEC("xdp")
int entry(struct xdp_md *ctx)
{
	NOTE_XDP(0, ctx);
	NOTE(3, bpf_xdp_adjust_head(ctx, ARG(0)));
	NOTE_XDP(4, ctx);
	NOTE(7, bpf_xdp_adjust_head(ctx, ARG(1)));
	NOTE_XDP(8, ctx);
	return XDP_PASS;
}
