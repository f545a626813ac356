/* Callbacks that change the map that is gone through, or another one, and callbacks within callbacks. */
#include "w.h"

NOTES_CALLED(32)

#define MAP(name, kind)                                                                                                \
	struct {                                                                                                       \
		__uint(type, kind);                                                                                    \
		__uint(max_entries, 200);                                                                              \
		__type(key, __u32);                                                                                    \
		__type(value, __u64);                                                                                  \
	} name SEC(".maps")

MAP(from, BPF_MAP_TYPE_HASH);
MAP(to, BPF_MAP_TYPE_HASH);
MAP(lru, BPF_MAP_TYPE_LRU_HASH);
MAP(each, BPF_MAP_TYPE_PERCPU_ARRAY);

static long put(__u32 key, void *ctx)
{
	__u64 value = key * 3;

	bpf_map_update_elem(&from, &key, &value, BPF_ANY);
	return 0;
}

static long move(void *map, __u32 *key, __u64 *value, void *ctx)
{
	__u32 k = *key;
	__u64 v = *value + 1;

	bpf_map_update_elem(&to, &k, &v, BPF_NOEXIST);
	bpf_map_delete_elem(&from, &k);
	return 0;
}

/* Every entry goes over. */
SEC("xdp")
int move_all(struct xdp_md *ctx)
{
	bpf_loop(100, put, 0, 0);
	NOTE(0, bpf_for_each_map_elem(&from, move, 0, 0));
	NOTE(1, bpf_for_each_map_elem(&from, move, 0, 0));
	return 0;
}

static long replace(void *map, __u32 *key, __u64 *value, void *ctx)
{
	__u32 k = *key;
	__u64 v = *value + 1000;

	bpf_map_update_elem(&to, &k, &v, BPF_EXIST);
	return 0;
}

/* Each is replaced by another element, at the front of its chain: none comes twice. */
SEC("xdp")
int replace_all(struct xdp_md *ctx)
{
	NOTE(2, bpf_for_each_map_elem(&to, replace, 0, 0));
	return 0;
}

static long add(void *map, __u32 *key, __u64 *value, __u64 *sum)
{
	__u32 k = *key % 200;
	__u64 *own = bpf_map_lookup_elem(&each, &k), *first = bpf_map_lookup_percpu_elem(&each, &k, 0);

	if (own)
		*own += *value;
	*sum += *value + (own == first);
	return 0;
}

static long within(void *map, __u32 *key, __u64 *value, __u64 *sum)
{
	if (*key < 5)
		bpf_for_each_map_elem(&to, add, sum, 0);
	return 0;
}

SEC("xdp")
int nest(struct xdp_md *ctx)
{
	__u64 sum = 0;

	NOTE(3, bpf_for_each_map_elem(&to, within, &sum, 0));
	NOTE(4, sum);
	NOTE(5, bpf_for_each_map_elem(&each, add, &sum, 0));
	NOTE(6, sum);
	return 0;
}

static long drop(void *map, __u32 *key, __u64 *value, void *ctx)
{
	__u32 k = *key;

	bpf_map_delete_elem(map, &k);
	return 0;
}

/* The map that the callback was given. */
SEC("xdp")
int drop_all(struct xdp_md *ctx)
{
	NOTE(7, bpf_for_each_map_elem(&to, drop, 0, 0));
	NOTE(8, bpf_for_each_map_elem(&to, drop, 0, 0));
	return 0;
}
