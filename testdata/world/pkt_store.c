/* skb_store_bytes: offsets and flags; what it does to the hash. */
#include "pkt.h"

NOTES(16)

SEC("tc")
int cls(struct __sk_buff *skb)
{
	__u8 buf[16] = "0123456789abcdef";
	__u64 len = ARG(1);

	bpf_set_hash(skb, 77);
	if (!len || len > sizeof(buf))
		return TC_ACT_SHOT;
	NOTE(0, bpf_skb_store_bytes(skb, ARG(0), buf, len, ARG(2)));
	NOTE(1, skb->hash);
	NOTE_SKB(2, skb);
	return TC_ACT_OK;
}

SEC("lwt_xmit")
int lwt(struct __sk_buff *skb)
{
	__u32 word = 0xabcdef01;

	NOTE(0, bpf_skb_store_bytes(skb, ARG(0), &word, sizeof(word), ARG(2)));
	NOTE(1, skb->hash);
	NOTE_SKB(2, skb);
	return BPF_OK;
}
