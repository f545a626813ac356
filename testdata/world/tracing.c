/* What tracing programs ask of their probe and their processor, where nothing is attached. */
#include "w.h"

NOTES(16)

__u64 entries[12];

struct task_struct {
	int pid;
} __attribute__((preserve_access_index));

static long none(struct task_struct *t, void *vma, void *ctx)
{
	return 0;
}

SEC("raw_tp")
int branches(void *ctx)
{
	NOTE(0, bpf_get_branch_snapshot(entries, sizeof(entries), 1));
	NOTE(1, bpf_get_branch_snapshot(entries, sizeof(entries), 1ULL << 63));
	NOTE(2, bpf_get_branch_snapshot(entries, 24, 0) == -2);
	return 0;
}

SEC("syscall")
int mappings(void *ctx)
{
	struct task_struct *t = bpf_get_current_task_btf();

	NOTE(3, bpf_find_vma(t, 0, none, 0, 1));
	NOTE(4, bpf_find_vma(t, 0, none, 0, 0));
	NOTE(5, bpf_find_vma(t, 0xffffffff00000000, none, 0, 0));
	return 0;
}
