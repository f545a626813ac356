/* skb_ecn_set_ce. */
#include "pkt.h"

NOTES(16)

SEC("cgroup_skb/ingress")
int cgroup(struct __sk_buff *skb)
{
	NOTE(0, bpf_skb_ecn_set_ce(skb));
	return 1;
}

SEC("tc")
int cls(struct __sk_buff *skb)
{
	NOTE(0, bpf_skb_ecn_set_ce(skb));
	NOTE(1, bpf_skb_ecn_set_ce(skb));
	return TC_ACT_OK;
}
