/* Dynptrs over the packet of XDP programs. */
#include <stdbool.h>
#include "w.h"
#include "dynptr.h"

NOTES(64)

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} asks SEC(".maps");

static __always_inline __u64 asked(__u32 i)
{
	__u64 *v = bpf_map_lookup_elem(&asks, &i);

	return v ? *v : 0;
}

SEC("xdp")
int access(struct xdp_md *ctx)
{
	struct bpf_dynptr p, q;
	char buf[8] = {}, word[8] = "ABCDEFG", *s;

	NOTE(0, bpf_dynptr_from_xdp(ctx, 1, &p));
	NOTE(1, bpf_dynptr_is_null(&p));
	NOTE(2, bpf_dynptr_from_xdp(ctx, 0, &p));
	NOTE(3, bpf_dynptr_size(&p));
	NOTE(4, bpf_dynptr_is_rdonly(&p));
	NOTE(5, bpf_dynptr_read(buf, sizeof(buf), &p, asked(0), 0));
	NOTE(6, *(__u64 *)buf);
	NOTE(7, bpf_dynptr_write(&p, asked(0), word, sizeof(word), asked(1)));
	s = bpf_dynptr_slice(&p, asked(0), NULL, 4);
	NOTE(8, !!s);
	s = bpf_dynptr_slice_rdwr(&p, asked(2), buf, sizeof(buf));
	NOTE(9, s ? s == buf : 77);
	if (s)
		s[7] = '!';
	NOTE(10, !!bpf_dynptr_data(&p, 0, 4));
	NOTE(11, bpf_dynptr_clone(&p, &q));
	NOTE(12, bpf_dynptr_adjust(&q, 4, 20));
	NOTE(13, bpf_dynptr_memset(&q, 2, asked(3), 'm'));
	NOTE(14, bpf_dynptr_copy(&p, asked(2), &q, 0, asked(3)));
	return 0;
}
