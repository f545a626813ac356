/* bpf_cast_to_kern_ctx: the kernel's structures behind contexts of packets. */
#include "w.h"
#include <bpf/bpf_core_read.h>
#include <linux/pkt_cls.h>

NOTES(32)

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct sk_buff {
	unsigned int len, data_len, priority, mark, hash;
	int skb_iif;
	__u16 queue_mapping, tc_index, protocol, mac_header, network_header, transport_header, vlan_tci, vlan_proto;
	unsigned int tail, end;
	unsigned char *head, *data;
	__s64 tstamp;
};
struct xdp_buff {
	void *data, *data_end, *data_meta, *data_hard_start;
};
struct skb_shared_info {
	__u8 nr_frags;
	unsigned short gso_size, gso_segs;
};
#pragma clang attribute pop

extern void *bpf_cast_to_kern_ctx(void *obj) __ksym;
extern void *bpf_rdonly_cast(const void *obj, __u32 btf_id) __ksym;

static __always_inline void look(struct __sk_buff *ctx)
{
	struct sk_buff *skb = bpf_cast_to_kern_ctx(ctx);
	struct skb_shared_info *shared;
	__u64 off;

	NOTE(0, skb->len);
	NOTE(1, skb->data_len);
	NOTE(2, skb->priority);
	NOTE(3, skb->mark);
	NOTE(4, skb->queue_mapping);
	NOTE(5, skb->protocol);
	NOTE(6, skb->tc_index);
	off = (__u64)skb->data;
	barrier_var(off);
	off -= (__u64)skb->head;
	NOTE(7, skb->tail - off);
	NOTE(8, off - skb->mac_header);
	NOTE(9, skb->network_header - off);
	NOTE(10, skb->transport_header == skb->network_header);
	NOTE(11, skb->tstamp);
	shared = bpf_rdonly_cast(skb->head + skb->end, bpf_core_type_id_kernel(struct skb_shared_info));
	NOTE(12, shared->gso_size);
	NOTE(13, shared->gso_segs);
	NOTE(14, shared->nr_frags);
	NOTE(15, skb->skb_iif);
	NOTE(16, skb->vlan_tci);
	NOTE(17, skb->vlan_proto);
}

SEC("tc")
int cls(struct __sk_buff *skb)
{
	look(skb);
	return TC_ACT_OK;
}

SEC("tc")
int changed(struct __sk_buff *skb)
{
	struct sk_buff *before = bpf_cast_to_kern_ctx(skb);
	unsigned int len = before->len;

	skb->mark = 0x1234;
	skb->priority = 9;
	bpf_skb_change_tail(skb, 40, 0);
	NOTE(20, before == bpf_cast_to_kern_ctx(skb));
	NOTE(21, len);
	look(skb);
	return TC_ACT_OK;
}

SEC("cgroup_skb/ingress")
int cgroup(struct __sk_buff *skb)
{
	look(skb);
	return 1;
}

SEC("xdp")
int frame(struct xdp_md *ctx)
{
	struct xdp_buff *x = bpf_cast_to_kern_ctx(ctx);

	NOTE(24, x->data_end - x->data);
	NOTE(25, x->data - x->data_meta);
	NOTE(26, x->data - x->data_hard_start);
	return XDP_PASS;
}
