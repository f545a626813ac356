/* A stack as a program uses one: to walk a tree without recursion. */
#include "w.h"

NOTES(4)

struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(max_entries, 8);
	__type(value, __u32);
} todo SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 64);
	__type(value, __u32);
} order SEC(".maps");

SEC("tc")
int walk(struct __sk_buff *skb)
{
	__u32 i, node = 1, child, lost = 0, last = skb->len;

	bpf_map_push_elem(&todo, &node, BPF_ANY);
	for (i = 0; i < 100; i++) {
		if (bpf_map_pop_elem(&todo, &node))
			break;
		bpf_map_push_elem(&order, &node, BPF_EXIST);
		if (node * 2 > last)
			continue;
		child = node * 2 + 1;
		lost += !!bpf_map_push_elem(&todo, &child, BPF_ANY);
		child = node * 2;
		lost += !!bpf_map_push_elem(&todo, &child, node & 1 ? BPF_EXIST : BPF_ANY);
	}
	NOTE(0, i);
	NOTE(1, lost);
	return node;
}
