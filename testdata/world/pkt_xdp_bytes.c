/* XDP: bytes that helpers copy. */
#include "pkt.h"

NOTES(16)

SEC("xdp")
int entry(struct xdp_md *ctx)
{
	__u8 buf[64] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	__u64 len = ARG(1);

	if (!len || len > sizeof(buf))
		return XDP_ABORTED;
	NOTE(0, bpf_xdp_load_bytes(ctx, ARG(0), buf, len));
	NOTE(1, *(__u64 *)buf);
	NOTE(2, *(__u64 *)(buf + 56));
	buf[0] ^= 0xff;
	NOTE(3, bpf_xdp_store_bytes(ctx, ARG(2), buf, len));
	return XDP_PASS;
}
