/* bpf_res_spin_lock: locks that say so where waiting would never end. */
#include "kf.h"

struct value {
	struct bpf_res_spin_lock lock;
	__u64 n;
};

extern int bpf_res_spin_lock(struct bpf_res_spin_lock *lock) __ksym;
extern void bpf_res_spin_unlock(struct bpf_res_spin_lock *lock) __ksym;
extern int bpf_res_spin_lock_irqsave(struct bpf_res_spin_lock *lock, unsigned long *flags) __ksym;
extern void bpf_res_spin_unlock_irqrestore(struct bpf_res_spin_lock *lock, unsigned long *flags) __ksym;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct value);
} values SEC(".maps");

NOTES(4)

SEC("tc")
int lock(struct __sk_buff *ctx)
{
	__u32 i = 0, k = 1;
	unsigned long flags;
	struct value *a = bpf_map_lookup_elem(&values, &i), *b = bpf_map_lookup_elem(&values, &k);
	int err, again = 1;
	if (!a || !b)
		return -1;
	err = bpf_res_spin_lock(&a->lock);
	if (err)
		return err;
	a->n++;
	again = bpf_res_spin_lock(&b->lock);
	if (!again) {
		b->n += 2;
		bpf_res_spin_unlock(&b->lock);
	}
	bpf_res_spin_unlock(&a->lock);
	if (bpf_res_spin_lock_irqsave(&b->lock, &flags) == 0) {
		b->n += 10;
		bpf_res_spin_unlock_irqrestore(&b->lock, &flags);
	}
	NOTE(0, again);
	return 0;
}

SEC("tc")
int twice(struct __sk_buff *ctx)
{
	__u32 i = 0;
	struct value *a = bpf_map_lookup_elem(&values, &i), *b = bpf_map_lookup_elem(&values, &i);
	int err;
	if (!a || !b)
		return -1;
	if (bpf_res_spin_lock(&a->lock))
		return -2;
	err = bpf_res_spin_lock(&b->lock);
	if (!err)
		bpf_res_spin_unlock(&b->lock);
	bpf_res_spin_unlock(&a->lock);
	return err;
}
