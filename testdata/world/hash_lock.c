/* Values with a bpf_spin_lock: updates with BPF_F_LOCK go where the value is, others put a new one in. */
#include "w.h"

NOTES_CALLED(16)

struct locked {
	__u32 before;
	struct bpf_spin_lock lock;
	__u64 after[10];
};

#define MAP(name, kind, entries)                                                                                       \
	struct {                                                                                                       \
		__uint(type, kind);                                                                                    \
		__uint(max_entries, entries);                                                                          \
		__type(key, __u32);                                                                                    \
		__type(value, struct locked);                                                                          \
	} name SEC(".maps")

MAP(hash, BPF_MAP_TYPE_HASH, 8);
MAP(array, BPF_MAP_TYPE_ARRAY, 8);

SEC("tc")
int entry(struct __sk_buff *skb)
{
	struct locked value = { .before = 1, .after = { 2, 3, [9] = 4 } }, *p;
	__u32 key = 1;

	NOTE(0, bpf_map_update_elem(&hash, &key, &value, BPF_F_LOCK | BPF_EXIST));
	NOTE(1, bpf_map_update_elem(&hash, &key, &value, BPF_F_LOCK | BPF_NOEXIST));
	NOTE(2, bpf_map_update_elem(&hash, &key, &value, BPF_F_LOCK | BPF_NOEXIST));
	p = bpf_map_lookup_elem(&hash, &key);
	if (!p)
		return -1;
	value.before = 5;
	NOTE(3, bpf_map_update_elem(&hash, &key, &value, BPF_F_LOCK));
	NOTE(4, p->before); /* the same value */
	NOTE(5, p == bpf_map_lookup_elem(&hash, &key));
	bpf_spin_lock(&p->lock);
	p->after[1]++;
	bpf_spin_unlock(&p->lock);
	value.before = 6;
	NOTE(6, bpf_map_update_elem(&hash, &key, &value, BPF_ANY));
	NOTE(7, p == bpf_map_lookup_elem(&hash, &key)); /* another one */
	NOTE(8, bpf_map_update_elem(&array, &key, &value, BPF_F_LOCK));
	NOTE(9, bpf_map_update_elem(&array, &key, &value, BPF_F_LOCK | BPF_NOEXIST));
	NOTE(10, bpf_map_update_elem(&hash, &key, &value, BPF_F_LOCK | 8));
	return 0;
}
