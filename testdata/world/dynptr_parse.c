/* Dynptrs: headers of packets are read as slices, and addresses written back, in XDP and tc programs alike. */
#include <stdbool.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <linux/tcp.h>
#include <linux/in.h>
#include "w.h"
#include "dynptr.h"

struct seen {
	__u16 proto, ports[2];
	__u8 l4, flags;
	__u32 payload;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct seen);
} packets SEC(".maps");

static __always_inline int transport(struct bpf_dynptr *p, struct seen *s, __u32 off)
{
	__u8 buf[sizeof(struct tcphdr)];

	if (s->l4 == IPPROTO_UDP) {
		struct udphdr *u = bpf_dynptr_slice(p, off, buf, sizeof(*u));

		if (!u)
			return -3;
		s->ports[0] = bpf_ntohs(u->source);
		s->ports[1] = bpf_ntohs(u->dest);
		off += sizeof(*u);
	} else if (s->l4 == IPPROTO_TCP) {
		struct tcphdr *t = bpf_dynptr_slice(p, off, buf, sizeof(*t));

		if (!t)
			return -4;
		s->ports[0] = bpf_ntohs(t->source);
		s->ports[1] = bpf_ntohs(t->dest);
		s->flags = t->syn | t->ack << 1 | t->fin << 2;
		off += t->doff * 4;
	}
	s->payload = bpf_dynptr_size(p) - off;
	return 0;
}

static __always_inline int parse(struct bpf_dynptr *p)
{
	__u8 buf[sizeof(struct ipv6hdr)], mac[ETH_ALEN];
	struct ethhdr *eth;
	__u32 zero = 0;
	struct seen *s = bpf_map_lookup_elem(&packets, &zero);

	if (!s)
		return -1;
	__builtin_memset(s, 0, sizeof(*s));
	eth = bpf_dynptr_slice_rdwr(p, 0, buf, sizeof(*eth));
	if (!eth)
		return -2;
	s->proto = bpf_ntohs(eth->h_proto);
	__builtin_memcpy(mac, eth->h_dest, ETH_ALEN);
	__builtin_memcpy(eth->h_dest, eth->h_source, ETH_ALEN);
	__builtin_memcpy(eth->h_source, mac, ETH_ALEN);
	if ((void *)eth == buf)
		bpf_dynptr_write(p, 0, eth, sizeof(*eth), 0);
	if (s->proto == ETH_P_IP) {
		struct iphdr *ip = bpf_dynptr_slice(p, sizeof(*eth), buf, sizeof(*ip));
		__u32 len;

		if (!ip)
			return -5;
		s->l4 = ip->protocol;
		len = ip->ihl * 4;
		return transport(p, s, sizeof(*eth) + len);
	}
	if (s->proto == ETH_P_IPV6) {
		struct ipv6hdr *ip6 = bpf_dynptr_slice(p, sizeof(*eth), buf, sizeof(*ip6));

		if (!ip6)
			return -6;
		s->l4 = ip6->nexthdr;
		return transport(p, s, sizeof(*eth) + sizeof(*ip6));
	}
	return 1;
}

SEC("xdp")
int parse_xdp(struct xdp_md *ctx)
{
	struct bpf_dynptr p;

	bpf_dynptr_from_xdp(ctx, 0, &p);
	return parse(&p);
}

SEC("tc")
int parse_tc(struct __sk_buff *skb)
{
	struct bpf_dynptr p;

	bpf_dynptr_from_skb(skb, 0, &p);
	return parse(&p);
}
