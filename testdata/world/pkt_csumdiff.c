/* csum_diff: pushing, pulling and diffing data; NULL for what is not there. */
#include "pkt.h"

NOTES(16)

static __always_inline int diff(void)
{
	__u32 from[8] = {}, to[8] = {};
	__u32 a = ARG(1), b = ARG(2);

	for (int i = 0; i < 8; i++) {
		from[i] = ARG(3) * (i + 1);
		to[i] = ARG(4) + i * ARG(5);
	}
	if (a > sizeof(from) || b > sizeof(to))
		return 0;
	NOTE(0, bpf_csum_diff((__be32 *)from, a, (__be32 *)to, b, ARG(0)));
	NOTE(1, bpf_csum_diff(0, 0, (__be32 *)to, b, ARG(0)));
	NOTE(2, bpf_csum_diff((__be32 *)from, a, 0, 0, ARG(0)));
	NOTE(3, bpf_csum_diff(0, 0, 0, 0, ARG(0)));
	return 1;
}

SEC("tc") int cls(struct __sk_buff *skb) { return diff(); }
SEC("xdp") int driver(struct xdp_md *ctx) { return diff(); }

SEC("xdp")
int packet(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;

	if (data + 64 > (void *)(long)ctx->data_end)
		return XDP_DROP;
	NOTE(0, bpf_csum_diff(0, 0, data + 14, 20, 0));
	NOTE(1, bpf_csum_diff(data + 14, 20, data + 34, 28, ARG(0)));
	return XDP_PASS;
}
