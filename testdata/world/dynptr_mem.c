/* Dynptrs over map values: reading, writing, bounds, all that can be asked of one. */
#include <stdbool.h>
#include "w.h"
#include "dynptr.h"

NOTES(64)

struct value {
	char bytes[128];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct value);
} values SEC(".maps");

/* arguments of a program: what the script asks for */
struct ask {
	__u32 offset, len, start, end;
	__u64 flags;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ask);
} asks SEC(".maps");

static __always_inline struct ask *asked(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&asks, &zero);
}

static __always_inline struct value *value(__u32 i)
{
	return bpf_map_lookup_elem(&values, &i);
}

/* access: read, write and data at an offset. */
SEC("xdp")
int access(struct xdp_md *ctx)
{
	struct ask *a = asked();
	struct value *v = value(0);
	struct bpf_dynptr p;
	char buf[16] = "0123456789abcde";
	__u64 *d;

	if (!a || !v)
		return -1;
	NOTE(0, bpf_dynptr_from_mem(v->bytes, 100, 0, &p));
	NOTE(1, bpf_dynptr_write(&p, a->offset, buf, sizeof(buf), a->flags));
	NOTE(2, bpf_dynptr_write(&p, a->offset + 1, buf, 3, 0));
	NOTE(3, bpf_dynptr_read(buf, sizeof(buf), &p, a->offset / 2, a->flags));
	NOTE(4, buf[0] | buf[7] << 8 | buf[15] << 16);
	d = bpf_dynptr_data(&p, a->offset, 8);
	NOTE(5, !!d);
	if (d)
		NOTE(6, *d);
	d = bpf_dynptr_data(&p, 92, 8);
	NOTE(7, !!d);
	d = bpf_dynptr_data(&p, 93, 8);
	NOTE(8, !!d);
	d = bpf_dynptr_data(&p, 0, 101);
	NOTE(9, !!d);
	return 0;
}

/* made: what cannot be made. */
SEC("xdp")
int made(struct xdp_md *ctx)
{
	struct value *v = value(0);
	struct bpf_dynptr p;
	char buf[8] = {};

	if (!v)
		return -1;
	NOTE(0, bpf_dynptr_from_mem(v->bytes, 8, 1, &p));
	NOTE(1, bpf_dynptr_read(buf, 1, &p, 0, 0));
	NOTE(2, bpf_dynptr_write(&p, 0, buf, 1, 0));
	NOTE(3, !!bpf_dynptr_data(&p, 0, 1));
	NOTE(4, bpf_dynptr_is_null(&p));
	NOTE(5, bpf_dynptr_is_rdonly(&p));
	NOTE(6, bpf_dynptr_size(&p));
	NOTE(7, bpf_dynptr_adjust(&p, 0, 0));
	NOTE(8, bpf_dynptr_from_mem(v->bytes, 0, 0, &p));
	NOTE(9, bpf_dynptr_read(buf, 1, &p, 0, 0));
	NOTE(10, bpf_dynptr_is_null(&p));
	NOTE(11, bpf_dynptr_size(&p));
	NOTE(12, bpf_dynptr_from_mem(v->bytes, sizeof(v->bytes), 0, &p));
	NOTE(13, bpf_dynptr_size(&p));
	NOTE(14, bpf_dynptr_is_null(&p));
	NOTE(15, bpf_dynptr_is_rdonly(&p));
	return 0;
}

/* adjust: a window of a window, and its clone. */
SEC("xdp")
int adjust(struct xdp_md *ctx)
{
	struct ask *a = asked();
	struct value *v = value(0);
	struct bpf_dynptr p, q;
	char buf[8] = {}, *s;

	if (!a || !v)
		return -1;
	NOTE(0, bpf_dynptr_from_mem(v->bytes, 100, 0, &p));
	NOTE(1, bpf_dynptr_adjust(&p, 10, 90));
	NOTE(2, bpf_dynptr_size(&p));
	NOTE(3, bpf_dynptr_clone(&p, &q));
	NOTE(4, bpf_dynptr_adjust(&q, a->start, a->end));
	NOTE(5, bpf_dynptr_size(&q));
	NOTE(6, bpf_dynptr_size(&p));
	NOTE(7, bpf_dynptr_read(buf, sizeof(buf), &q, a->offset, 0));
	NOTE(8, *(__u64 *)buf);
	s = bpf_dynptr_slice(&q, a->offset, NULL, 4);
	NOTE(9, !!s);
	if (s)
		NOTE(10, *s);
	s = bpf_dynptr_slice_rdwr(&p, a->offset, buf, sizeof(buf));
	NOTE(11, !!s);
	if (s) {
		s[0] = 'S';
		s[7] = 'E';
	}
	NOTE(12, bpf_dynptr_from_mem(v->bytes, 100, 9, &p));
	NOTE(13, bpf_dynptr_clone(&p, &q));
	NOTE(14, bpf_dynptr_is_null(&q));
	return 0;
}

/* copy: from one value to the other, and within one. */
SEC("xdp")
int copy(struct xdp_md *ctx)
{
	struct ask *a = asked();
	struct value *v = value(0), *w = value(1);
	struct bpf_dynptr p, q, null;

	if (!a || !v || !w)
		return -1;
	bpf_dynptr_from_mem(v->bytes, 100, 0, &p);
	bpf_dynptr_from_mem(w->bytes, 64, 0, &q);
	bpf_dynptr_from_mem(w->bytes, 64, 1, &null);
	NOTE(0, bpf_dynptr_copy(&q, a->start, &p, a->offset, a->len));
	NOTE(1, bpf_dynptr_copy(&p, a->start, &p, a->offset, a->len));
	NOTE(2, bpf_dynptr_copy(&null, a->start, &p, a->offset, a->len));
	NOTE(3, bpf_dynptr_copy(&p, a->start, &null, a->offset, a->len));
	NOTE(4, bpf_dynptr_copy(&null, a->start, &null, a->offset, a->len));
	return 0;
}

/* set: fills a part. */
SEC("xdp")
int set(struct xdp_md *ctx)
{
	struct ask *a = asked();
	struct value *v = value(1);
	struct bpf_dynptr p, null;

	if (!a || !v)
		return -1;
	bpf_dynptr_from_mem(v->bytes, 100, 0, &p);
	bpf_dynptr_from_mem(v->bytes, 100, 1, &null);
	NOTE(0, bpf_dynptr_memset(&p, a->offset, a->len, a->flags));
	NOTE(1, bpf_dynptr_memset(&null, a->offset, a->len, 1));
	return 0;
}
