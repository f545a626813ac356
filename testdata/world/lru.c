/* LRU hashes: up to max_entries each key stays, beyond that never more than max_entries do. */
#include "w.h"

NOTES_CALLED(64)

#define MAP(name, kind, entries)                                                                                       \
	struct {                                                                                                       \
		__uint(type, kind);                                                                                    \
		__uint(max_entries, entries);                                                                          \
		__type(key, __u32);                                                                                    \
		__type(value, __u64);                                                                                  \
	} name SEC(".maps")

MAP(lru, BPF_MAP_TYPE_LRU_HASH, 512);
MAP(each, BPF_MAP_TYPE_LRU_PERCPU_HASH, 512);

static __always_inline void steps(void *map, __u32 base)
{
	__u32 key = 1000;
	__u64 value = 50, *p;

	NOTE(base + 0, bpf_map_update_elem(map, &key, &value, BPF_EXIST));
	NOTE(base + 1, bpf_map_update_elem(map, &key, &value, BPF_NOEXIST));
	NOTE(base + 2, bpf_map_update_elem(map, &key, &value, BPF_NOEXIST));
	value = 51;
	NOTE(base + 3, bpf_map_update_elem(map, &key, &value, BPF_EXIST));
	NOTE(base + 4, bpf_map_update_elem(map, &key, &value, 3));
	NOTE(base + 5, bpf_map_update_elem(map, &key, &value, BPF_F_LOCK));
	NOTE(base + 6, bpf_map_update_elem(map, &key, &value, 8));
	p = bpf_map_lookup_elem(map, &key);
	NOTE(base + 7, p ? *p : -1);
#pragma unroll
	for (__u32 i = 0; i < 5; i++) {
		key = i;
		NOTE(base + 8 + i, bpf_map_update_elem(map, &key, &value, BPF_ANY));
	}
	key = 3;
	NOTE(base + 13, bpf_map_delete_elem(map, &key));
	NOTE(base + 14, bpf_map_delete_elem(map, &key));
	NOTE(base + 15, !!bpf_map_lookup_elem(map, &key));
}

SEC("xdp")
int entry(struct xdp_md *ctx)
{
	steps(&lru, 0);
	steps(&each, 20);
	return 0;
}

static long put(__u32 i, __u32 *failed)
{
	__u32 key = 10000 + i;
	__u64 value = i;

	*failed += !!bpf_map_update_elem(&lru, &key, &value, BPF_ANY);
	*failed += !!bpf_map_update_elem(&each, &key, &value, BPF_ANY);
	*failed += !bpf_map_lookup_elem(&lru, &key) || !bpf_map_lookup_elem(&each, &key);
	return 0;
}

/* 2000 new keys: there is room for each. */
SEC("xdp")
int flood(struct xdp_md *ctx)
{
	__u32 failed = 0;

	bpf_loop(2000, put, &failed, 0);
	NOTE(40, failed);
	return 0;
}
