/* Every kind of map that has keys and values, used by many at once. A value carries its key, twice the same
 * number in one word, and a counter; whatever is found wrong is counted in bad. */
#include "w.h"

struct value {
	__u64 key, twice, count;
};

#define MAP(name, kind, entries, flags)                                                                                \
	struct {                                                                                                       \
		__uint(type, kind);                                                                                    \
		__uint(max_entries, entries);                                                                          \
		__uint(map_flags, flags);                                                                              \
		__type(key, __u32);                                                                                    \
		__type(value, struct value);                                                                           \
	} name SEC(".maps")

MAP(array, BPF_MAP_TYPE_ARRAY, 64, 0);
MAP(per_cpu_array, BPF_MAP_TYPE_PERCPU_ARRAY, 64, 0);
MAP(hash, BPF_MAP_TYPE_HASH, 64, 0);
MAP(lazy, BPF_MAP_TYPE_HASH, 64, BPF_F_NO_PREALLOC);
MAP(per_cpu_hash, BPF_MAP_TYPE_PERCPU_HASH, 64, 0);
MAP(lru, BPF_MAP_TYPE_LRU_HASH, 64, 0);
MAP(lru_per_cpu, BPF_MAP_TYPE_LRU_PERCPU_HASH, 64, 0);
MAP(small, BPF_MAP_TYPE_LRU_HASH, 16, 0);

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} bad SEC(".maps");

static __always_inline void wrong(__u32 what)
{
	__u64 *p = bpf_map_lookup_elem(&bad, &what);

	if (p)
		__sync_fetch_and_add(p, 1);
}

/* Plain loads of whole words see no half of one; atomic ones are for a detector of races. */
static __always_inline void check(struct value *v, __u32 key, __u32 plain)
{
	__u64 its = plain ? *(volatile __u64 *)&v->key : __sync_fetch_and_add(&v->key, 0);
	__u64 twice = plain ? *(volatile __u64 *)&v->twice : __sync_fetch_and_add(&v->twice, 0);

	if (its != key)
		wrong(0);
	if ((__u32)twice != twice >> 32)
		wrong(1);
}

struct ask {
	__u32 steady, fleeting, plain;
};

static __always_inline struct ask *ask(struct xdp_md *ctx)
{
	struct ask *a = (void *)(long)ctx->data;

	return (void *)(a + 1) <= (void *)(long)ctx->data_end ? a : 0;
}

/* Counts under a key that stays and puts in, looks up and deletes one that does not. */
#define HAMMER(name, each_cpu)                                                                                         \
	SEC("xdp")                                                                                                     \
	int hammer_##name(struct xdp_md *ctx)                                                                          \
	{                                                                                                              \
		struct ask *a = ask(ctx);                                                                              \
		struct value *p, v = {};                                                                               \
		__u32 key;                                                                                             \
                                                                                                                       \
		if (!a)                                                                                                \
			return -1;                                                                                     \
		key = a->steady;                                                                                       \
		p = bpf_map_lookup_elem(&name, &key);                                                                  \
		if (p) {                                                                                               \
			if (each_cpu && a->plain)                                                                      \
				p->count++;                                                                            \
			else                                                                                           \
				__sync_fetch_and_add(&p->count, 1);                                                    \
		} else {                                                                                               \
			wrong(2);                                                                                      \
		}                                                                                                      \
		key = a->fleeting;                                                                                     \
		v.key = key;                                                                                           \
		v.twice = ((__u64)key << 32) + key;                                                                    \
		bpf_map_update_elem(&name, &key, &v, BPF_ANY);                                                         \
		p = bpf_map_lookup_elem(&name, &key);                                                                  \
		if (p && !each_cpu)                                                                                    \
			check(p, key, a->plain);                                                                                 \
		if (key & 1)                                                                                           \
			bpf_map_delete_elem(&name, &key);                                                              \
		return 0;                                                                                              \
	}

HAMMER(array, 0)
HAMMER(per_cpu_array, 1)
HAMMER(hash, 0)
HAMMER(lazy, 0)
HAMMER(per_cpu_hash, 1)
HAMMER(lru, 0)
HAMMER(lru_per_cpu, 1)

/* More keys than there is room for. */
SEC("xdp")
int flood(struct xdp_md *ctx)
{
	struct ask *a = ask(ctx);
	struct value *p, v = {};
	__u32 key;

	if (!a)
		return -1;
	key = a->fleeting;
	v.key = key;
	v.twice = ((__u64)key << 32) + key;
	if (bpf_map_update_elem(&small, &key, &v, BPF_ANY))
		wrong(2);
	p = bpf_map_lookup_elem(&small, &key);
	if (p)
		check(p, key, a->plain);
	return 0;
}
