/* A value whose key was deleted or replaced stays what it was for the program that holds it. */
#include "w.h"

NOTES(16)

#define MAP(name, kind)                                                                                                \
	struct {                                                                                                       \
		__uint(type, kind);                                                                                    \
		__uint(max_entries, 16);                                                                               \
		__uint(map_flags, BPF_F_NO_PREALLOC);                                                                  \
		__type(key, __u32);                                                                                    \
		__type(value, __u64);                                                                                  \
	} name SEC(".maps")

MAP(hash, BPF_MAP_TYPE_HASH);
MAP(per_cpu, BPF_MAP_TYPE_PERCPU_HASH);

SEC("xdp")
int deleted(struct xdp_md *ctx)
{
	__u32 key = 1;
	__u64 value = 11, *p, *q;

	bpf_map_update_elem(&hash, &key, &value, BPF_ANY);
	bpf_map_update_elem(&per_cpu, &key, &value, BPF_ANY);
	p = bpf_map_lookup_elem(&hash, &key);
	q = bpf_map_lookup_elem(&per_cpu, &key);
	if (!p || !q)
		return -1;
	bpf_map_delete_elem(&hash, &key);
	bpf_map_delete_elem(&per_cpu, &key);
	NOTE(0, *p);
	NOTE(1, *q);
	*p = 12;
	NOTE(2, *p);
	NOTE(3, !!bpf_map_lookup_elem(&hash, &key));
	return 0;
}

SEC("xdp")
int replaced(struct xdp_md *ctx)
{
	__u32 key = 2;
	__u64 value = 21, *p, *q;

	bpf_map_update_elem(&hash, &key, &value, BPF_ANY);
	p = bpf_map_lookup_elem(&hash, &key);
	value = 22;
	bpf_map_update_elem(&hash, &key, &value, BPF_EXIST);
	q = bpf_map_lookup_elem(&hash, &key);
	if (!p || !q)
		return -1;
	NOTE(4, *p);
	NOTE(5, *q);
	NOTE(6, p == q);
	return 0;
}
