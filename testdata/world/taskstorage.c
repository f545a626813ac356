/* Task storage: values of the current task that stay, flags, first values, deletion. */
#include "w.h"

NOTES(32)

struct task_struct {
	int pid;
} __attribute__((preserve_access_index));

struct value {
	__u64 a, b;
	__u32 c;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct value);
} values SEC(".maps");

struct locked {
	struct bpf_spin_lock lock;
	__u32 n;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct locked);
} locks SEC(".maps");

SEC("syscall")
int get(void *ctx)
{
	struct task_struct *t = bpf_get_current_task_btf();
	struct value first = { 5, 6, 7 }, *v;

	NOTE(0, !!bpf_task_storage_get(&values, t, 0, 0));
	NOTE(1, !!bpf_task_storage_get(&values, t, &first, 0));
	NOTE(2, !!bpf_task_storage_get(&values, t, &first, 2));
	NOTE(3, bpf_task_storage_delete(&values, t));
	v = bpf_task_storage_get(&values, t, &first, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!v)
		return 1;
	NOTE(4, v->a);
	NOTE(5, v->b);
	NOTE(6, v->c);
	v->a++;
	v = bpf_task_storage_get(&values, t, &first, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!v)
		return 2;
	NOTE(7, v->a);
	NOTE(8, bpf_task_storage_delete(&values, t));
	NOTE(9, bpf_task_storage_delete(&values, t));
	v = bpf_task_storage_get(&values, t, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!v)
		return 3;
	NOTE(10, v->a + v->b + v->c);
	NOTE(11, bpf_task_storage_delete(&values, t));
	return 0;
}

SEC("syscall")
int count(void *ctx)
{
	struct value *v = bpf_task_storage_get(&values, bpf_get_current_task_btf(), 0, BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (!v)
		return -1;
	v->c += 3;
	NOTE(12, ++v->a);
	NOTE(13, v->c);
	return 0;
}

SEC("syscall")
int drop(void *ctx)
{
	NOTE(14, bpf_task_storage_delete(&values, bpf_get_current_task_btf()));
	return 0;
}

SEC("syscall")
int lock(void *ctx)
{
	struct locked *v = bpf_task_storage_get(&locks, bpf_get_current_task_btf(), 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	__u32 n;

	if (!v)
		return -1;
	bpf_spin_lock(&v->lock);
	n = ++v->n;
	bpf_spin_unlock(&v->lock);
	NOTE(15, n);
	return 0;
}
