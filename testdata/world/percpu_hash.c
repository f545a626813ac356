/* Per-CPU hash, with and without memory in advance. */
#include "w.h"

NOTES_CALLED(64)

#define MAP(name, flags)                                                                                               \
	struct {                                                                                                       \
		__uint(type, BPF_MAP_TYPE_PERCPU_HASH);                                                                \
		__uint(max_entries, 3);                                                                                \
		__uint(map_flags, flags);                                                                              \
		__type(key, __u32);                                                                                    \
		__type(value, __u64);                                                                                  \
	} name SEC(".maps")

MAP(counts, 0);
MAP(lazy, BPF_F_NO_PREALLOC);

static __always_inline void steps(void *map, __u32 base)
{
	__u32 key = 5;
	__u64 value = 50, *p;

	NOTE(base + 0, bpf_map_update_elem(map, &key, &value, BPF_EXIST));
	NOTE(base + 1, bpf_map_update_elem(map, &key, &value, BPF_NOEXIST));
	NOTE(base + 2, bpf_map_update_elem(map, &key, &value, BPF_NOEXIST));
	value = 51;
	NOTE(base + 3, bpf_map_update_elem(map, &key, &value, BPF_EXIST));
	NOTE(base + 4, bpf_map_update_elem(map, &key, &value, 3));
	NOTE(base + 5, bpf_map_update_elem(map, &key, &value, BPF_F_LOCK));
	p = bpf_map_lookup_elem(map, &key);
	NOTE(base + 6, p ? *p : -1);
#pragma unroll
	for (__u32 i = 0; i < 4; i++) {
		key = i;
		NOTE(base + 7 + i, bpf_map_update_elem(map, &key, &value, BPF_ANY));
	}
	key = 5;
	NOTE(base + 11, bpf_map_delete_elem(map, &key));
	NOTE(base + 12, bpf_map_delete_elem(map, &key));
	key = 3;
	NOTE(base + 13, bpf_map_update_elem(map, &key, &value, BPF_ANY));
	p = bpf_map_lookup_percpu_elem(map, &key, 0);
	NOTE(base + 14, p ? *p : -1);
	p = bpf_map_lookup_percpu_elem(map, &key, 1);
	NOTE(base + 15, p ? *p : -1);
	NOTE(base + 16, !!bpf_map_lookup_percpu_elem(map, &key, 1 << 20));
}

SEC("xdp")
int entry(struct xdp_md *ctx)
{
	steps(&counts, 0);
	steps(&lazy, 20);
	return 0;
}

/* The value stays where it is when it is written again. */
SEC("xdp")
int in_place(struct xdp_md *ctx)
{
	__u32 key = 3;
	__u64 value = 123, *p = bpf_map_lookup_elem(&counts, &key);

	if (!p)
		return -1;
	bpf_map_update_elem(&counts, &key, &value, BPF_ANY);
	NOTE(40, *p);
	(*p)++;
	NOTE(41, p == bpf_map_lookup_elem(&counts, &key));
	return 0;
}
