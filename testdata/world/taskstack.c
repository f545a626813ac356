/* bpf_get_task_stack: what is refused. */
#include "w.h"

NOTES(16)

struct task_struct {
	int pid;
} __attribute__((preserve_access_index));

SEC("raw_tp")
int refused(void *ctx)
{
	struct task_struct *t = bpf_get_current_task_btf();
	__u64 buf[4] = { 1, 2, 3, 4 };

	NOTE(0, bpf_get_task_stack(t, buf, sizeof(buf), BPF_F_FAST_STACK_CMP));
	NOTE(1, buf[3]);
	buf[0] = 5;
	NOTE(2, bpf_get_task_stack(t, buf, sizeof(buf), 1ULL << 40));
	NOTE(3, buf[0]);
	NOTE(4, bpf_get_task_stack(t, buf, 12, 0));
	NOTE(5, bpf_get_task_stack(t, buf, 32, BPF_F_USER_BUILD_ID));
	NOTE(6, bpf_get_task_stack(t, buf, 24, BPF_F_USER_STACK | BPF_F_USER_BUILD_ID));
	NOTE(7, bpf_get_task_stack(t, buf, 9, BPF_F_USER_STACK));
	return 0;
}
