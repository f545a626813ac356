/* SYN cookies of a listening socket, which always sends them where this is run. */
#include "w.h"
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>

NOTES(48)

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

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct bpf_sock_tuple);
} tuples SEC(".maps");

static __always_inline void syn(struct headers *h)
{
	__builtin_memset(h, 0, sizeof(*h));
	h->ip.version = 4;
	h->ip.ihl = 5;
	h->ip.saddr = bpf_htonl(0x7f000001);
	h->ip.daddr = bpf_htonl(0x7f000001);
	h->ip6.version = 6;
	h->tcp.source = bpf_htons(1234);
	h->tcp.dest = bpf_htons(4321);
	h->tcp.seq = bpf_htonl(1000);
	h->tcp.doff = 5;
	h->tcp.syn = 1;
}

static __always_inline void answer(struct headers *h, __u32 cookie)
{
	h->tcp.syn = 0;
	h->tcp.ack = 1;
	h->tcp.seq = bpf_htonl(1001);
	h->tcp.ack_seq = bpf_htonl(cookie + 1);
}

SEC("tc")
int entry(struct __sk_buff *skb)
{
	__u32 zero = 0;
	struct headers *h = bpf_map_lookup_elem(&room, &zero);
	struct bpf_sock_tuple *t = bpf_map_lookup_elem(&tuples, &zero);
	struct bpf_sock *sk;
	__s64 cookie;

	if (!h || !t)
		return -1;
	sk = bpf_skc_lookup_tcp(skb, t, sizeof(t->ipv4), BPF_F_CURRENT_NETNS, 0);
	NOTE(0, !!sk);
	if (!sk)
		return 0;
	syn(h);
	cookie = bpf_tcp_gen_syncookie(sk, &h->ip, sizeof(h->ip), &h->tcp, 20);
	NOTE(1, cookie >> 32);
	NOTE(2, bpf_tcp_gen_syncookie(sk, &h->ip, sizeof(h->ip), &h->tcp, 24));
	NOTE(3, bpf_tcp_gen_syncookie(sk, &h->ip, sizeof(h->ip) - 1, &h->tcp, 20));
	NOTE(4, bpf_tcp_gen_syncookie(sk, &h->ip6, sizeof(h->ip6), &h->tcp, 20));
	NOTE(5, bpf_tcp_gen_syncookie(sk, &h->ip6, sizeof(h->ip6) - 1, &h->tcp, 20));
	NOTE(6, bpf_tcp_check_syncookie(sk, &h->ip, sizeof(h->ip), &h->tcp, 20));
	h->tcp.fin = 1;
	NOTE(7, bpf_tcp_gen_syncookie(sk, &h->ip, sizeof(h->ip), &h->tcp, 20));
	h->tcp.fin = 0;
	answer(h, cookie);
	NOTE(8, bpf_tcp_check_syncookie(sk, &h->ip, sizeof(h->ip), &h->tcp, 20));
	NOTE(9, bpf_tcp_gen_syncookie(sk, &h->ip, sizeof(h->ip), &h->tcp, 20));
	NOTE(10, bpf_tcp_check_syncookie(sk, &h->ip, sizeof(h->ip) - 1, &h->tcp, 20));
	NOTE(11, bpf_tcp_check_syncookie(sk, &h->ip, sizeof(h->ip), &h->tcp, 19));
	NOTE(12, bpf_tcp_check_syncookie(sk, &h->ip6, sizeof(h->ip6), &h->tcp, 20));
	h->tcp.rst = 1;
	NOTE(13, bpf_tcp_check_syncookie(sk, &h->ip, sizeof(h->ip), &h->tcp, 20));
	h->tcp.rst = 0;
	h->ip.version = 7;
	NOTE(14, bpf_tcp_check_syncookie(sk, &h->ip, sizeof(h->ip), &h->tcp, 20));
	h->ip.version = 4;
	h->ip.saddr = 0;
	NOTE(15, bpf_tcp_check_syncookie(sk, &h->ip, sizeof(h->ip), &h->tcp, 20));
	syn(h);
	h->tcp.doff = 6;
	h->opts[0] = 2;
	h->opts[1] = 4;
	h->opts[2] = 1440 >> 8;
	h->opts[3] = 1440 & 255;
	NOTE(16, (__u64)bpf_tcp_gen_syncookie(sk, &h->ip, sizeof(h->ip), &h->tcp, 24) >> 32);
	h->opts[0] = 1;
	h->opts[1] = 1;
	NOTE(17, (__u64)bpf_tcp_gen_syncookie(sk, &h->ip, sizeof(h->ip), &h->tcp, 24) >> 32);
	__builtin_memset(h, 0, sizeof(*h));
	bpf_sk_release(sk);
	return 0;
}
