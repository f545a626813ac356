/* skb_change_head, and where headers are afterwards. */
#include "pkt.h"

NOTES(16)

SEC("tc")
int cls(struct __sk_buff *skb)
{
	__u64 at[2] = {};

	NOTE(0, bpf_skb_change_head(skb, ARG(0), ARG(2)));
	NOTE_SKB(1, skb);
	NOTE(4, bpf_skb_change_head(skb, ARG(1), 0));
	NOTE_SKB(5, skb);
	NOTE(8, bpf_skb_load_bytes_relative(skb, 0, at, 8, BPF_HDR_START_MAC));
	NOTE(9, bpf_skb_load_bytes_relative(skb, 0, at + 1, 8, BPF_HDR_START_NET));
	NOTE(10, at[0]);
	NOTE(11, at[1]);
	return TC_ACT_OK;
}

SEC("lwt_xmit")
int lwt(struct __sk_buff *skb)
{
	NOTE(0, bpf_skb_change_head(skb, ARG(0), ARG(2)));
	NOTE_SKB(1, skb);
	return BPF_OK;
}
