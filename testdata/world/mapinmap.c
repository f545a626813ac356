/* Arrays and hashes of maps: what the object puts in, what users put in, and what programs find. */
#include "w.h"

NOTES(16)

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} one SEC(".maps"), two SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 3);
	__type(key, __u32);
	__array(values, struct inner);
} outer SEC(".maps") = {
	.values = { [0] = &one, [2] = &two },
};

struct table {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} table SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, 2);
	__type(key, __u64);
	__array(values, struct table);
} named SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 5);
	__type(key, __u32);
	__type(value, __u64);
} longer SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 9);
	__type(key, __u32);
	__type(value, __u64);
} larger SEC(".maps");

SEC("xdp")
int through_array(struct xdp_md *ctx)
{
	__u32 i, key;
	__u64 *v, n = ctx->data_end - ctx->data;

#pragma unroll
	for (i = 0; i < 4; i++) {
		__u32 slot = i;
		void *in = bpf_map_lookup_elem(&outer, &slot);

		NOTE(i, !!in);
		if (!in)
			continue;
		key = n % 5;
		v = bpf_map_lookup_elem(in, &key);
		NOTE(i + 4, v ? *v : -1);
		if (v)
			*v += n;
		key = i;
		NOTE(i + 8, bpf_map_update_elem(in, &key, &n, BPF_ANY));
		NOTE(i + 12, bpf_map_delete_elem(in, &key));
	}
	return 0;
}

SEC("xdp")
int through_hash(struct xdp_md *ctx)
{
	__u64 i, n = ctx->data_end - ctx->data, *v;
	__u32 key = n;

#pragma unroll
	for (i = 0; i < 4; i++) {
		__u64 name = i;
		void *in = bpf_map_lookup_elem(&named, &name);

		NOTE(i, !!in);
		if (!in)
			continue;
		v = bpf_map_lookup_elem(in, &key);
		NOTE(i + 4, v ? *v : -1);
		NOTE(i + 8, bpf_map_update_elem(in, &key, &n, n & 1 ? BPF_NOEXIST : BPF_ANY));
		key += i;
		NOTE(i + 12, bpf_map_delete_elem(in, &key));
	}
	return 0;
}
