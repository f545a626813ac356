/* Storage of programs that are attached to cgroups: each run begins with zeros in BPF_PROG_TEST_RUN, so
 * only what does not count on what was before can be compared. */
#include "w.h"

NOTES(16)

struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_STORAGE);
	__type(key, struct bpf_cgroup_storage_key);
	__type(value, __u64);
} shared SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE);
	__type(key, __u64);
	__type(value, __u32);
} each SEC(".maps");

SEC("cgroup_skb/egress")
int entry(struct __sk_buff *skb)
{
	__u64 *s = bpf_get_local_storage(&shared, 0);
	__u32 *e = bpf_get_local_storage(&each, 0);

	NOTE(0, *s);
	NOTE(1, *e);
	*s += 5;
	*e += 7;
	NOTE(2, *(__u64 *)bpf_get_local_storage(&shared, 0));
	NOTE(3, *(__u32 *)bpf_get_local_storage(&each, 0));
	*s = 0;
	*e = 0;
	return 1;
}
