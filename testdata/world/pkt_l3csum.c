/* l3_csum_replace. */
#include "pkt.h"

NOTES(16)

SEC("tc")
int cls(struct __sk_buff *skb)
{
	NOTE(0, bpf_l3_csum_replace(skb, ARG(0), ARG(1), ARG(2), ARG(3)));
	return TC_ACT_OK;
}

SEC("lwt_xmit")
int lwt(struct __sk_buff *skb)
{
	NOTE(0, bpf_l3_csum_replace(skb, ARG(0), ARG(1), ARG(2), ARG(3)));
	return BPF_OK;
}
