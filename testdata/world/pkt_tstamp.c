/* skb_set_tstamp: the time of a packet and its clock. */
#include "pkt.h"

NOTES(16)

SEC("tc")
int cls(struct __sk_buff *skb)
{
	NOTE(0, skb->tstamp);
	NOTE(1, skb->tstamp_type);
	NOTE(2, bpf_skb_set_tstamp(skb, ARG(0), ARG(1)));
	NOTE(3, skb->tstamp);
	NOTE(4, skb->tstamp_type);
	NOTE(5, bpf_skb_set_tstamp(skb, ARG(2), ARG(3)));
	NOTE(6, skb->tstamp);
	NOTE(7, skb->tstamp_type);
	skb->tstamp = 99;
	NOTE(8, skb->tstamp);
	NOTE(9, skb->tstamp_type);
	return TC_ACT_OK;
}

/* Without a look at the clock, as programs were before there was a choice of them. */
SEC("tc")
int blind(struct __sk_buff *skb)
{
	NOTE(10, bpf_skb_set_tstamp(skb, ARG(0), ARG(1)));
	NOTE(11, skb->tstamp);
	skb->tstamp = ARG(2);
	NOTE(12, skb->tstamp);
	return TC_ACT_OK;
}
