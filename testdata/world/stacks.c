/* Stack traces and cgroup arrays: what is refused, and what users do with them. */
#include "w.h"

NOTES(16)

struct {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(max_entries, 5);
	__uint(key_size, 4);
	__uint(value_size, 80);
} traces SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_ARRAY);
	__uint(max_entries, 3);
	__uint(key_size, 4);
	__uint(value_size, 4);
} groups SEC(".maps");

SEC("raw_tp/sys_enter")
int refused(void *ctx)
{
	__u64 buf[4];

	NOTE(0, bpf_get_stackid(ctx, &traces, 1 << 11));
	NOTE(1, bpf_get_stackid(ctx, &traces, 1ULL << 32));
	buf[0] = 7;
	NOTE(2, bpf_get_stack(ctx, buf, sizeof(buf), BPF_F_FAST_STACK_CMP));
	NOTE(3, buf[0]);
	NOTE(4, bpf_get_stack(ctx, buf, 12, 0));
	NOTE(5, bpf_get_stack(ctx, buf, sizeof(buf), BPF_F_USER_BUILD_ID));
	NOTE(6, bpf_get_stack(ctx, buf, 24, BPF_F_USER_STACK | BPF_F_USER_BUILD_ID));
	return 0;
}

SEC("tc")
int member(struct __sk_buff *skb)
{
	NOTE(8, bpf_current_task_under_cgroup(&groups, 0));
	NOTE(9, bpf_current_task_under_cgroup(&groups, 3));
	NOTE(10, bpf_current_task_under_cgroup(&groups, -1));
	return 0;
}
