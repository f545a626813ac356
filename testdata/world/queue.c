/* Queue and stack: values go in with every flag, and come out. */
#include "w.h"

NOTES(16)

struct value {
	__u64 a;
	__u8 b[5];
} __attribute__((packed));

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 3);
	__type(value, struct value);
} queue SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(max_entries, 3);
	__type(value, struct value);
} stack SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 1);
	__type(value, __u32);
} single SEC(".maps");

__u64 counter;

#define EACH(name, map)                                                                                                \
	SEC("xdp")                                                                                                     \
	int push_##name(struct xdp_md *ctx)                                                                            \
	{                                                                                                              \
		static const __u64 flags[] = { BPF_ANY, BPF_NOEXIST, BPF_EXIST, 3, 4, 1ULL << 32 };                    \
		__u64 n = __sync_fetch_and_add(&counter, 1) + 1;                                                       \
		struct value v = { .a = n, .b = { n, 2, 3, 4, 5 } };                                                   \
		__u32 which = ctx->data_end - ctx->data - 20;                                                          \
		if (which >= 6)                                                                                        \
			return -1;                                                                                     \
		return bpf_map_push_elem(&map, &v, flags[which]);                                                      \
	}                                                                                                              \
	SEC("xdp")                                                                                                     \
	int pop_##name(struct xdp_md *ctx)                                                                             \
	{                                                                                                              \
		struct value v = { .a = -1ULL, .b = { 9 } };                                                           \
		NOTE(0, bpf_map_peek_elem(&map, &v));                                                                  \
		NOTE(1, v.a);                                                                                          \
		NOTE(2, v.b[0]);                                                                                       \
		v.a = -1ULL;                                                                                           \
		NOTE(3, bpf_map_pop_elem(&map, &v));                                                                   \
		NOTE(4, v.a);                                                                                          \
		NOTE(5, v.b[4]);                                                                                       \
		return 0;                                                                                              \
	}

EACH(queue, queue)
EACH(stack, stack)

SEC("xdp")
int one(struct xdp_md *ctx)
{
	__u32 v = 1, w = 0;

	NOTE(0, bpf_map_push_elem(&single, &v, BPF_ANY));
	v++;
	NOTE(1, bpf_map_push_elem(&single, &v, BPF_ANY));
	NOTE(2, bpf_map_push_elem(&single, &v, BPF_EXIST));
	NOTE(3, bpf_map_pop_elem(&single, &w));
	NOTE(4, w);
	NOTE(5, bpf_map_pop_elem(&single, &w));
	NOTE(6, w);
	return 0;
}
