/* skb_change_tail: twice. */
#include "pkt.h"

NOTES(16)

static __always_inline int change(struct __sk_buff *skb)
{
	NOTE(0, bpf_skb_change_tail(skb, ARG(0), ARG(2)));
	NOTE_SKB(1, skb);
	NOTE(4, bpf_skb_change_tail(skb, ARG(1), 0));
	NOTE_SKB(5, skb);
	NOTE(8, skb->gso_size);
	NOTE(9, skb->gso_segs);
	return 0;
}

SEC("tc") int cls(struct __sk_buff *skb) { return change(skb); }
SEC("lwt_xmit") int lwt(struct __sk_buff *skb) { return change(skb); }
