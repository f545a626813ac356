/* The socket that a packet belongs to. */
#include "w.h"

NOTES(32)

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, __u64);
} kept SEC(".maps");

SEC("tc")
int on_tc(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk, *full;
	struct bpf_tcp_sock *tp;
	__u64 *v, first = 41;

	NOTE(0, !!sk);
	NOTE(1, bpf_get_socket_cookie(skb) != 0);
	NOTE(2, bpf_get_socket_cookie(skb) == bpf_get_socket_cookie(skb));
	NOTE(3, bpf_get_socket_uid(skb));
	if (!sk)
		return -1;
	NOTE(4, sk->family);
	NOTE(5, sk->state);
	full = bpf_sk_fullsock(sk);
	NOTE(6, !!full);
	if (!full)
		return -2;
	NOTE(7, full->type);
	NOTE(8, full->protocol);
	NOTE(9, full->src_ip4);
	NOTE(10, full->dst_ip4);
	NOTE(11, full->rx_queue_mapping);
	tp = bpf_tcp_sock(full);
	NOTE(12, !!tp);
	NOTE(13, !!bpf_get_listener_sock(full));
	v = bpf_sk_storage_get(&kept, full, NULL, 0);
	NOTE(14, !!v);
	v = bpf_sk_storage_get(&kept, full, &first, BPF_SK_STORAGE_GET_F_CREATE);
	NOTE(15, v ? ++*v : 0);
	v = bpf_sk_storage_get(&kept, full, NULL, 0);
	NOTE(16, v ? *v : 0);
	return 0;
}

SEC("cgroup_skb/egress")
int on_cgroup(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;

	NOTE(20, !!sk);
	NOTE(21, bpf_get_socket_cookie(skb) != 0);
	NOTE(22, skb->family);
	NOTE(23, skb->remote_ip4);
	NOTE(24, skb->local_port);
	if (!sk)
		return 0;
	NOTE(25, sk->family);
	sk = bpf_sk_fullsock(sk);
	if (sk)
		NOTE(26, !!bpf_sk_cgroup_id(sk) - !!bpf_skb_cgroup_id(skb));
	return 1;
}
