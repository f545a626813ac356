/* Maps with room for one entry, in programs of several types. */
#include "w.h"

NOTES_CALLED(32)

#define MAP(name, kind, flags)                                                                                         \
	struct {                                                                                                       \
		__uint(type, kind);                                                                                    \
		__uint(max_entries, 1);                                                                                \
		__uint(map_flags, flags);                                                                              \
		__type(key, __u16);                                                                                    \
		__type(value, __u16);                                                                                  \
	} name SEC(".maps")

MAP(hash, BPF_MAP_TYPE_HASH, 0);
MAP(lazy, BPF_MAP_TYPE_HASH, BPF_F_NO_PREALLOC);
MAP(each, BPF_MAP_TYPE_PERCPU_HASH, BPF_F_NO_PREALLOC);
MAP(lru, BPF_MAP_TYPE_LRU_HASH, 0);

static __always_inline void steps(void *map, __u32 base)
{
	__u16 one = 1, two = 2, *p;

	NOTE(base + 0, bpf_map_update_elem(map, &one, &one, BPF_ANY));
	NOTE(base + 1, bpf_map_update_elem(map, &one, &two, BPF_ANY));
	NOTE(base + 2, bpf_map_update_elem(map, &two, &two, BPF_ANY));
	NOTE(base + 3, !!bpf_map_lookup_elem(map, &two));
	NOTE(base + 4, bpf_map_delete_elem(map, &two));
	p = bpf_map_lookup_elem(map, &one);
	NOTE(base + 5, p ? *p : -1);
	NOTE(base + 6, bpf_map_delete_elem(map, &one));
}

static __always_inline int all(void)
{
	steps(&hash, 0);
	steps(&lazy, 7);
	steps(&each, 14);
	steps(&lru, 21);
	return 0;
}

SEC("xdp")
int on_xdp(struct xdp_md *ctx)
{
	return all();
}

SEC("tc")
int on_tc(struct __sk_buff *skb)
{
	return all();
}

SEC("socket")
int on_socket(struct __sk_buff *skb)
{
	return all();
}

SEC("cgroup_skb/ingress")
int on_cgroup(struct __sk_buff *skb)
{
	return all();
}

SEC("lwt_in")
int on_lwt(struct __sk_buff *skb)
{
	return all();
}

SEC("syscall")
int on_syscall(void *ctx)
{
	return all();
}
