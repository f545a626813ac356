/* bpf_map_sum_elem_count. */
#include "w.h"

NOTES_CALLED(16)

#define MAP(name, kind, flags)                                                                                         \
	struct {                                                                                                       \
		__uint(type, kind);                                                                                    \
		__uint(max_entries, 100);                                                                              \
		__uint(map_flags, flags);                                                                              \
		__type(key, __u32);                                                                                    \
		__type(value, __u64);                                                                                  \
	} name SEC(".maps")

MAP(hash, BPF_MAP_TYPE_HASH, 0);
MAP(lazy, BPF_MAP_TYPE_HASH, BPF_F_NO_PREALLOC);
MAP(per_cpu, BPF_MAP_TYPE_PERCPU_HASH, 0);
MAP(lru, BPF_MAP_TYPE_LRU_HASH, 0);
MAP(lru_per_cpu, BPF_MAP_TYPE_LRU_PERCPU_HASH, 0);
MAP(array, BPF_MAP_TYPE_ARRAY, 0);

struct bpf_map {
	__u32 id;
};

extern __s64 bpf_map_sum_elem_count(const struct bpf_map *map) __ksym;

static __always_inline void put(void *map, __u32 n)
{
	__u64 value = 1;
	__u32 key;

#pragma unroll
	for (__u32 i = 0; i < n; i++) {
		key = i;
		bpf_map_update_elem(map, &key, &value, BPF_ANY);
		bpf_map_update_elem(map, &key, &value, BPF_ANY);
	}
	key = 1;

	bpf_map_delete_elem(map, &key);
	bpf_map_delete_elem(map, &key);
}

SEC("xdp")
int entry(struct xdp_md *ctx)
{
	put(&hash, 2);
	put(&lazy, 3);
	put(&per_cpu, 4);
	put(&lru, 5);
	put(&lru_per_cpu, 6);
	put(&array, 7);
	NOTE(0, bpf_map_sum_elem_count((void *)&hash));
	NOTE(1, bpf_map_sum_elem_count((void *)&lazy));
	NOTE(2, bpf_map_sum_elem_count((void *)&per_cpu));
	NOTE(3, bpf_map_sum_elem_count((void *)&lru));
	NOTE(4, bpf_map_sum_elem_count((void *)&lru_per_cpu));
	NOTE(5, bpf_map_sum_elem_count((void *)&array));
	return 0;
}
