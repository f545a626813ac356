/* Dynptrs over records of a ring buffer, whose size is known at run time alone. */
#include <stdbool.h>
#include "w.h"
#include "dynptr.h"

NOTES(16)

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 3);
	__type(key, __u32);
	__type(value, __u64);
} asks SEC(".maps");

static __always_inline __u64 asked(__u32 i)
{
	__u64 *v = bpf_map_lookup_elem(&asks, &i);

	return v ? *v : 0;
}

/* record: asks[0] bytes, flags asks[1]; discarded if asks[2]. */
SEC("xdp")
int record(struct xdp_md *ctx)
{
	struct bpf_dynptr p, q;
	__u64 words[2] = {0x1111111111111111, 0x2222222222222222};
	__u64 *first;

	NOTE(0, bpf_ringbuf_reserve_dynptr(&events, asked(0), asked(1), &p));
	NOTE(1, bpf_dynptr_is_null(&p));
	NOTE(2, bpf_dynptr_size(&p));
	NOTE(3, bpf_dynptr_write(&p, 0, words, sizeof(words), 0));
	NOTE(4, bpf_dynptr_write(&p, 20, words, sizeof(words), 0));
	NOTE(5, bpf_dynptr_write(&p, 0, words, 1, 1));
	first = bpf_dynptr_data(&p, 0, sizeof(*first));
	NOTE(6, !!first);
	if (first)
		*first = 0x3333;
	NOTE(7, bpf_dynptr_memset(&p, 8, 4, 0x44));
	NOTE(8, bpf_dynptr_clone(&p, &q));
	NOTE(9, bpf_dynptr_adjust(&q, 4, 8));
	NOTE(10, bpf_dynptr_copy(&q, 0, &p, 0, 4));
	if (asked(2))
		bpf_ringbuf_discard_dynptr(&p, 0);
	else
		bpf_ringbuf_submit_dynptr(&p, 0);
	NOTE(11, bpf_ringbuf_query(&events, BPF_RB_PROD_POS));
	return 0;
}
