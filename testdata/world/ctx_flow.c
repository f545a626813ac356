/* A flow dissector: keys that it is given, and that it finds. */
#include "pkt.h"

NOTES(16)

SEC("flow_dissector")
int dissect(struct __sk_buff *skb)
{
	struct bpf_flow_keys *keys = skb->flow_keys;
	__u8 *data = (void *)(long)skb->data;

	NOTE(0, keys->nhoff);
	NOTE(1, keys->thoff);
	NOTE(2, keys->n_proto);
	NOTE(3, keys->flags);
	NOTE(4, (__u64)skb->data_end - (__u64)skb->data);
	keys->sport = bpf_htons(80);
	keys->addr_proto = ARG(0);
	keys->ip_proto = ARG(1);
	keys->is_frag = 1;
	keys->ipv4_src = 0x01020304;
	keys->nhoff = ARG(2);
	keys->thoff = ARG(3);
	if (data + 20 <= (__u8 *)(long)skb->data_end)
		keys->dport = data[19];
	return ARG(4);
}
