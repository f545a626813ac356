/* A bloom filter with a seed of its own never forgets; who may use it says its flags. */
#include "w.h"

NOTES(8)

#define FILTER(name, access)                                                                                           \
	struct {                                                                                                       \
		__uint(type, BPF_MAP_TYPE_BLOOM_FILTER);                                                               \
		__uint(max_entries, 1000);                                                                             \
		__uint(map_flags, access);                                                                             \
		__uint(map_extra, 3);                                                                                  \
		__type(value, __u64);                                                                                  \
	} name SEC(".maps");

FILTER(seeded, 0)
FILTER(reads, BPF_F_RDONLY)
FILTER(writes, BPF_F_WRONLY)
FILTER(asks, BPF_F_RDONLY_PROG)

SEC("socket")
int entry(struct __sk_buff *skb)
{
	__u64 i, n = skb->len, missing = 0;

	for (i = 0; i < 50; i++) {
		__u64 v = i * n;

		missing += !!bpf_map_push_elem(&seeded, &v, BPF_ANY);
	}
	for (i = 0; i < 50; i++) {
		__u64 v = i * n;

		missing += !!bpf_map_peek_elem(&seeded, &v);
	}
	NOTE(0, missing);
	NOTE(1, bpf_map_push_elem(&reads, &n, BPF_ANY));
	NOTE(2, bpf_map_push_elem(&writes, &n, BPF_ANY));
	NOTE(3, bpf_map_peek_elem(&writes, &n));
	NOTE(4, bpf_map_peek_elem(&asks, &n));
	return 0;
}
