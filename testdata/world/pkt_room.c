/* skb_adjust_room: lengths, modes and flags, once and once more. */
#include "pkt.h"

NOTES(24)

SEC("tc")
int cls(struct __sk_buff *skb)
{
	__u64 at[2] = {};

	NOTE(0, bpf_skb_adjust_room(skb, ARG(0), ARG(1), ARG(2)));
	NOTE_SKB(1, skb);
	NOTE(4, bpf_skb_load_bytes_relative(skb, 0, at, 8, BPF_HDR_START_MAC));
	NOTE(5, bpf_skb_load_bytes_relative(skb, 0, at + 1, 8, BPF_HDR_START_NET));
	NOTE(6, at[0]);
	NOTE(7, at[1]);
	NOTE(8, bpf_skb_adjust_room(skb, ARG(3), ARG(4), ARG(5)));
	NOTE_SKB(9, skb);
	if (skb->len < 120) /* a header that nobody set may lie anywhere once the kernel moved the packet */
		NOTE(12, bpf_skb_change_tail(skb, 60, 0));
	NOTE_SKB(13, skb);
	return TC_ACT_OK;
}
