/* Hashes of every kind for users: updates, takes, next keys and batches; a program adds to what they put in. */
#include "w.h"

#define MAP(name, kind, entries, flags)                                                                                \
	struct {                                                                                                       \
		__uint(type, kind);                                                                                    \
		__uint(max_entries, entries);                                                                          \
		__uint(map_flags, flags);                                                                              \
		__type(key, __u32);                                                                                    \
		__type(value, __u64);                                                                                  \
	} name SEC(".maps")

MAP(hash, BPF_MAP_TYPE_HASH, 64, 0);
MAP(lazy, BPF_MAP_TYPE_HASH, 64, BPF_F_NO_PREALLOC);
MAP(per_cpu, BPF_MAP_TYPE_PERCPU_HASH, 64, 0);
MAP(lru, BPF_MAP_TYPE_LRU_HASH, 64, 0);
MAP(lru_per_cpu, BPF_MAP_TYPE_LRU_PERCPU_HASH, 64, 0);
MAP(array, BPF_MAP_TYPE_ARRAY, 10, 0);
MAP(per_cpu_array, BPF_MAP_TYPE_PERCPU_ARRAY, 10, 0);

static long add(void *map, __u32 *key, __u64 *value, void *ctx)
{
	*value += 1000;
	return 0;
}

SEC("xdp")
int entry(struct xdp_md *ctx)
{
	bpf_for_each_map_elem(&hash, add, 0, 0);
	bpf_for_each_map_elem(&lazy, add, 0, 0);
	bpf_for_each_map_elem(&per_cpu, add, 0, 0);
	bpf_for_each_map_elem(&lru, add, 0, 0);
	bpf_for_each_map_elem(&lru_per_cpu, add, 0, 0);
	bpf_for_each_map_elem(&array, add, 0, 0);
	bpf_for_each_map_elem(&per_cpu_array, add, 0, 0);
	return 0;
}
