/* The struct of the current task, read as programs do: by loads through BTF, and by probe_read. */
#include "w.h"

NOTES(24)

struct task_struct {
	int pid;
	int tgid;
	char comm[16];
	struct task_struct *group_leader;
} __attribute__((preserve_access_index));

#define HERE(field) __builtin_preserve_field_info(((struct task_struct *)0)->field, 0)

struct task_struct *bpf_task_acquire(struct task_struct *p) __ksym;
void bpf_task_release(struct task_struct *p) __ksym;
struct task_struct *bpf_task_from_pid(int pid) __ksym;

SEC("raw_tp")
int loads(void *ctx)
{
	struct task_struct *t = bpf_get_current_task_btf();
	__u64 id = bpf_get_current_pid_tgid();
	char comm[16];

	NOTE(0, t->pid == (int)id);
	NOTE(1, t->tgid == id >> 32);
	bpf_get_current_comm(comm, sizeof(comm));
	NOTE(2, t->comm[0] == comm[0] && t->comm[1] == comm[1] && t->comm[15] == 0);
	return 0;
}

SEC("raw_tp")
int reads(void *ctx)
{
	struct task_struct *t = (void *)bpf_get_current_task();
	char comm[16] = {};
	int pid = 0;

	NOTE(3, bpf_probe_read_kernel(&pid, sizeof(pid), &t->pid));
	NOTE(4, pid == (int)bpf_get_current_pid_tgid());
	NOTE(5, bpf_probe_read_kernel_str(comm, sizeof(comm), &t->comm));
	NOTE(6, comm[0]);
	return 0;
}

SEC("syscall")
int from_pid(void *ctx)
{
	int tgid = bpf_get_current_pid_tgid() >> 32;
	struct task_struct *t = bpf_task_from_pid(tgid);

	NOTE(7, !!t);
	if (t) {
		NOTE(8, t->pid == tgid);
		bpf_task_release(t);
	}
	t = bpf_task_from_pid(-1);
	NOTE(9, !!t);
	if (t)
		bpf_task_release(t);
	t = bpf_task_from_pid(0x7fffffff);
	NOTE(10, !!t);
	if (t)
		bpf_task_release(t);
	t = bpf_task_acquire(bpf_get_current_task_btf());
	NOTE(11, !!t);
	if (t) {
		NOTE(12, t->tgid == tgid);
		bpf_task_release(t);
	}
	return 0;
}
