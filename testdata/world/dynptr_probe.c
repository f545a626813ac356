/* Dynptrs that are filled from memory which may be bad. */
#include <stdbool.h>
#include "w.h"
#include "dynptr.h"

NOTES(32)

struct block {
	char bytes[128];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct block);
} blocks SEC(".maps");

/* arguments: offset, size, and how far into the other block to begin */
SEC("raw_tp/sys_enter")
int probe(struct bpf_raw_tracepoint_args *ctx)
{
	__u32 zero = 0, one = 1;
	struct block *b = bpf_map_lookup_elem(&blocks, &zero), *from = bpf_map_lookup_elem(&blocks, &one);
	__u32 off = ctx->args[0], size = ctx->args[1];
	struct bpf_dynptr p, null;
	const void *src;

	if (!b || !from)
		return -1;
	src = from->bytes + (ctx->args[2] & 63);
	bpf_dynptr_from_mem(b->bytes, 100, 0, &p);
	bpf_dynptr_from_mem(b->bytes, 100, 1, &null);
	NOTE(0, bpf_probe_read_kernel_dynptr(&p, off, size, src));
	NOTE(1, bpf_probe_read_kernel_str_dynptr(&p, off / 2, size, src));
	NOTE(2, bpf_probe_read_kernel_dynptr(&null, off, size, src));
	NOTE(3, bpf_probe_read_kernel_str_dynptr(&null, off, size, src));
	NOTE(4, bpf_probe_read_kernel_dynptr(&p, off, size, (void *)64));
	NOTE(5, bpf_probe_read_kernel_str_dynptr(&p, off, size, (void *)64));
	NOTE(6, bpf_probe_read_user_dynptr(&p, off, size, (void *)64));
	NOTE(7, bpf_probe_read_user_str_dynptr(&p, off, size, (void *)64));
	NOTE(8, bpf_probe_read_user_dynptr(&null, off, size, (void *)64));
	return 0;
}
