/* Maps of maps that users may only read, or only write, or that are frozen. */
#include "w.h"

NOTES(4)

struct inner {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u32);
} one SEC(".maps");

#define OUTER(name, kind, flags)                                                                                       \
	struct {                                                                                                       \
		__uint(type, kind);                                                                                    \
		__uint(max_entries, 2);                                                                                \
		__uint(map_flags, flags);                                                                              \
		__type(key, __u32);                                                                                    \
		__array(values, struct inner);                                                                         \
	} name SEC(".maps");

OUTER(array_reads, BPF_MAP_TYPE_ARRAY_OF_MAPS, BPF_F_RDONLY)
OUTER(array_writes, BPF_MAP_TYPE_ARRAY_OF_MAPS, BPF_F_WRONLY)
OUTER(array_frozen, BPF_MAP_TYPE_ARRAY_OF_MAPS, 0)
OUTER(hash_reads, BPF_MAP_TYPE_HASH_OF_MAPS, BPF_F_RDONLY)
OUTER(hash_writes, BPF_MAP_TYPE_HASH_OF_MAPS, BPF_F_WRONLY)
OUTER(hash_frozen, BPF_MAP_TYPE_HASH_OF_MAPS, 0)

#define TRY(i, map)                                                                                                    \
	in = bpf_map_lookup_elem(&map, &key);                                                                          \
	if (in)                                                                                                        \
		found |= 1 << i, bpf_map_update_elem(in, &n, &n, BPF_ANY);

SEC("tc")
int entry(struct __sk_buff *skb)
{
	__u32 key = 1, n = skb->len, found = 0;
	void *in;

	TRY(0, array_reads)
	TRY(1, array_writes)
	TRY(2, array_frozen)
	TRY(3, hash_reads)
	TRY(4, hash_writes)
	TRY(5, hash_frozen)
	NOTE(0, found);
	return 0;
}
