/* Maps of sockets, filled from outside: what programs find in them. */
#include "w.h"

NOTES(32)

struct {
	__uint(type, BPF_MAP_TYPE_SOCKMAP);
	__uint(max_entries, 3);
	__type(key, __u32);
	__type(value, __u64);
} socks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_SOCKHASH);
	__uint(max_entries, 2);
	__type(key, __u64);
	__type(value, __u64);
} hash SEC(".maps");

SEC("tc")
int entry(struct __sk_buff *skb)
{
	__u32 i;
	__u64 k;

	for (i = 0; i < 4; i++) {
		struct bpf_sock *sk = bpf_map_lookup_elem(&socks, &i);

		NOTE(4 * i, !!sk);
		if (sk) {
			NOTE(4 * i + 1, sk->state);
			NOTE(4 * i + 2, sk->src_port);
			NOTE(4 * i + 3, sk->src_ip4);
			bpf_sk_release(sk);
		}
	}
	for (k = 0; k < 3; k++) {
		struct bpf_sock *sk = bpf_map_lookup_elem(&hash, &k);

		NOTE(16 + k, !!sk);
		if (sk) {
			NOTE(20 + k, sk->protocol);
			bpf_sk_release(sk);
		}
	}
	return 0;
}

SEC("tc")
int remove(struct __sk_buff *skb)
{
	__u32 i = 0;
	__u64 k = 1;

	NOTE(0, bpf_map_delete_elem(&socks, &i));
	NOTE(1, bpf_map_delete_elem(&socks, &i));
	i = 3;
	NOTE(2, bpf_map_delete_elem(&socks, &i));
	NOTE(3, bpf_map_delete_elem(&hash, &k));
	NOTE(4, bpf_map_delete_elem(&hash, &k));
	return 0;
}
