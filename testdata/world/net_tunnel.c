/* Tunnel keys and options: what was set is what is got, in structures of all ages. */
#include "w.h"

#define NO_TUNNEL_KEY (1ULL << 4) /* BPF_F_NO_TUNNEL_KEY, which older headers lack */

NOTES(48)

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, struct bpf_tunnel_key);
} keys SEC(".maps");

static __always_inline void get(struct __sk_buff *skb, __u32 i, __u32 size, __u64 flags)
{
	struct bpf_tunnel_key *k = bpf_map_lookup_elem(&keys, &i);

	if (!k)
		return;
	__builtin_memset(k, 0xee, sizeof(*k));
	NOTE(i, bpf_skb_get_tunnel_key(skb, k, size, flags));
}

SEC("tc")
int none(struct __sk_buff *skb)
{
	__u64 opt[4] = {1, 2, 3, 4};

	get(skb, 0, sizeof(struct bpf_tunnel_key), 0);
	NOTE(1, bpf_skb_get_tunnel_opt(skb, opt, sizeof(opt)));
	NOTE(2, opt[0] | opt[3]);
	NOTE(3, bpf_skb_set_tunnel_opt(skb, opt, sizeof(opt)));
	return 0;
}

SEC("tc")
int ipv4(struct __sk_buff *skb)
{
	struct bpf_tunnel_key k = {.tunnel_id = 0x01020304, .remote_ipv4 = 0x0a000001, .tunnel_tos = 3, .tunnel_ttl = 64, .local_ipv4 = 0x0a000002};

	NOTE(8, bpf_skb_set_tunnel_key(skb, &k, sizeof(k), BPF_F_DONT_FRAGMENT | BPF_F_ZERO_CSUM_TX));
	get(skb, 0, sizeof(k), 0);
	get(skb, 1, sizeof(k), BPF_F_TUNINFO_FLAGS);
	get(skb, 2, sizeof(k), BPF_F_TUNINFO_IPV6);
	get(skb, 3, 28, BPF_F_TUNINFO_FLAGS);
	get(skb, 4, 24, 0);
	get(skb, 5, 22, 0);
	get(skb, 6, 8, 0);
	get(skb, 7, 12, 0);
	NOTE(9, bpf_skb_set_tunnel_key(skb, &k, 28, BPF_F_SEQ_NUMBER));
	get(skb, 0, sizeof(k), BPF_F_TUNINFO_FLAGS);
	NOTE(10, bpf_skb_set_tunnel_key(skb, &k, 8, NO_TUNNEL_KEY));
	get(skb, 1, sizeof(k), BPF_F_TUNINFO_FLAGS);
	NOTE(11, bpf_skb_set_tunnel_key(skb, &k, 8, 32));
	NOTE(12, bpf_skb_set_tunnel_key(skb, &k, 12, 0));
	k.tunnel_label = 5;
	NOTE(13, bpf_skb_set_tunnel_key(skb, &k, sizeof(k), 0));
	NOTE(14, bpf_skb_set_tunnel_key(skb, &k, 24, 0));
	k.tunnel_label = 0;
	k.tunnel_ext = 1;
	NOTE(15, bpf_skb_set_tunnel_key(skb, &k, sizeof(k), 0));
	get(skb, 2, sizeof(k), 64);
	get(skb, 3, sizeof(k), BPF_F_TUNINFO_FLAGS);
	return 0;
}

SEC("tc")
int ipv6(struct __sk_buff *skb)
{
	struct bpf_tunnel_key k = {.tunnel_id = 7, .remote_ipv6 = {1, 2, 3, 4}, .tunnel_ttl = 9, .tunnel_label = 0xfff12345, .local_ipv6 = {5, 6, 7, 8}};

	NOTE(8, bpf_skb_set_tunnel_key(skb, &k, sizeof(k), BPF_F_TUNINFO_IPV6));
	get(skb, 0, sizeof(k), BPF_F_TUNINFO_IPV6);
	get(skb, 1, sizeof(k), 0);
	get(skb, 2, 28, BPF_F_TUNINFO_IPV6 | BPF_F_TUNINFO_FLAGS);
	get(skb, 3, 8, BPF_F_TUNINFO_IPV6);
	get(skb, 4, 9, BPF_F_TUNINFO_IPV6);
	return 0;
}

SEC("tc")
int options(struct __sk_buff *skb)
{
	struct bpf_tunnel_key k = {.tunnel_id = 7, .remote_ipv4 = 1};
	__u32 opt[80] = {1, 2, 3, 4};
	__u64 big[4] = {~0, ~0, ~0, ~0};

	bpf_skb_set_tunnel_key(skb, &k, sizeof(k), 0);
	NOTE(16, bpf_skb_get_tunnel_opt(skb, big, sizeof(big)));
	NOTE(17, big[0]);
	NOTE(18, bpf_skb_set_tunnel_opt(skb, opt, 12));
	NOTE(19, bpf_skb_get_tunnel_opt(skb, big, sizeof(big)));
	NOTE(20, big[0]);
	NOTE(21, big[1]);
	NOTE(22, big[3]);
	big[0] = ~0;
	NOTE(23, bpf_skb_get_tunnel_opt(skb, big, 8));
	NOTE(24, big[0]);
	NOTE(25, bpf_skb_set_tunnel_opt(skb, opt, 13));
	NOTE(26, bpf_skb_set_tunnel_opt(skb, opt, 252));
	NOTE(27, bpf_skb_set_tunnel_opt(skb, opt, 256));
	NOTE(28, bpf_skb_get_tunnel_opt(skb, opt, 252));
	get(skb, 0, sizeof(k), BPF_F_TUNINFO_FLAGS);
	return 0;
}
