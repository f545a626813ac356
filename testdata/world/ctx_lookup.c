/* struct bpf_sk_lookup. */
#include "pkt.h"

NOTES(24)

SEC("sk_lookup")
int lookup(struct bpf_sk_lookup *ctx)
{
	NOTE(0, ctx->family);
	NOTE(1, ctx->protocol);
	NOTE(2, ctx->remote_ip4);
	NOTE(3, ctx->remote_port);
	NOTE(4, ctx->local_ip4);
	NOTE(5, ctx->local_port);
	NOTE(6, ctx->remote_ip6[0]);
	NOTE(7, ctx->remote_ip6[3]);
	NOTE(8, ctx->local_ip6[0]);
	NOTE(9, ctx->local_ip6[3]);
	NOTE(10, ctx->ingress_ifindex);
	NOTE(11, !ctx->sk);
	return ARG(0) & 1;
}
