/* Sockets that programs look up by the addresses of a packet. */
#include "w.h"

NOTES(32)

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct bpf_sock_tuple);
} tuples SEC(".maps");

static __always_inline void tell(struct bpf_sock *sk)
{
	NOTE(1, sk->family);
	NOTE(2, sk->type);
	NOTE(3, sk->protocol);
	NOTE(4, sk->state);
	NOTE(5, sk->src_ip4);
	NOTE(6, sk->src_port);
	NOTE(7, sk->dst_port);
	NOTE(8, sk->bound_dev_if);
	NOTE(9, sk->src_ip6[3]);
}

#define LOOK(name, fn, size)                                                                                           \
	static __always_inline int name##_with(void *ctx, __u64 netns, __u64 flags)                                    \
	{                                                                                                              \
		__u32 zero = 0;                                                                                        \
		struct bpf_sock_tuple *t = bpf_map_lookup_elem(&tuples, &zero);                                        \
		struct bpf_sock *sk;                                                                                   \
		if (!t)                                                                                                \
			return -1;                                                                                     \
		sk = fn(ctx, t, size, netns, flags);                                                                   \
		NOTE(0, !!sk);                                                                                         \
		if (sk) {                                                                                              \
			tell(sk);                                                                                      \
			bpf_sk_release(sk);                                                                            \
		}                                                                                                      \
		return !!sk;                                                                                           \
	}

LOOK(tcp4, bpf_sk_lookup_tcp, sizeof(((struct bpf_sock_tuple *)0)->ipv4))
LOOK(udp4, bpf_sk_lookup_udp, sizeof(((struct bpf_sock_tuple *)0)->ipv4))
LOOK(tcp6, bpf_sk_lookup_tcp, sizeof(((struct bpf_sock_tuple *)0)->ipv6))
LOOK(udp6, bpf_sk_lookup_udp, sizeof(((struct bpf_sock_tuple *)0)->ipv6))
LOOK(bad, bpf_sk_lookup_tcp, 13)

SEC("tc")
int tc_tcp4(struct __sk_buff *skb)
{
	return tcp4_with(skb, BPF_F_CURRENT_NETNS, 0);
}

SEC("tc")
int tc_udp4(struct __sk_buff *skb)
{
	return udp4_with(skb, BPF_F_CURRENT_NETNS, 0);
}

SEC("tc")
int tc_tcp6(struct __sk_buff *skb)
{
	return tcp6_with(skb, BPF_F_CURRENT_NETNS, 0);
}

SEC("xdp")
int xdp_tcp4(struct xdp_md *ctx)
{
	return tcp4_with(ctx, BPF_F_CURRENT_NETNS, 0);
}

SEC("xdp")
int xdp_udp6(struct xdp_md *ctx)
{
	return udp6_with(ctx, BPF_F_CURRENT_NETNS, 0);
}

SEC("xdp")
int xdp_skc4(struct xdp_md *ctx)
{
	__u32 zero = 0;
	struct bpf_sock_tuple *t = bpf_map_lookup_elem(&tuples, &zero);
	struct bpf_sock *sk;

	if (!t)
		return -1;
	sk = bpf_skc_lookup_tcp(ctx, t, sizeof(t->ipv4), BPF_F_CURRENT_NETNS, 0);
	NOTE(0, !!sk);
	if (!sk)
		return 0;
	NOTE(1, sk->family);
	NOTE(4, sk->state);
	NOTE(6, sk->src_port);
	bpf_sk_release(sk);
	return 1;
}

SEC("tc")
int tc_flags(struct __sk_buff *skb)
{
	return tcp4_with(skb, BPF_F_CURRENT_NETNS, 1);
}

SEC("tc")
int tc_netns(struct __sk_buff *skb)
{
	return tcp4_with(skb, 77, 0);
}

SEC("tc")
int tc_netns64(struct __sk_buff *skb)
{
	return tcp4_with(skb, 1ULL << 32, 0);
}

SEC("tc")
int tc_bad(struct __sk_buff *skb)
{
	return bad_with(skb, BPF_F_CURRENT_NETNS, 0);
}
