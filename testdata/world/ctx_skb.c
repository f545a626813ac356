/* struct __sk_buff of socket filters, cgroups and tunnels; sockets of packets. */
#include "pkt.h"

NOTES(48)

#define COMMON(skb)                                                                                                    \
	do {                                                                                                           \
		NOTE(0, skb->len);                                                                                     \
		NOTE(1, skb->pkt_type);                                                                                \
		NOTE(2, skb->mark);                                                                                    \
		NOTE(3, skb->queue_mapping);                                                                           \
		NOTE(4, skb->protocol);                                                                                \
		NOTE(5, skb->vlan_present);                                                                            \
		NOTE(6, skb->priority);                                                                                \
		NOTE(7, skb->ingress_ifindex);                                                                         \
		NOTE(8, skb->ifindex);                                                                                 \
		NOTE(9, skb->hash);                                                                                    \
		skb->cb[0] = skb->cb[0] + 1;                                                                           \
		skb->cb[4] = skb->len;                                                                                 \
	} while (0)

SEC("socket")
int filter(struct __sk_buff *skb)
{
	COMMON(skb);
	return skb->len;
}

SEC("cgroup_skb/egress")
int cgroup(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;

	COMMON(skb);
	skb->mark = 9;
	skb->priority = 8;
	skb->tstamp = 7;
	NOTE(10, (__u64)skb->data_end - (__u64)skb->data);
	NOTE(11, skb->family);
	NOTE(12, skb->remote_ip4);
	NOTE(13, skb->local_ip4);
	NOTE(14, skb->remote_ip6[0]);
	NOTE(15, skb->remote_ip6[3]);
	NOTE(16, skb->local_ip6[1]);
	NOTE(17, skb->remote_port);
	NOTE(18, skb->local_port);
	if (!sk)
		return 0;
	NOTE(20, sk->family);
	sk = bpf_sk_fullsock(sk);
	if (!sk)
		return 1;
	NOTE(21, sk->type);
	NOTE(22, sk->protocol);
	NOTE(23, sk->bound_dev_if);
	NOTE(24, sk->mark);
	NOTE(25, sk->priority);
	NOTE(26, sk->src_ip4);
	NOTE(27, sk->src_ip6[0]);
	NOTE(28, sk->src_ip6[3]);
	NOTE(29, sk->src_port);
	NOTE(30, sk->dst_port);
	NOTE(31, sk->dst_ip4);
	NOTE(32, sk->dst_ip6[0]);
	NOTE(33, sk->dst_ip6[3]);
	NOTE(34, sk->state);
	return 1;
}

#define LWT(skb)                                                                                                       \
	do {                                                                                                           \
		COMMON(skb);                                                                                           \
		skb->mark = 3;                                                                                         \
		skb->priority = 4;                                                                                     \
		NOTE(10, (__u64)skb->data_end - (__u64)skb->data);                                                     \
	} while (0)

SEC("lwt_in") int in(struct __sk_buff *skb) { LWT(skb); return BPF_OK; }
SEC("lwt_out") int out(struct __sk_buff *skb) { LWT(skb); return BPF_DROP; }
SEC("lwt_xmit") int xmit(struct __sk_buff *skb) { LWT(skb); return BPF_OK; }
