/* bpf_for_each_map_elem over every kind that it knows: what callbacks see, when they stop it, and what
 * they may do meanwhile. Sums, since hashes have no order. */
#include "w.h"

NOTES_CALLED(64)

#define MAP(name, kind, entries)                                                                                       \
	struct {                                                                                                       \
		__uint(type, kind);                                                                                    \
		__uint(max_entries, entries);                                                                          \
		__type(key, __u32);                                                                                    \
		__type(value, __u64);                                                                                  \
	} name SEC(".maps")

MAP(array, BPF_MAP_TYPE_ARRAY, 5);
MAP(per_cpu, BPF_MAP_TYPE_PERCPU_ARRAY, 5);
MAP(hash, BPF_MAP_TYPE_HASH, 100);
MAP(per_cpu_hash, BPF_MAP_TYPE_PERCPU_HASH, 100);
MAP(lru, BPF_MAP_TYPE_LRU_HASH, 100);
MAP(lru_per_cpu, BPF_MAP_TYPE_LRU_PERCPU_HASH, 100);

/* Global, since the verifier would follow counters on the stack through every call. */
struct seen {
	__u64 keys, values, calls, limit;
} all, some;

static long look(void *map, __u32 *key, __u64 *value, __u32 *limited)
{
	struct seen *seen = *limited ? &some : &all;

	seen->keys += *key + 1;
	seen->values += *value;
	*value += 1;
	seen->calls++;
	return seen->calls == seen->limit;
}

static __always_inline void walk(void *map, __u32 base)
{
	__u32 no = 0, yes = 1;
	__u64 value;

#pragma unroll
	for (__u32 i = 0; i < 5; i++) {
		__u32 key = i;

		value = i * 10;
		bpf_map_update_elem(map, &key, &value, BPF_ANY);
	}
	all = (struct seen){};
	some = (struct seen){ .limit = 2 };
	NOTE(base + 0, bpf_for_each_map_elem(map, look, &no, 0));
	NOTE(base + 1, all.keys);
	NOTE(base + 2, all.values);
	NOTE(base + 3, all.calls);
	NOTE(base + 4, bpf_for_each_map_elem(map, look, &yes, 0));
	NOTE(base + 5, some.calls);
	NOTE(base + 6, bpf_for_each_map_elem(map, look, &no, 1));
	some = (struct seen){}; /* which two these were is a matter of chance */
}

SEC("xdp")
int each(struct xdp_md *ctx)
{
	walk(&array, 0);
	walk(&per_cpu, 7);
	walk(&hash, 14);
	walk(&per_cpu_hash, 21);
	walk(&lru, 28);
	walk(&lru_per_cpu, 35);
	return 0;
}

/* The ones with the limit wrote one value more in some of the entries: clear them, they have no order. */
SEC("xdp")
int reset(struct xdp_md *ctx)
{
#pragma unroll
	for (__u32 i = 0; i < 5; i++) {
		__u32 key = i;

		bpf_map_delete_elem(&hash, &key);
		bpf_map_delete_elem(&per_cpu_hash, &key);
		bpf_map_delete_elem(&lru, &key);
		bpf_map_delete_elem(&lru_per_cpu, &key);
	}
	return 0;
}

static long put(__u32 key, void *ctx)
{
	__u64 value = key;

	bpf_map_update_elem(&hash, &key, &value, BPF_ANY);
	return 0;
}

static long drop(void *map, __u32 *key, __u64 *value, __u64 *n)
{
	__u32 k = *key;

	(*n)++;
	if (k % 3 == 0)
		bpf_map_delete_elem(&hash, &k);
	return 0;
}

SEC("xdp")
int delete_all(struct xdp_md *ctx)
{
	__u64 n = 0;

	bpf_loop(60, put, 0, 0);
	NOTE(42, bpf_for_each_map_elem(&hash, drop, &n, 0));
	NOTE(43, n);
	return 0;
}

static long inner(void *map, __u32 *key, __u64 *value, __u64 *sum)
{
	*sum += *value * (*key + 1);
	return 0;
}

static long outer(void *map, __u32 *key, __u64 *value, __u64 *sum)
{
	__u32 k = *key;

	bpf_for_each_map_elem(&array, inner, sum, 0);
	*sum += (__u64)(*key == k) << 32;
	return 0;
}

SEC("xdp")
int nested(struct xdp_md *ctx)
{
	__u64 sum = 0;

	NOTE(44, bpf_for_each_map_elem(&array, outer, &sum, 0));
	NOTE(45, sum);
	return 0;
}

SEC("xdp")
int empty(struct xdp_md *ctx)
{
	__u32 no = 0;

	all = (struct seen){};
	NOTE(46, bpf_for_each_map_elem(&lru, look, &no, 0));
	NOTE(47, bpf_for_each_map_elem(&per_cpu_hash, look, &no, 0));
	return all.calls;
}
