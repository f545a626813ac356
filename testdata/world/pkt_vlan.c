/* skb_vlan_push and skb_vlan_pop: up to six steps, each an argument: 0 pops, others push protocol and tag. */
#include "pkt.h"

NOTES(64)

static __always_inline void step(struct __sk_buff *skb, __u32 i)
{
	__u64 arg = ARG(i), at = 0;

	if (arg == ~0ULL)
		return;
	NOTE(i * 8, arg ? bpf_skb_vlan_push(skb, arg >> 16, arg) : bpf_skb_vlan_pop(skb));
	NOTE(i * 8 + 1, skb->vlan_present);
	NOTE(i * 8 + 2, skb->vlan_tci);
	NOTE(i * 8 + 3, skb->vlan_proto);
	NOTE(i * 8 + 4, skb->protocol);
	NOTE(i * 8 + 5, skb->len);
	bpf_skb_load_bytes_relative(skb, 0, &at, 8, BPF_HDR_START_NET);
	NOTE(i * 8 + 6, at);
	bpf_skb_load_bytes_relative(skb, 10, &at, 8, BPF_HDR_START_MAC);
	NOTE(i * 8 + 7, at);
}

SEC("tc")
int cls(struct __sk_buff *skb)
{
	step(skb, 0);
	step(skb, 1);
	step(skb, 2);
	step(skb, 3);
	step(skb, 4);
	step(skb, 5);
	return TC_ACT_OK;
}
