/* Bloom filters: with the seed zero they err on the same values. */
#include "w.h"

NOTES(8)

struct nine {
	__u8 b[9];
};

struct {
	__uint(type, BPF_MAP_TYPE_BLOOM_FILTER);
	__uint(max_entries, 16);
	__uint(map_flags, BPF_F_ZERO_SEED);
	__uint(map_extra, 2);
	__type(value, __u32);
} small SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_BLOOM_FILTER);
	__uint(max_entries, 40);
	__uint(map_flags, BPF_F_ZERO_SEED);
	__type(value, struct nine);
} odd SEC(".maps");

struct wide {
	__u64 a[4];
};

struct {
	__uint(type, BPF_MAP_TYPE_BLOOM_FILTER);
	__uint(max_entries, 33);
	__uint(map_flags, BPF_F_ZERO_SEED);
	__uint(map_extra, 15);
	__type(value, struct wide);
} large SEC(".maps");

SEC("xdp")
int put(struct xdp_md *ctx)
{
	__u32 n = ctx->data_end - ctx->data;
	struct nine o = { .b = { n, 1, n >> 1, 3, n, 5, 6, 7, n } };
	struct wide w = { .a = { n, 2, 3, n * n } };

	NOTE(0, bpf_map_push_elem(&small, &n, BPF_ANY));
	NOTE(1, bpf_map_push_elem(&odd, &o, BPF_ANY));
	NOTE(2, bpf_map_push_elem(&large, &w, BPF_ANY));
	NOTE(3, bpf_map_push_elem(&large, &w, BPF_NOEXIST));
	NOTE(4, bpf_map_push_elem(&large, &w, BPF_EXIST));
	return 0;
}

SEC("xdp")
int ask(struct xdp_md *ctx)
{
	int hits[3] = {};
	__u32 n, i;

	for (i = 0; i < 400; i++) {
		struct nine o;
		struct wide w = {};

		n = i;
		__builtin_memset(&o, 0, sizeof(o));
		o.b[0] = n;
		o.b[1] = 1;
		o.b[2] = n >> 1;
		o.b[3] = 3;
		o.b[4] = n;
		o.b[5] = 5;
		o.b[6] = 6;
		o.b[7] = 7;
		o.b[8] = n;
		w.a[0] = n;
		w.a[1] = 2;
		w.a[2] = 3;
		w.a[3] = n * n;
		hits[0] += !bpf_map_peek_elem(&small, &n);
		hits[1] += !bpf_map_peek_elem(&odd, &o);
		hits[2] += !bpf_map_peek_elem(&large, &w);
	}
	NOTE(5, hits[0]);
	NOTE(6, hits[1]);
	NOTE(7, hits[2]);
	return 0;
}
