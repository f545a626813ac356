/* bpf_obj_new, bpf_obj_drop and bpf_kptr_xchg: objects that stay in a map. */
#include "kf.h"

struct thing {
	__u64 id;
	__u64 uses;
};

struct value {
	__u64 n;
	struct thing __kptr *thing;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, struct value);
} kept SEC(".maps");

NOTES(16)

static __always_inline struct value *at(__u32 i)
{
	return bpf_map_lookup_elem(&kept, &i);
}

SEC("tc")
int make(struct __sk_buff *ctx)
{
	struct thing *t, *old;
	struct value *v = at(1);
	if (!v)
		return -1;
	t = bpf_obj_new(struct thing);
	if (!t)
		return -2;
	NOTE(0, t->id);
	t->id = v->n + 100;
	t->uses = 1;
	old = bpf_kptr_xchg(&v->thing, t);
	NOTE(1, !!old);
	if (old) {
		NOTE(2, old->id);
		bpf_obj_drop(old);
	}
	v->n++;
	return 0;
}

SEC("tc")
int use(struct __sk_buff *ctx)
{
	struct value *v = at(1);
	struct thing *t;
	if (!v)
		return -1;
	t = bpf_kptr_xchg(&v->thing, 0);
	if (!t)
		return 1;
	NOTE(3, t->id);
	NOTE(4, ++t->uses);
	t = bpf_kptr_xchg(&v->thing, t);
	if (t)
		bpf_obj_drop(t);
	return 0;
}

SEC("tc")
int drop(struct __sk_buff *ctx)
{
	struct value *v = at(1);
	struct thing *t;
	if (!v)
		return -1;
	t = bpf_kptr_xchg(&v->thing, 0);
	if (!t)
		return 1;
	bpf_obj_drop(t);
	return 0;
}

SEC("tc")
int many(struct __sk_buff *ctx)
{
	__u64 sum = 0;
	for (int i = 0; i < 50; i++) {
		struct thing *t = bpf_obj_new(struct thing);
		if (!t)
			return -1;
		t->id = i;
		sum += t->id + t->uses;
		bpf_obj_drop(t);
	}
	NOTE(5, sum);
	return 0;
}
