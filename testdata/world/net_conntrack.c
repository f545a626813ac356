/* Connections that nobody tracks, and options that are not in order. */
#include "w.h"

NOTES(16)

struct nf_conn {
	unsigned long status;
} __attribute__((preserve_access_index));

struct bpf_ct_opts {
	__s32 netns_id;
	__s32 error;
	__u8 l4proto;
	__u8 dir;
	__u16 ct_zone_id;
	__u8 ct_zone_dir;
	__u8 reserved[3];
};

extern struct nf_conn *bpf_skb_ct_lookup(struct __sk_buff *, struct bpf_sock_tuple *, __u32, struct bpf_ct_opts *, __u32) __ksym;
extern struct nf_conn *bpf_xdp_ct_lookup(struct xdp_md *, struct bpf_sock_tuple *, __u32, struct bpf_ct_opts *, __u32) __ksym;
extern void bpf_ct_release(struct nf_conn *) __ksym;

#define CASES(ctx, lookup)                                                                                             \
	do {                                                                                                           \
		struct bpf_sock_tuple t = {.ipv4 = {bpf_htonl(0x7f000001), bpf_htonl(0x7f000002), 1, 2}};             \
		TRY(0, ctx, lookup, &t, sizeof(t.ipv4), 16, .netns_id = -1, .l4proto = 6);                            \
		TRY(1, ctx, lookup, &t, sizeof(t.ipv4), 16, .netns_id = -1, .l4proto = 17);                           \
		TRY(2, ctx, lookup, &t, sizeof(t.ipv4), 16, .netns_id = -1, .l4proto = 1);                            \
		TRY(3, ctx, lookup, &t, sizeof(t.ipv4), 16, .netns_id = -2, .l4proto = 6);                            \
		TRY(4, ctx, lookup, &t, sizeof(t.ipv4), 16, .netns_id = 4711, .l4proto = 6);                          \
		TRY(5, ctx, lookup, &t, sizeof(t.ipv4), 16, .netns_id = -1, .l4proto = 6, .reserved = {1});           \
		TRY(6, ctx, lookup, &t, sizeof(t.ipv4), 12, .netns_id = -1, .l4proto = 6);                            \
		TRY(7, ctx, lookup, &t, sizeof(t.ipv4), 13, .netns_id = -1, .l4proto = 6);                            \
		TRY(8, ctx, lookup, &t, 13, 16, .netns_id = -1, .l4proto = 6);                                        \
		TRY(9, ctx, lookup, &t, sizeof(t.ipv6), 16, .netns_id = -1, .l4proto = 6);                            \
		TRY(10, ctx, lookup, &t, sizeof(t.ipv4), 16, .netns_id = -2, .l4proto = 1);                           \
		TRY(11, ctx, lookup, &t, 13, 16, .netns_id = 4711, .l4proto = 6);                                     \
	} while (0)

#define TRY(i, ctx, lookup, t, tsize, osize, ...)                                                                      \
	do {                                                                                                           \
		struct bpf_ct_opts o = {__VA_ARGS__};                                                                         \
		struct nf_conn *ct = lookup(ctx, t, tsize, &o, osize);                                         \
		if (ct)                                                                                                \
			bpf_ct_release(ct);                                                                            \
		NOTE(i, ct ? 1 : o.error);                                                                             \
	} while (0)

SEC("tc")
int on_tc(struct __sk_buff *skb)
{
	CASES(skb, bpf_skb_ct_lookup);
	return 0;
}

SEC("xdp")
int on_xdp(struct xdp_md *ctx)
{
	CASES(ctx, bpf_xdp_ct_lookup);
	return XDP_PASS;
}
