/* Per-CPU maps, LRU hashes and arrays with locks in maps. */
#include "w.h"

NOTES(16)


struct percpu {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

struct lru {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 100);
	__type(key, __u32);
	__type(value, __u64);
} recent SEC(".maps");

struct locked {
	struct bpf_spin_lock lock;
	__u32 n;
};

struct guarded {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct locked);
} safe SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} unlocked SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 3);
	__type(key, __u32);
	__array(values, struct percpu);
} a SEC(".maps") = { .values = { [1] = &counts } };

struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, 3);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__array(values, struct lru);
} h SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct guarded);
} g SEC(".maps") = { .values = { [0] = &safe } };

SEC("tc")
int entry(struct __sk_buff *skb)
{
	__u32 key = skb->len % 3, one = 1, zero = 0;
	__u64 *v, n = skb->len;
	struct locked *l;
	void *in;

	in = bpf_map_lookup_elem(&a, &key);
	NOTE(0, !!in);
	if (in) {
		v = bpf_map_lookup_elem(in, &one);
		if (v)
			*v += n;
		NOTE(1, bpf_map_update_elem(in, &zero, &n, BPF_ANY));
		v = bpf_map_lookup_percpu_elem(in, &one, bpf_get_smp_processor_id());
		NOTE(2, v ? *v : -1);
	}
	in = bpf_map_lookup_elem(&h, &key);
	NOTE(3, !!in);
	if (in) {
		NOTE(4, bpf_map_update_elem(in, &key, &n, BPF_ANY));
		v = bpf_map_lookup_elem(in, &zero);
		NOTE(5, v ? *v : -1);
		NOTE(6, bpf_map_delete_elem(in, &one));
	}
	in = bpf_map_lookup_elem(&g, &zero);
	if (in) {
		l = bpf_map_lookup_elem(in, &zero);
		if (l) {
			bpf_spin_lock(&l->lock);
			l->n += n;
			bpf_spin_unlock(&l->lock);
			NOTE(7, l->n);
		}
	}
	return 0;
}
