// What programs see of the world: held against the kernel.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u64);
} out SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 3);
	__type(key, __u32);
	__type(value, __u8[5]);
} small SEC(".maps");

static __always_inline void put(__u32 i, __u64 v)
{
	bpf_map_update_elem(&out, &i, &v, BPF_ANY);
}

SEC("tc") int skb_fields(struct __sk_buff *skb)
{
	put(0, skb->len);
	put(1, skb->pkt_type);
	put(2, skb->mark);
	put(3, skb->queue_mapping);
	put(4, skb->protocol);
	put(5, skb->vlan_present);
	put(6, skb->vlan_tci);
	put(7, skb->vlan_proto);
	put(8, skb->priority);
	put(9, skb->ingress_ifindex);
	put(10, skb->ifindex);
	put(11, skb->tc_index);
	put(12, skb->cb[0]);
	put(13, skb->cb[1]);
	put(14, skb->cb[2]);
	put(15, skb->cb[3]);
	put(16, skb->cb[4]);
	put(17, skb->hash);
	put(18, skb->tc_classid);
	put(19, skb->data_end - skb->data);
	put(20, skb->data - skb->data_meta);
	put(21, skb->napi_id);
	put(22, skb->tstamp);
	put(23, skb->wire_len);
	put(24, skb->gso_segs);
	put(25, skb->gso_size);
	skb->mark += 5;
	skb->priority = 9;
	skb->cb[2] = 77;
	return 3;
}

SEC("xdp") int xdp_fields(struct xdp_md *ctx)
{
	put(0, ctx->data_end - ctx->data);
	put(1, ctx->data - ctx->data_meta);
	put(2, ctx->ingress_ifindex);
	put(3, ctx->rx_queue_index);
	return 2;
}

// The results of an update, a delete and a lookup; key and flags are bytes 0 and 1 of the packet.
SEC("tc") int errors(struct __sk_buff *skb)
{
	__u8 v[5] = {1, 2, 3, 4, 5};
	__u8 *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;

	if (data + 2 > end)
		return 0;
	__u32 k = data[0];
	put(0, bpf_map_update_elem(&small, &k, v, data[1]));
	put(1, bpf_map_delete_elem(&small, &k));
	put(2, bpf_map_lookup_elem(&small, &k) == 0);
	return 1;
}

char _license[] SEC("license") = "GPL";
