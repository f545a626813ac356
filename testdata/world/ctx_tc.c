/* struct __sk_buff of tc programs: what is read, and what is written. */
#include "pkt.h"

NOTES(48)

SEC("tc")
int reads(struct __sk_buff *skb)
{
	NOTE(0, skb->len);
	NOTE(1, skb->pkt_type);
	NOTE(2, skb->mark);
	NOTE(3, skb->queue_mapping);
	NOTE(4, skb->protocol);
	NOTE(5, skb->vlan_present);
	NOTE(6, skb->vlan_tci);
	NOTE(7, skb->vlan_proto);
	NOTE(8, skb->priority);
	NOTE(9, skb->ingress_ifindex);
	NOTE(10, skb->ifindex);
	NOTE(11, skb->tc_index);
	for (int i = 0; i < 5; i++)
		NOTE(12 + i, skb->cb[i]);
	NOTE(17, skb->hash);
	NOTE(18, skb->tc_classid);
	NOTE(19, (__u64)skb->data_end - (__u64)skb->data);
	NOTE(20, (__u64)skb->data - (__u64)skb->data_meta);
	NOTE(21, skb->napi_id);
	NOTE(22, skb->tstamp);
	NOTE(23, skb->gso_segs);
	NOTE(24, skb->gso_size);
	NOTE(25, skb->hwtstamp);
	return TC_ACT_OK;
}

SEC("tc")
int writes(struct __sk_buff *skb)
{
	skb->mark = skb->mark + ARG(0);
	skb->priority = skb->priority + ARG(1);
	skb->tc_index = ARG(2) & 0xffff; /* Linux keeps 16 bits */
	skb->tc_classid = ARG(2) & 0xffff;
	skb->queue_mapping = ARG(3) & 0xff;
	skb->tstamp = ARG(4);
	for (int i = 0; i < 5; i++)
		skb->cb[i] = ARG(i) + 1;
	NOTE(0, skb->tc_index);
	NOTE(1, skb->tc_classid);
	NOTE(2, skb->queue_mapping);
	NOTE(3, *(__u8 *)&skb->mark);
	NOTE(4, *(__u16 *)&skb->priority);
	return TC_ACT_RECLASSIFY;
}
