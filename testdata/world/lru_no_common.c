/* An LRU hash of which each processor has a share: max_entries becomes a multiple of their number. */
#include "w.h"

NOTES_CALLED(8)

#define MAP(name, kind)                                                                                                \
	struct {                                                                                                       \
		__uint(type, kind);                                                                                    \
		__uint(max_entries, 1001);                                                                             \
		__uint(map_flags, BPF_F_NO_COMMON_LRU);                                                                \
		__type(key, __u32);                                                                                    \
		__type(value, __u64);                                                                                  \
	} name SEC(".maps")

MAP(lru, BPF_MAP_TYPE_LRU_HASH);
MAP(each, BPF_MAP_TYPE_LRU_PERCPU_HASH);

static long put(__u32 key, __u32 *failed)
{
	__u64 value = key;

	*failed += !!bpf_map_update_elem(&lru, &key, &value, BPF_NOEXIST);
	*failed += !!bpf_map_update_elem(&each, &key, &value, BPF_NOEXIST);
	*failed += !bpf_map_lookup_elem(&lru, &key) || !bpf_map_lookup_elem(&each, &key);
	return 0;
}

SEC("xdp")
int entry(struct xdp_md *ctx)
{
	__u32 failed = 0;

	bpf_loop(3000, put, &failed, 0);
	NOTE(0, failed);
	return 0;
}
