/* Queues and stacks with access flags, and values as large as programs have. */
#include "w.h"

NOTES(16)

struct big {
	__u64 a[50];
};

#define MAP(name, kind, access)                                                                                        \
	struct {                                                                                                       \
		__uint(type, kind);                                                                                    \
		__uint(max_entries, 2);                                                                                \
		__uint(map_flags, access);                                                                             \
		__type(value, struct big);                                                                             \
	} name SEC(".maps");

MAP(reads, BPF_MAP_TYPE_QUEUE, BPF_F_RDONLY)
MAP(writes, BPF_MAP_TYPE_STACK, BPF_F_WRONLY)
MAP(peeks, BPF_MAP_TYPE_QUEUE, BPF_F_RDONLY_PROG)
MAP(pushes, BPF_MAP_TYPE_STACK, BPF_F_WRONLY_PROG)

struct big scratch;

SEC("tc")
int entry(struct __sk_buff *skb)
{
	scratch.a[0] = skb->len;
	scratch.a[49] = ~skb->len;
	NOTE(0, bpf_map_push_elem(&reads, &scratch, BPF_ANY));
	NOTE(1, bpf_map_push_elem(&writes, &scratch, BPF_EXIST));
	NOTE(2, bpf_map_push_elem(&pushes, &scratch, BPF_ANY));
	NOTE(3, bpf_map_peek_elem(&peeks, &scratch));
	NOTE(4, scratch.a[0]);
	NOTE(5, bpf_map_pop_elem(&writes, &scratch));
	NOTE(6, scratch.a[49]);
	if (skb->len & 1) {
		NOTE(7, bpf_map_pop_elem(&reads, &scratch));
		NOTE(8, scratch.a[0]);
		NOTE(9, bpf_map_pop_elem(&pushes, &scratch));
		NOTE(10, scratch.a[49]);
	}
	return 0;
}
