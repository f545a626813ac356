/* Maps of other kinds in maps: arrays of any length, per-CPU arrays, tries, queues. */
#include "w.h"

NOTES(16)

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 4);
	__type(key, __u32);
	__array(values, struct {
		__uint(type, BPF_MAP_TYPE_ARRAY);
		__uint(map_flags, BPF_F_INNER_MAP);
		__uint(max_entries, 1);
		__type(key, __u32);
		__type(value, __u32);
	});
} arrays SEC(".maps");

struct prefix {
	__u32 len;
	__u32 addr;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, 4);
	__type(key, __u32);
	__array(values, struct {
		__uint(type, BPF_MAP_TYPE_LPM_TRIE);
		__uint(map_flags, BPF_F_NO_PREALLOC);
		__uint(max_entries, 1);
		__uint(key_size, sizeof(struct prefix));
		__uint(value_size, 4);
	});
} tries SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 2);
	__type(key, __u32);
	__array(values, struct {
		__uint(type, BPF_MAP_TYPE_QUEUE);
		__uint(max_entries, 1);
		__type(value, __u32);
	});
} queues SEC(".maps");

SEC("xdp")
int look(struct xdp_md *ctx)
{
	struct prefix p = { 32, ctx->data_end - ctx->data };
	__u32 i, key = p.addr % 8, *v, w = 3;

#pragma unroll
	for (i = 0; i < 4; i++) {
		__u32 slot = i;
		void *in = bpf_map_lookup_elem(&arrays, &slot);

		v = in ? bpf_map_lookup_elem(in, &key) : 0;
		NOTE(i, v ? *v : -1);
		if (v)
			*v = p.addr;
		in = bpf_map_lookup_elem(&tries, &slot);
		v = in ? bpf_map_lookup_elem(in, &p) : 0;
		NOTE(4 + i, v ? *v : -1);
		if (in)
			NOTE(8 + i, bpf_map_update_elem(in, &p, &slot, BPF_NOEXIST));
		in = bpf_map_lookup_elem(&queues, &slot);
		if (in) {
			NOTE(12 + i, bpf_map_push_elem(in, &slot, 0));
			NOTE(14 + i, bpf_map_peek_elem(in, &w) + w);
		}
	}
	return 0;
}
