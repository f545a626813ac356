/* The current task: ids, names of all lengths, its struct, signals that are refused. */
#include "w.h"

NOTES(24)

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, char[24]);
} names SEC(".maps");

SEC("raw_tp")
int ids(void *ctx)
{
	__u64 id = bpf_get_current_pid_tgid(), user = bpf_get_current_uid_gid();

	NOTE(0, id >> 32);
	NOTE(1, (__u32)id != 0);
	NOTE(2, user);
	NOTE(3, bpf_get_current_cgroup_id());
	NOTE(4, bpf_get_current_ancestor_cgroup_id(0));
	NOTE(5, bpf_get_current_ancestor_cgroup_id(100));
	NOTE(6, bpf_get_current_ancestor_cgroup_id(-1));
	return 0;
}

static __always_inline void fill(__u32 i)
{
	char *name = bpf_map_lookup_elem(&names, &i);

	if (name)
		__builtin_memset(name, 'x', 24);
}

#define NAME(i, size)                                                                                                  \
	({                                                                                                             \
		__u32 key = i;                                                                                         \
		char *name = bpf_map_lookup_elem(&names, &key);                                                        \
		if (name)                                                                                              \
			NOTE(7 + i, bpf_get_current_comm(name, size));                                                 \
	})

SEC("raw_tp")
int comm(void *ctx)
{
	fill(0), fill(1), fill(2), fill(3);
	NAME(0, 24), NAME(1, 16), NAME(2, 5), NAME(3, 1);
	return 0;
}

SEC("raw_tp")
int task(void *ctx)
{
	__u64 t = bpf_get_current_task();

	NOTE(11, t != 0);
	NOTE(12, t == bpf_get_current_task());
	NOTE(13, t == (__u64)bpf_get_current_task_btf());
	return 0;
}

SEC("raw_tp")
int signals(void *ctx)
{
	NOTE(14, bpf_send_signal(65));
	NOTE(15, bpf_send_signal(1000));
	NOTE(16, bpf_send_signal_thread(65));
	NOTE(17, bpf_send_signal_thread(-1));
	return 0;
}

SEC("tc")
int in_tc(struct __sk_buff *skb)
{
	NOTE(18, bpf_get_current_pid_tgid() >> 32);
	NOTE(19, bpf_get_current_uid_gid());
	return 0;
}
