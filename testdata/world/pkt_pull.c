/* skb_pull_data. */
#include "pkt.h"

NOTES(16)

SEC("tc")
int cls(struct __sk_buff *skb)
{
	NOTE(0, bpf_skb_pull_data(skb, ARG(0)));
	NOTE_SKB(1, skb);
	return TC_ACT_PIPE;
}

SEC("lwt_in")
int lwt(struct __sk_buff *skb)
{
	NOTE(0, bpf_skb_pull_data(skb, ARG(0)));
	NOTE_SKB(1, skb);
	return BPF_DROP;
}
