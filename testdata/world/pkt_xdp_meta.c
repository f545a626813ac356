/* XDP: metadata that is made, written, moved with the packet, cut and given back. */
#include "pkt.h"

NOTES(16)

SEC("xdp")
int entry(struct xdp_md *ctx)
{
	__u32 *meta;

	NOTE(0, bpf_xdp_adjust_meta(ctx, ARG(0)));
	NOTE_XDP(1, ctx);
	meta = (void *)(long)ctx->data_meta;
	if ((void *)(meta + 1) <= (void *)(long)ctx->data)
		*meta = 0x12345678;
	NOTE(4, bpf_xdp_adjust_head(ctx, ARG(1)));
	NOTE_XDP(5, ctx);
	NOTE(8, bpf_xdp_adjust_meta(ctx, ARG(2)));
	NOTE_XDP(9, ctx);
	return XDP_TX;
}
