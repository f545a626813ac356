/* csum_level: eight steps; csum_update where nobody summed the packet up. */
#include "pkt.h"

NOTES(24)

SEC("tc")
int cls(struct __sk_buff *skb)
{
	for (int i = 0; i < 8; i++) {
		NOTE(2 * i, bpf_csum_level(skb, ARG(i)));
		NOTE(2 * i + 1, bpf_csum_level(skb, BPF_CSUM_LEVEL_QUERY));
	}
	NOTE(16, bpf_csum_update(skb, ARG(0)));
	NOTE(17, bpf_csum_level(skb, BPF_CSUM_LEVEL_INC));
	NOTE(18, bpf_skb_adjust_room(skb, 8, BPF_ADJ_ROOM_MAC, ARG(1) & 1 ? BPF_F_ADJ_ROOM_NO_CSUM_RESET : 0));
	NOTE(19, bpf_csum_level(skb, BPF_CSUM_LEVEL_QUERY));
	return TC_ACT_OK;
}
