/* SYN cookies by header alone: made, and taken back in the ACK that answers. */
#include "w.h"
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>

NOTES(32)

struct headers {
	struct ipv6hdr ip6;
	struct iphdr ip;
	struct tcphdr tcp;
	__u8 opts[8];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct headers);
} room SEC(".maps");

static __always_inline void syn(struct headers *h)
{
	__builtin_memset(h, 0, sizeof(*h));
	h->ip.version = 4;
	h->ip.ihl = 5;
	h->ip.saddr = bpf_htonl(0x0a000001);
	h->ip.daddr = bpf_htonl(0x0a000002);
	h->ip6.version = 6;
	h->ip6.saddr.in6_u.u6_addr8[15] = 1;
	h->ip6.daddr.in6_u.u6_addr8[15] = 2;
	h->tcp.source = bpf_htons(1234);
	h->tcp.dest = bpf_htons(80);
	h->tcp.seq = bpf_htonl(1000);
	h->tcp.doff = 5;
	h->tcp.syn = 1;
}

SEC("xdp")
int ipv4(struct xdp_md *ctx)
{
	__u32 zero = 0;
	struct headers *h = bpf_map_lookup_elem(&room, &zero);
	__s64 cookie;

	if (!h)
		return -1;
	syn(h);
	cookie = bpf_tcp_raw_gen_syncookie_ipv4(&h->ip, &h->tcp, 20);
	NOTE(0, cookie >> 32);
	NOTE(1, bpf_tcp_raw_gen_syncookie_ipv4(&h->ip, &h->tcp, 19));
	NOTE(2, bpf_tcp_raw_gen_syncookie_ipv4(&h->ip, &h->tcp, 24));
	h->tcp.syn = 0;
	h->tcp.ack = 1;
	h->tcp.seq = bpf_htonl(1001);
	h->tcp.ack_seq = bpf_htonl((__u32)cookie + 1);
	NOTE(3, bpf_tcp_raw_check_syncookie_ipv4(&h->ip, &h->tcp));
	h->tcp.source = bpf_htons(1235);
	NOTE(4, bpf_tcp_raw_check_syncookie_ipv4(&h->ip, &h->tcp));
	syn(h);
	h->tcp.doff = 6;
	h->opts[0] = 2;
	h->opts[1] = 4;
	h->opts[2] = 1400 >> 8;
	h->opts[3] = 1400 & 255;
	cookie = bpf_tcp_raw_gen_syncookie_ipv4(&h->ip, &h->tcp, 24);
	NOTE(5, cookie >> 32);
	h->opts[2] = 9000 >> 8;
	h->opts[3] = 9000 & 255;
	cookie = bpf_tcp_raw_gen_syncookie_ipv4(&h->ip, &h->tcp, 24);
	NOTE(6, cookie >> 32);
	h->opts[2] = 0;
	h->opts[3] = 100;
	cookie = bpf_tcp_raw_gen_syncookie_ipv4(&h->ip, &h->tcp, 24);
	NOTE(7, cookie >> 32);
	__builtin_memset(h, 0, sizeof(*h));
	return 0;
}

SEC("xdp")
int ipv6(struct xdp_md *ctx)
{
	__u32 zero = 0;
	struct headers *h = bpf_map_lookup_elem(&room, &zero);
	__s64 cookie;

	if (!h)
		return -1;
	syn(h);
	cookie = bpf_tcp_raw_gen_syncookie_ipv6(&h->ip6, &h->tcp, 20);
	NOTE(0, cookie >> 32);
	NOTE(1, bpf_tcp_raw_gen_syncookie_ipv6(&h->ip6, &h->tcp, 19));
	h->tcp.syn = 0;
	h->tcp.ack = 1;
	h->tcp.seq = bpf_htonl(1001);
	h->tcp.ack_seq = bpf_htonl((__u32)cookie + 1);
	NOTE(3, bpf_tcp_raw_check_syncookie_ipv6(&h->ip6, &h->tcp));
	h->tcp.seq = bpf_htonl(5);
	NOTE(4, bpf_tcp_raw_check_syncookie_ipv6(&h->ip6, &h->tcp));
	syn(h);
	h->tcp.doff = 6;
	h->opts[0] = 2;
	h->opts[1] = 4;
	h->opts[2] = 1430 >> 8;
	h->opts[3] = 1430 & 255;
	cookie = bpf_tcp_raw_gen_syncookie_ipv6(&h->ip6, &h->tcp, 24);
	NOTE(5, cookie >> 32);
	__builtin_memset(h, 0, sizeof(*h));
	return 0;
}
