/* Hash: what lookups, updates with every flag and deletes of a program give, and that atomic operations
 * on values stay. */
#include "w.h"

NOTES_CALLED(32)

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} values SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, __u64);
} lazy SEC(".maps");

#define STEPS(map, base)                                                                                               \
	do {                                                                                                           \
		NOTE(base + 0, bpf_map_update_elem(&map, &key, &value, BPF_EXIST));                                     \
		NOTE(base + 1, bpf_map_update_elem(&map, &key, &value, BPF_NOEXIST));                                   \
		NOTE(base + 2, bpf_map_update_elem(&map, &key, &value, BPF_NOEXIST));                                   \
		NOTE(base + 3, bpf_map_update_elem(&map, &key, &other, BPF_EXIST));                                     \
		NOTE(base + 4, bpf_map_update_elem(&map, &key, &value, 3));                                             \
		NOTE(base + 5, bpf_map_update_elem(&map, &key, &value, 8));                                             \
		NOTE(base + 6, bpf_map_update_elem(&map, &key, &value, BPF_F_LOCK));                                    \
		p = bpf_map_lookup_elem(&map, &key);                                                                    \
		NOTE(base + 7, p ? *p : -1);                                                                            \
		NOTE(base + 8, bpf_map_delete_elem(&map, &key));                                                        \
		NOTE(base + 9, bpf_map_delete_elem(&map, &key));                                                        \
		NOTE(base + 10, !!bpf_map_lookup_elem(&map, &key));                                                     \
		NOTE(base + 11, bpf_map_update_elem(&map, &key, &value, BPF_ANY));                                      \
	} while (0)

SEC("xdp")
int flags(struct xdp_md *ctx)
{
	__u32 key = 7;
	__u64 value = 77, other = 78, *p;

	STEPS(values, 0);
	STEPS(lazy, 12);
	return 0;
}

/* The fifth key does not fit, one that is there may be replaced, and a deleted one's place is free. */
SEC("xdp")
int fill(struct xdp_md *ctx)
{
	__u64 value = 5;

#pragma unroll
	for (__u32 i = 0; i < 6; i++) {
		__u32 key = i;

		NOTE(key, bpf_map_update_elem(&values, &key, &value, BPF_ANY));
		NOTE(8 + key, bpf_map_update_elem(&lazy, &key, &value, BPF_NOEXIST));
	}
	__u32 key = 2, next = 9;

	value = 6;
	NOTE(16, bpf_map_update_elem(&values, &key, &value, BPF_EXIST));
	NOTE(17, bpf_map_update_elem(&lazy, &key, &value, BPF_EXIST));
	NOTE(18, bpf_map_delete_elem(&values, &key));
	NOTE(19, bpf_map_delete_elem(&lazy, &key));
	NOTE(20, bpf_map_update_elem(&values, &next, &value, BPF_NOEXIST));
	NOTE(21, bpf_map_update_elem(&lazy, &next, &value, BPF_NOEXIST));
	NOTE(22, bpf_map_update_elem(&values, &key, &value, BPF_NOEXIST));
	NOTE(23, bpf_map_update_elem(&lazy, &key, &value, BPF_NOEXIST));
	return 0;
}

SEC("xdp")
int count(struct xdp_md *ctx)
{
	__u32 key = 1;
	__u64 zero = 0, *p = bpf_map_lookup_elem(&values, &key);

	if (!p) {
		bpf_map_update_elem(&values, &key, &zero, BPF_NOEXIST);
		p = bpf_map_lookup_elem(&values, &key);
		if (!p)
			return -1;
	}
	__sync_fetch_and_add(p, 3);
	__sync_fetch_and_or(p, 0x100);
	return __sync_lock_test_and_set(p, *p + 1);
}

static long replace(__u32 n, __u64 *bad)
{
	__u32 key = 1;
	__u64 i = n, *p;

	bpf_map_update_elem(&values, &key, &i, BPF_ANY);
	p = bpf_map_lookup_elem(&values, &key);
	*bad += !p || *p != i;
	if (i % 3 == 0)
		*bad += !!bpf_map_delete_elem(&values, &key);
	return 0;
}

/* Replaced so often that elements are used again within the run. */
SEC("xdp")
int churn(struct xdp_md *ctx)
{
	__u64 bad = 0;

	bpf_loop(1000, replace, &bad, 0);
	NOTE(0, bad);
	return 0;
}
