/* Something of all that package rivettest looks at. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct flow {
	__u32 packets;
	__u32 bytes;
};

struct event {
	__u32 source;
	__u8 ttl;
	__u8 protocol;
	__u16 length;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, struct flow);
} flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} seen SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

__u64 expired;

static __always_inline void count(__u32 slot)
{
	__u64 *n = bpf_map_lookup_elem(&seen, &slot);

	if (n)
		*n += 1;
}

/* Decrements the time to live as a router does. */
SEC("xdp")
int forward(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = data + sizeof(*eth);
	struct flow fresh = {}, *flow;
	struct event event;
	__u32 sum, key;

	count(0);
	if ((void *)(ip + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	count(1);
	event.source = key = ip->saddr;
	event.ttl = ip->ttl;
	event.protocol = ip->protocol;
	event.length = end - data;
	if (ip->ttl <= 1) {
		expired++;
		bpf_printk("expired: %d bytes", event.length);
		bpf_ringbuf_output(&events, &event, sizeof(event), 0);
		return XDP_DROP;
	}
	flow = bpf_map_lookup_elem(&flows, &key);
	if (!flow) {
		bpf_map_update_elem(&flows, &key, &fresh, BPF_ANY);
		flow = bpf_map_lookup_elem(&flows, &key);
		if (!flow)
			return XDP_ABORTED;
	}
	__sync_fetch_and_add(&flow->packets, 1);
	__sync_fetch_and_add(&flow->bytes, event.length);
	ip->ttl--;
	sum = ip->check + bpf_htons(0x0100);
	ip->check = sum + (sum >> 16);
	return XDP_TX;
}

/* Does what a program must not. */
SEC("xdp")
int wild(struct xdp_md *ctx)
{
	return *(volatile __u32 *)(long)(ctx->data + 0x40000000);
}

char LICENSE[] SEC("license") = "GPL";
