/* Large values, and many entries. */
#include "w.h"

NOTES_CALLED(16)

struct page {
	__u8 bytes[5000];
};

#define MAP(name, kind, entries, flags)                                                                                \
	struct {                                                                                                       \
		__uint(type, kind);                                                                                    \
		__uint(max_entries, entries);                                                                          \
		__uint(map_flags, flags);                                                                              \
		__type(key, __u32);                                                                                    \
		__type(value, struct page);                                                                            \
	} name SEC(".maps")

MAP(pages, BPF_MAP_TYPE_HASH, 3, 0);
MAP(lazy, BPF_MAP_TYPE_HASH, 3, BPF_F_NO_PREALLOC);
MAP(each, BPF_MAP_TYPE_PERCPU_ARRAY, 2, 0);
MAP(each_key, BPF_MAP_TYPE_PERCPU_HASH, 2, 0);

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1000000);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, __u32);
} million SEC(".maps");

SEC("xdp")
int copy(struct xdp_md *ctx)
{
	__u32 key = 0, next = 1;
	struct page *p = bpf_map_lookup_elem(&each, &key), *q;

	if (!p)
		return -1;
	p->bytes[0]++;
	p->bytes[4999]++;
	NOTE(0, bpf_map_update_elem(&pages, &key, p, BPF_ANY));
	NOTE(1, bpf_map_update_elem(&lazy, &next, p, BPF_ANY));
	NOTE(2, bpf_map_update_elem(&each, &next, p, BPF_ANY));
	NOTE(3, bpf_map_update_elem(&each_key, &next, p, BPF_ANY));
	q = bpf_map_lookup_elem(&pages, &key);
	NOTE(4, q ? q->bytes[4999] : -1);
	q = bpf_map_lookup_elem(&each_key, &next);
	if (q)
		q->bytes[2500] = 7;
	return 0;
}

static long put(__u32 i, __u32 *failed)
{
	__u32 key = i * 2654435761u;

	*failed += !!bpf_map_update_elem(&million, &key, &i, BPF_NOEXIST);
	return 0;
}

static long get(__u32 i, __u32 *failed)
{
	__u32 key = i * 2654435761u, *p = bpf_map_lookup_elem(&million, &key);

	*failed += !p || *p != i;
	if (i >= 10)
		*failed += !!bpf_map_delete_elem(&million, &key);
	return 0;
}

SEC("xdp")
int many(struct xdp_md *ctx)
{
	__u32 failed = 0;

	bpf_loop(1000, put, &failed, 0);
	NOTE(5, failed);
	bpf_loop(1000, get, &failed, 0);
	NOTE(6, failed);
	return 0;
}
