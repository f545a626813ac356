/* Hashes: set, forgotten, made. Those that are made differ from boot to boot. */
#include "pkt.h"

NOTES(16)

SEC("tc")
int cls(struct __sk_buff *skb)
{
	__u32 first, second;

	NOTE(0, skb->hash);
	NOTE(1, bpf_set_hash(skb, ARG(0)));
	NOTE(2, skb->hash);
	NOTE(3, bpf_get_hash_recalc(skb));
	bpf_set_hash_invalid(skb);
	NOTE(5, skb->hash);
	first = bpf_get_hash_recalc(skb);
	NOTE(6, first != 0);
	NOTE(7, first == skb->hash);
	second = bpf_get_hash_recalc(skb);
	NOTE(8, first == second);
	bpf_set_hash_invalid(skb);
	NOTE(9, bpf_get_hash_recalc(skb) == first);
	return TC_ACT_OK;
}
