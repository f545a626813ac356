/* Dynptrs as arguments of functions, global ones too, and in the callback of a loop. */
#include <stdbool.h>
#include "w.h"
#include "dynptr.h"

NOTES(16)

struct block {
	char bytes[256];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct block);
} blocks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

__noinline int sum(const struct bpf_dynptr *p)
{
	__u32 n = bpf_dynptr_size(p), total = 0;
	__u8 b;

	for (int i = 0; i < 64; i++) {
		if (bpf_dynptr_read(&b, 1, p, i, 0))
			return n << 16 | total;
		total += b;
	}
	return -1;
}

static __noinline int put(struct bpf_dynptr *p, __u32 off, __u64 v)
{
	return bpf_dynptr_write(p, off, &v, sizeof(v), 0);
}


struct loop_ctx {
	__u64 written, failed;
};

static long step(__u32 i, void *data)
{
	struct loop_ctx *l = data;
	struct bpf_dynptr p;
	__u32 one = 1;
	struct block *b = bpf_map_lookup_elem(&blocks, &one);

	if (!b)
		return 1;
	if (bpf_dynptr_from_mem(b->bytes, 200, 0, &p))
		return 1;
	if (put(&p, i * 8, i * 0x0101010101010101ull))
		l->failed++;
	else
		l->written++;
	return 0;
}

SEC("tc")
int functions(struct __sk_buff *skb)
{
	struct loop_ctx l = {};
	struct bpf_dynptr p, r, s;
	__u32 zero = 0;
	struct block *b = bpf_map_lookup_elem(&blocks, &zero);

	if (!b)
		return -1;
	bpf_dynptr_from_mem(b->bytes, 60, 0, &p);
	NOTE(0, sum(&p));
	NOTE(1, put(&p, 5, 0x1020304050607080));
	NOTE(2, put(&p, 53, 1));
	NOTE(3, sum(&p));
	bpf_dynptr_from_skb(skb, 0, &s);
	bpf_dynptr_adjust(&s, 14, 40);
	NOTE(4, sum(&s));
	NOTE(5, bpf_ringbuf_reserve_dynptr(&events, 50, 0, &r));
	NOTE(6, bpf_dynptr_copy(&r, 0, &p, 0, 50));
	NOTE(7, bpf_dynptr_copy(&r, 40, &s, 0, 10));
	NOTE(8, sum(&r));
	bpf_ringbuf_submit_dynptr(&r, 0);
	NOTE(9, bpf_loop(30, step, &l, 0));
	NOTE(10, l.written);
	NOTE(11, l.failed);
	return 0;
}
