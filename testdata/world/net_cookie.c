/* Numbers that differ from machine to machine: programs say whether they hold together. */
#include "w.h"

NOTES(16)

SEC("tc")
int entry(struct __sk_buff *skb)
{
	__u64 ns = bpf_get_netns_cookie(NULL);

	NOTE(0, ns != 0);
	NOTE(1, ns == bpf_get_netns_cookie(skb));
	NOTE(2, bpf_get_socket_uid(skb) == 0xffffffff);
	NOTE(3, bpf_get_socket_cookie(skb) == bpf_get_socket_cookie(skb));
	NOTE(4, bpf_skb_ancestor_cgroup_id(skb, 1000));
	NOTE(5, bpf_skb_ancestor_cgroup_id(skb, -1));
	return 0;
}
