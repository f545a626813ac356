/* Storage of cgroups, found by id and by level. */
#include "w.h"

NOTES(32)

/* Newer than the headers that objects are built with. */
#define CGRP_STORAGE 32
static void *(*cgrp_storage_get)(void *map, void *cgroup, void *value, __u64 flags) = (void *)210;
static long (*cgrp_storage_delete)(void *map, void *cgroup) = (void *)211;

struct cgroup {
	int level;
} __attribute__((preserve_access_index));

struct task_struct {
	int pid;
} __attribute__((preserve_access_index));

struct cgroup *bpf_cgroup_from_id(__u64 id) __ksym;
struct cgroup *bpf_cgroup_acquire(struct cgroup *c) __ksym;
struct cgroup *bpf_cgroup_ancestor(struct cgroup *c, int level) __ksym;
void bpf_cgroup_release(struct cgroup *c) __ksym;
long bpf_task_under_cgroup(struct task_struct *t, struct cgroup *c) __ksym;

struct {
	__uint(type, CGRP_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, __u64);
} values SEC(".maps");

SEC("syscall")
int own(void *ctx)
{
	struct cgroup *c = bpf_cgroup_from_id(bpf_get_current_cgroup_id()), *a;
	__u64 first = 40, *v;

	NOTE(0, !!c);
	if (!c)
		return 0;
	NOTE(1, !!cgrp_storage_get(&values, c, 0, 0));
	v = cgrp_storage_get(&values, c, &first, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (v)
		NOTE(2, ++*v);
	v = cgrp_storage_get(&values, c, &first, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (v)
		NOTE(3, ++*v);
	NOTE(4, !!cgrp_storage_get(&values, c, &first, 4));
	NOTE(5, cgrp_storage_delete(&values, c));
	NOTE(6, cgrp_storage_delete(&values, c));
	a = bpf_cgroup_ancestor(c, 0);
	NOTE(7, !!a);
	if (a) {
		v = cgrp_storage_get(&values, a, &first, BPF_LOCAL_STORAGE_GET_F_CREATE);
		if (v)
			NOTE(8, ++*v);
		NOTE(9, cgrp_storage_delete(&values, a));
		NOTE(10, a->level);
		bpf_cgroup_release(a);
	}
	a = bpf_cgroup_ancestor(c, 1000);
	NOTE(11, !!a);
	if (a)
		bpf_cgroup_release(a);
	a = bpf_cgroup_ancestor(c, -1);
	NOTE(12, !!a);
	if (a)
		bpf_cgroup_release(a);
	NOTE(13, bpf_task_under_cgroup(bpf_get_current_task_btf(), c));
	NOTE(14, c->level);
	bpf_cgroup_release(c);
	c = bpf_cgroup_from_id(~0ULL);
	NOTE(15, !!c);
	if (c)
		bpf_cgroup_release(c);
	return 0;
}
