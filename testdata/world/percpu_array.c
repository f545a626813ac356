/* Per-CPU array: a program sees its processor's value; flags, and values of other processors. */
#include "w.h"

NOTES_CALLED(32)

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 3);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

struct six { __u8 b[6]; };

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct six);
} odd SEC(".maps");

SEC("xdp")
int entry(struct xdp_md *ctx)
{
	__u64 value = 9, *p;
	struct six s = { "sixsix" };

#pragma unroll
	for (__u32 i = 0; i < 4; i++) {
		__u32 key = i;

		NOTE(key * 6 + 0, bpf_map_update_elem(&counts, &key, &value, BPF_ANY));
		NOTE(key * 6 + 1, bpf_map_update_elem(&counts, &key, &value, BPF_NOEXIST));
		NOTE(key * 6 + 2, bpf_map_update_elem(&counts, &key, &value, BPF_EXIST));
		NOTE(key * 6 + 3, bpf_map_update_elem(&counts, &key, &value, 4));
		NOTE(key * 6 + 4, bpf_map_delete_elem(&counts, &key));
		p = bpf_map_lookup_elem(&counts, &key);
		NOTE(key * 6 + 5, p ? *p : -1);
		if (p)
			*p += key + 1;
		bpf_map_update_elem(&odd, &key, &s, BPF_ANY);
	}
	return 0;
}

/* A constant and a variable index. */
SEC("xdp")
int count(struct xdp_md *ctx)
{
	__u32 one = 1, key = (ctx->data_end - ctx->data) & 3;
	__u64 *p = bpf_map_lookup_elem(&counts, &one), *q = bpf_map_lookup_elem(&counts, &key);

	if (p)
		(*p)++;
	if (q)
		*q += 10;
	return p && q ? *p + *q : -1;
}

SEC("xdp")
int others(struct xdp_md *ctx)
{
	__u32 own = bpf_get_smp_processor_id(), one = 1, beyond = 3;
	__u64 *p = bpf_map_lookup_percpu_elem(&counts, &one, own), *q;

	NOTE(24, p ? *p : -1);
	NOTE(25, !!bpf_map_lookup_percpu_elem(&counts, &beyond, own));
	NOTE(26, !!bpf_map_lookup_percpu_elem(&counts, &one, 1 << 20));
	NOTE(27, !!bpf_map_lookup_percpu_elem(&counts, &one, -1));
	q = bpf_map_lookup_percpu_elem(&counts, &one, 1);
	if (q)
		*q += 1000;
	NOTE(28, q ? *q : -1);
	NOTE(29, p && p == bpf_map_lookup_elem(&counts, &one));
	return 0;
}
