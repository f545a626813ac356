/* IPsec states, of which there are none. */
#include "w.h"

NOTES(16)

struct xfrm_state {
	int unused;
};

typedef union {
	__be32 a4;
	__be32 a6[4];
} xfrm_address_t;

struct bpf_xfrm_state_opts {
	__s32 error;
	__s32 netns_id;
	__u32 mark;
	xfrm_address_t daddr;
	__be32 spi;
	__u8 proto;
	__u16 family;
};

extern struct xfrm_state *bpf_xdp_get_xfrm_state(struct xdp_md *, struct bpf_xfrm_state_opts *, __u32) __ksym;
extern void bpf_xdp_xfrm_state_release(struct xfrm_state *) __ksym;

SEC("tc")
int on_tc(struct __sk_buff *skb)
{
	struct bpf_xfrm_state x = {.reqid = 5};

	NOTE(0, bpf_skb_get_xfrm_state(skb, 0, &x, sizeof(x), 0));
	NOTE(1, x.reqid);
	NOTE(2, bpf_skb_get_xfrm_state(skb, 1, &x, 4, 1));
	return 0;
}

#define TRY(i, size, ...)                                                                                              \
	do {                                                                                                           \
		struct bpf_xfrm_state_opts o = {__VA_ARGS__};                                                          \
		struct xfrm_state *x = bpf_xdp_get_xfrm_state(ctx, &o, size);                                          \
		if (x)                                                                                                 \
			bpf_xdp_xfrm_state_release(x);                                                                 \
		NOTE(i, x ? 1 : o.error);                                                                              \
	} while (0)

SEC("xdp")
int on_xdp(struct xdp_md *ctx)
{
	TRY(4, sizeof(o), .netns_id = -1, .spi = 1, .proto = 50, .family = 2);
	TRY(5, sizeof(o), .netns_id = -2, .spi = 1, .proto = 50, .family = 2);
	TRY(6, sizeof(o), .netns_id = 4711, .spi = 1, .proto = 50, .family = 2);
	TRY(7, sizeof(o) - 1, .netns_id = -1, .spi = 1, .proto = 50, .family = 2);
	TRY(8, 4, .netns_id = -1);
	TRY(9, 3, .netns_id = -1);
	return XDP_PASS;
}
