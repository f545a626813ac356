/* lwt_push_encap: a tunnel's headers in front of a packet. */
#include "pkt.h"

NOTES(8)

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, char[260]);
} header SEC(".maps");

SEC("lwt_in")
int in(struct __sk_buff *skb)
{
	__u32 zero = 0, len = ARG(1);
	char *hdr = bpf_map_lookup_elem(&header, &zero);

	if (!hdr || len < 1 || len > 260)
		return BPF_DROP;
	NOTE(0, bpf_lwt_push_encap(skb, ARG(0), hdr, len));
	NOTE_SKB(1, skb);
	NOTE(5, skb->hash);
	return BPF_OK;
}
