/* Ring buffer: records that are reserved, then submitted or discarded, also out of order. */
#include "w.h"

NOTES(16)

struct event {
	__u64 seq;
	__u32 kind, len;
	char comm[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8192);
} events SEC(".maps");

static __u64 seq;

static __always_inline struct event *reserve(__u32 kind)
{
	struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	if (e) {
		e->seq = seq++;
		e->kind = kind;
		e->len = sizeof(*e);
		__builtin_memset(e->comm, 'a' + (kind & 7), sizeof(e->comm));
	}
	return e;
}

/* submit: one record. */
SEC("xdp")
int submit(struct xdp_md *ctx)
{
	struct event *e = reserve(1);

	if (!e)
		return 0;
	bpf_ringbuf_submit(e, 0);
	return 1;
}

/* discard: one record that nobody sees. */
SEC("xdp")
int discard(struct xdp_md *ctx)
{
	struct event *e = reserve(2);

	if (!e)
		return 0;
	bpf_ringbuf_discard(e, 0);
	return 1;
}

/* mixed: three at once, committed in another order, the second thrown away. */
SEC("xdp")
int mixed(struct xdp_md *ctx)
{
	struct event *a = reserve(3), *b = reserve(4), *c = reserve(5);

	NOTE(1, bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA));
	if (c)
		bpf_ringbuf_submit(c, BPF_RB_FORCE_WAKEUP);
	if (b)
		bpf_ringbuf_discard(b, BPF_RB_NO_WAKEUP);
	if (a)
		bpf_ringbuf_submit(a, 0);
	return !!a + !!b + !!c;
}

/* limits: what cannot be reserved. */
SEC("xdp")
int limits(struct xdp_md *ctx)
{
	void *p;

	p = bpf_ringbuf_reserve(&events, 8, 1); /* flags must be 0 */
	NOTE(2, !!p);
	if (p)
		bpf_ringbuf_discard(p, 0);
	p = bpf_ringbuf_reserve(&events, 8192, 0);
	NOTE(3, !!p);
	if (p)
		bpf_ringbuf_discard(p, 0);
	p = bpf_ringbuf_reserve(&events, 8192 - 8, 0);
	NOTE(4, !!p);
	if (p)
		bpf_ringbuf_discard(p, 0);
	p = bpf_ringbuf_reserve(&events, 8192 - 16, 0);
	NOTE(5, !!p);
	if (p)
		bpf_ringbuf_discard(p, 0);
	p = bpf_ringbuf_reserve(&events, 0x3fffffff, 0);
	NOTE(6, !!p);
	if (p)
		bpf_ringbuf_discard(p, 0);
	p = bpf_ringbuf_reserve(&events, 0x40000000, 0);
	NOTE(7, !!p);
	if (p)
		bpf_ringbuf_discard(p, 0);
	NOTE(8, bpf_ringbuf_query(&events, BPF_RB_PROD_POS));
	return 0;
}
