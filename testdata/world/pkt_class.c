/* Classes of cgroups and realms of routes: none. */
#include "pkt.h"

NOTES(16)

SEC("tc")
int cls(struct __sk_buff *skb)
{
	NOTE(0, bpf_get_cgroup_classid(skb));
	NOTE(1, bpf_skb_cgroup_classid(skb));
	NOTE(2, bpf_get_route_realm(skb));
	NOTE(3, skb->tc_classid);
	return TC_ACT_OK;
}
