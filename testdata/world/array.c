/* Array: what updates and deletes of a program give. */
#include "w.h"

NOTES(16)

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} values SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} steps SEC(".maps");

SEC("xdp")
int entry(struct xdp_md *ctx)
{
	__u32 zero = 0, key;
	__u64 value = 77;
	__u32 *step = bpf_map_lookup_elem(&steps, &zero);

	if (!step)
		return -1;
	key = (*step)++;
	NOTE(0, bpf_map_update_elem(&values, &key, &value, BPF_ANY));
	NOTE(1, bpf_map_update_elem(&values, &key, &value, BPF_NOEXIST));
	NOTE(2, bpf_map_update_elem(&values, &key, &value, BPF_EXIST));
	NOTE(3, bpf_map_update_elem(&values, &key, &value, 100));
	NOTE(4, bpf_map_delete_elem(&values, &key));
	NOTE(5, !bpf_map_lookup_elem(&values, &key));
	return key;
}
