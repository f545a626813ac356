/* Programs that may sleep copy from user space. */
#include "w.h"

NOTES(64)

struct task_struct {
	int pid;
} __attribute__((preserve_access_index));
int bpf_copy_from_user_str(void *dst, __u32 size, const void *from, __u64 flags) __ksym;
int bpf_copy_from_user_task_str(void *dst, __u32 size, const void *from, struct task_struct *tsk, __u64 flags) __ksym;

__u64 page, end;
char out[64];

#define STEP(i, call)                                                                                                  \
	do {                                                                                                           \
		__builtin_memset(out, 'x', sizeof(out));                                                               \
		NOTE(i, (call));                                                                                       \
		NOTE(i + 1, *(__u64 *)out);                                                                            \
		NOTE(i + 2, *(__u64 *)(out + 8));                                                                      \
	} while (0)

SEC("syscall")
int copies(void *ctx)
{
	struct task_struct *t = bpf_get_current_task_btf();

	STEP(0, bpf_copy_from_user(out, 16, (void *)page));
	STEP(3, bpf_copy_from_user(out, 16, (void *)(end - 8)));
	STEP(6, bpf_copy_from_user(out, 16, 0));
	STEP(9, bpf_copy_from_user(out, 0, 0));
	STEP(12, bpf_copy_from_user_task(out, 16, (void *)page, t, 0));
	STEP(15, bpf_copy_from_user_task(out, 16, (void *)(end - 8), t, 0));
	STEP(18, bpf_copy_from_user_task(out, 16, (void *)page, t, 1));
	STEP(21, bpf_copy_from_user_task(out, 0, 0, t, 0));
	return 0;
}

SEC("syscall")
int strings(void *ctx)
{
	struct task_struct *t = bpf_get_current_task_btf();

	STEP(0, bpf_copy_from_user_str(out, 64, (void *)page, 0));
	STEP(3, bpf_copy_from_user_str(out, 64, (void *)page, 1));
	STEP(6, bpf_copy_from_user_str(out, 4, (void *)page, 0));
	STEP(9, bpf_copy_from_user_str(out, 16, (void *)(end - 4), 1));
	STEP(12, bpf_copy_from_user_str(out, 16, (void *)end, 0));
	STEP(15, bpf_copy_from_user_str(out, 16, (void *)page, 2));
	STEP(18, bpf_copy_from_user_str(out, 1, (void *)page, 1));
	STEP(21, bpf_copy_from_user_task_str(out, 64, (void *)page, t, 0));
	STEP(24, bpf_copy_from_user_task_str(out, 64, (void *)page, t, 1));
	STEP(27, bpf_copy_from_user_task_str(out, 16, (void *)end, t, 1));
	STEP(30, bpf_copy_from_user_task_str(out, 16, (void *)page, t, 4));
	return 0;
}
