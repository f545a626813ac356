/* Tries looked into from subprograms and loops; what is found is passed on. */
#include "w.h"

NOTES(8)

struct key {
	__u32 len;
	__u8 addr[16];
};

struct route {
	__u32 hop;
	__u32 hits;
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 64);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct key);
	__type(value, struct route);
} routes SEC(".maps");

static __noinline int hit(struct route *r, __u32 bytes)
{
	if (!r)
		return -1;
	r->hits++;
	r->bytes += bytes;
	return r->hop;
}

static __noinline int route(struct key *k, __u32 bytes)
{
	if (!k)
		return -2;
	return hit(bpf_map_lookup_elem(&routes, k), bytes);
}

SEC("tc")
int forward(struct __sk_buff *skb)
{
	struct key k = { .len = 128 };
	int i, sum = 0;

	for (i = 0; i < 16; i++)
		k.addr[i] = skb->len >> (i & 7);
	for (i = 0; i < 4; i++) {
		k.addr[0] = i * 0x11;
		sum = sum * 10 + route(&k, skb->len);
	}
	NOTE(0, sum);
	return sum & 0xff;
}

SEC("tc")
int learn(struct __sk_buff *skb)
{
	struct key k = { .len = skb->len % 40, .addr = { 0x11 } };
	struct route r = { .hop = skb->len };

	NOTE(1, bpf_map_update_elem(&routes, &k, &r, BPF_NOEXIST));
	k.len++;
	r.hop++;
	NOTE(2, bpf_map_update_elem(&routes, &k, &r, BPF_ANY));
	return 0;
}
