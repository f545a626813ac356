/* What can be asked of a socket that was looked up. */
#include "w.h"

NOTES(32)

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct bpf_sock_tuple);
} tuples SEC(".maps");

SEC("tc")
int entry(struct __sk_buff *skb)
{
	__u32 zero = 0;
	struct bpf_sock_tuple *t = bpf_map_lookup_elem(&tuples, &zero);
	struct bpf_sock *sk, *full, *listener;
	struct bpf_tcp_sock *tp;

	if (!t)
		return -1;
	sk = bpf_skc_lookup_tcp(skb, t, sizeof(t->ipv4), BPF_F_CURRENT_NETNS, 0);
	NOTE(0, !!sk);
	if (!sk)
		return 0;
	full = bpf_sk_fullsock(sk);
	NOTE(1, !!full);
	if (full)
		NOTE(2, full->priority | full->mark);
	tp = bpf_tcp_sock(sk);
	NOTE(3, !!tp);
	if (tp)
		NOTE(4, tp->bytes_received);
	listener = bpf_get_listener_sock(sk);
	NOTE(5, !!listener);
	if (listener)
		NOTE(6, listener->state);
	NOTE(10, bpf_sk_assign(skb, sk, 1));
	bpf_sk_release(sk);
	return 1;
}

SEC("cgroup_skb/ingress")
int groups(struct __sk_buff *skb)
{
	__u32 zero = 0;
	struct bpf_sock_tuple *t = bpf_map_lookup_elem(&tuples, &zero);
	struct bpf_sock *sk;

	if (!t)
		return 0;
	sk = bpf_sk_lookup_tcp(skb, t, sizeof(t->ipv4), BPF_F_CURRENT_NETNS, 0);
	if (!sk)
		return 0;
	NOTE(7, bpf_sk_cgroup_id(sk) != 0);
	NOTE(8, bpf_sk_ancestor_cgroup_id(sk, 0) != 0);
	NOTE(9, bpf_sk_ancestor_cgroup_id(sk, 99));
	NOTE(10, bpf_sk_ancestor_cgroup_id(sk, -1));
	bpf_sk_release(sk);
	return 1;
}
