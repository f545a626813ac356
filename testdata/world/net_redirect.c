/* bpf_redirect, bpf_redirect_peer and bpf_redirect_neigh: verdicts by flags. */
#include "w.h"

NOTES(32)

SEC("xdp")
int on_xdp(struct xdp_md *ctx)
{
	NOTE(0, bpf_redirect(7, 0));
	NOTE(1, bpf_redirect(7, BPF_F_INGRESS));
	NOTE(2, bpf_redirect(7, 1ULL << 40));
	NOTE(3, bpf_redirect(0, 0));
	return XDP_PASS;
}

SEC("tc")
int on_tc(struct __sk_buff *skb)
{
	struct bpf_redir_neigh nh = {.nh_family = 2, .ipv4_nh = 0x0100000a};

	NOTE(0, bpf_redirect(7, 0));
	NOTE(1, bpf_redirect(7, BPF_F_INGRESS));
	NOTE(2, bpf_redirect(7, 2));
	NOTE(3, bpf_redirect(7, 1ULL << 17));
	NOTE(4, bpf_redirect(0, 1ULL << 40));
	NOTE(5, bpf_redirect_peer(7, 0));
	NOTE(6, bpf_redirect_peer(7, BPF_F_INGRESS));
	NOTE(7, bpf_redirect_neigh(7, NULL, 0, 0));
	NOTE(8, bpf_redirect_neigh(7, NULL, 0, 1));
	NOTE(9, bpf_redirect_neigh(7, &nh, sizeof(nh), 0));
	NOTE(10, bpf_redirect_neigh(7, &nh, sizeof(nh) - 1, 0));
	NOTE(11, bpf_redirect_neigh(7, &nh, sizeof(nh), BPF_F_INGRESS));
	return 0;
}

SEC("lwt_xmit")
int on_lwt(struct __sk_buff *skb)
{
	NOTE(0, bpf_redirect(7, 0));
	NOTE(1, bpf_redirect(7, BPF_F_INGRESS));
	NOTE(2, bpf_redirect(7, 2));
	return 0;
}
