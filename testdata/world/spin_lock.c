/* bpf_spin_lock in the values of an array: programs and users change both words together. */
#include "w.h"

struct value {
	__u64 a;
	struct bpf_spin_lock lock;
	__u32 b;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, struct value);
} values SEC(".maps");

NOTES(8)

SEC("tc")
int both(struct __sk_buff *ctx)
{
	__u32 i = 1;
	struct value *v = bpf_map_lookup_elem(&values, &i);
	if (!v)
		return -1;
	bpf_spin_lock(&v->lock);
	v->a++;
	v->b += 2;
	bpf_spin_unlock(&v->lock);
	bpf_spin_lock(&v->lock);
	__u64 sum = v->a + v->b;
	bpf_spin_unlock(&v->lock);
	return sum;
}

SEC("tc")
int update_locked(struct __sk_buff *ctx)
{
	struct value v = {.a = 77, .b = 88};
	__u32 i = 2, far = 4;
	NOTE(0, bpf_map_update_elem(&values, &i, &v, BPF_F_LOCK));
	NOTE(1, bpf_map_update_elem(&values, &i, &v, BPF_F_LOCK | BPF_EXIST));
	NOTE(2, bpf_map_update_elem(&values, &i, &v, BPF_F_LOCK | BPF_NOEXIST));
	NOTE(3, bpf_map_update_elem(&values, &far, &v, BPF_F_LOCK));
	NOTE(4, bpf_map_update_elem(&values, &i, &v, 8));
	__u32 key = 1;
	__u64 note = 1;
	NOTE(5, bpf_map_update_elem(&notes, &key, &note, BPF_F_LOCK)); /* it has no lock */
	return 0;
}

static __noinline int locked_sub(struct value *v)
{
	bpf_spin_lock(&v->lock);
	__u64 a = v->a++;
	bpf_spin_unlock(&v->lock);
	return a;
}

SEC("tc")
int in_subprog(struct __sk_buff *ctx)
{
	__u32 i = 3;
	struct value *v = bpf_map_lookup_elem(&values, &i);
	return v ? locked_sub(v) : -1;
}
