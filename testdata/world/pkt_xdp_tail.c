/* XDP: packets that end earlier or later. */
#include "pkt.h"

NOTES(16)

SEC("xdp")
int entry(struct xdp_md *ctx)
{
	NOTE(0, bpf_xdp_adjust_tail(ctx, ARG(0)));
	NOTE_XDP(1, ctx);
	NOTE(4, bpf_xdp_adjust_tail(ctx, ARG(1)));
	NOTE_XDP(5, ctx);
	return XDP_DROP;
}

SEC("xdp")
int both(struct xdp_md *ctx)
{
	NOTE(0, bpf_xdp_adjust_head(ctx, ARG(0)));
	NOTE(1, bpf_xdp_adjust_tail(ctx, ARG(1)));
	NOTE_XDP(2, ctx);
	return XDP_DROP;
}
