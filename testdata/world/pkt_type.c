/* skb_change_type. */
#include "pkt.h"

NOTES(16)

SEC("tc")
int cls(struct __sk_buff *skb)
{
	NOTE(0, bpf_skb_change_type(skb, ARG(0)));
	NOTE(1, skb->pkt_type);
	NOTE(2, bpf_skb_change_type(skb, ARG(1)));
	NOTE(3, skb->pkt_type);
	return TC_ACT_STOLEN;
}
