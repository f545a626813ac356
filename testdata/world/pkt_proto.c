/* skb_change_proto, there and back. */
#include "pkt.h"

NOTES(16)

SEC("tc")
int cls(struct __sk_buff *skb)
{
	__u64 at[2] = {};

	bpf_set_hash(skb, 5);
	NOTE(0, bpf_skb_change_proto(skb, ARG(0), ARG(2)));
	NOTE_SKB(1, skb);
	NOTE(4, skb->hash);
	NOTE(5, bpf_skb_load_bytes_relative(skb, 0, at, 8, BPF_HDR_START_MAC));
	NOTE(6, bpf_skb_load_bytes_relative(skb, 0, at + 1, 8, BPF_HDR_START_NET));
	NOTE(7, at[0]);
	NOTE(8, at[1]);
	NOTE(9, bpf_skb_change_proto(skb, ARG(1), 0));
	NOTE_SKB(10, skb);
	return TC_ACT_OK;
}
