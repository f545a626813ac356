/* Values that programs keep with a socket. */
#include "w.h"

NOTES(16)

struct value {
	__u64 count;
	__u32 last;
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct value);
} kept SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct bpf_sock_tuple);
} tuples SEC(".maps");

static __always_inline struct bpf_sock *find(struct __sk_buff *skb)
{
	__u32 zero = 0;
	struct bpf_sock_tuple *t = bpf_map_lookup_elem(&tuples, &zero);

	return t ? bpf_sk_lookup_tcp(skb, t, sizeof(t->ipv4), BPF_F_CURRENT_NETNS, 0) : NULL;
}

SEC("tc")
int count(struct __sk_buff *skb)
{
	struct value first = {.count = 100, .last = 7}, *v;
	struct bpf_sock *sk = find(skb);

	if (!sk)
		return -1;
	v = bpf_sk_storage_get(&kept, sk, NULL, 0);
	NOTE(0, !!v);
	v = bpf_sk_storage_get(&kept, sk, &first, 2);
	NOTE(1, !!v);
	v = bpf_sk_storage_get(&kept, sk, &first, BPF_SK_STORAGE_GET_F_CREATE);
	if (v) {
		v->count++;
		NOTE(2, v->count);
		NOTE(3, v->last);
	}
	bpf_sk_release(sk);
	return 0;
}

SEC("tc")
int forget(struct __sk_buff *skb)
{
	struct bpf_sock *sk = find(skb);

	if (!sk)
		return -1;
	NOTE(4, bpf_sk_storage_delete(&kept, sk));
	NOTE(5, bpf_sk_storage_delete(&kept, sk));
	bpf_sk_release(sk);
	return 0;
}
