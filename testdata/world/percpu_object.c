/* bpf_percpu_obj_new: an object that each processor has a copy of. */
#include "kf.h"

struct counter {
	__u64 n;
	__u32 m;
};

struct value {
	struct counter __percpu_kptr *pc;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct value);
} kept SEC(".maps");

NOTES(8)


SEC("tc")
int make(struct __sk_buff *ctx)
{
	struct counter __percpu_kptr *p;
	__u32 i = 0;
	struct value *v = bpf_map_lookup_elem(&kept, &i);
	if (!v)
		return -1;
	p = bpf_percpu_obj_new(struct counter);
	if (!p)
		return -2;
	p = bpf_kptr_xchg(&v->pc, p);
	if (p) {
		NOTE(0, 1);
		bpf_percpu_obj_drop(p);
	}
	return 0;
}

SEC("tc")
int count(struct __sk_buff *ctx)
{
	struct counter __percpu_kptr *p;
	struct counter *c;
	__u64 sum = 0;
	int ret = 1;
	__u32 i = 0;
	struct value *v = bpf_map_lookup_elem(&kept, &i);
	if (!v)
		return -1;
	bpf_rcu_read_lock();
	p = v->pc;
	if (!p)
		goto out;
	c = bpf_this_cpu_ptr(p);
	c->n += 3;
	c->m++;
	c = bpf_per_cpu_ptr(p, 0);
	if (c)
		c->n += 100;
	c = bpf_per_cpu_ptr(p, 100000);
	NOTE(1, !!c);
	for (int cpu = 0; cpu < 8; cpu++) {
		c = bpf_per_cpu_ptr(p, cpu);
		if (c)
			sum += c->n + c->m;
	}
	NOTE(2, sum);
	ret = 0;
out:
	bpf_rcu_read_unlock();
	return ret;
}
