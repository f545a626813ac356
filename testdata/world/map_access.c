/* Maps that one side alone may read or write. */
#include "w.h"

NOTES_CALLED(16)

#define MAP(name, kind, flags)                                                                                         \
	struct {                                                                                                       \
		__uint(type, kind);                                                                                    \
		__uint(max_entries, 4);                                                                                \
		__uint(map_flags, flags);                                                                              \
		__type(key, __u32);                                                                                    \
		__type(value, __u64);                                                                                  \
	} name SEC(".maps")

MAP(read_only, BPF_MAP_TYPE_HASH, BPF_F_RDONLY);
MAP(write_only, BPF_MAP_TYPE_HASH, BPF_F_WRONLY);
MAP(array_read_only, BPF_MAP_TYPE_ARRAY, BPF_F_RDONLY);
MAP(array_write_only, BPF_MAP_TYPE_PERCPU_ARRAY, BPF_F_WRONLY);
MAP(prog_reads, BPF_MAP_TYPE_HASH, BPF_F_RDONLY_PROG);
MAP(prog_writes, BPF_MAP_TYPE_LRU_HASH, BPF_F_WRONLY_PROG);
MAP(array_prog_reads, BPF_MAP_TYPE_ARRAY, BPF_F_RDONLY_PROG);
MAP(seeded, BPF_MAP_TYPE_HASH, BPF_F_ZERO_SEED);
MAP(near, BPF_MAP_TYPE_HASH, BPF_F_NUMA_NODE);
MAP(frozen, BPF_MAP_TYPE_HASH, 0);

SEC("xdp")
int entry(struct xdp_md *ctx)
{
	__u64 value = 3, *p;

#pragma unroll
	for (__u32 i = 0; i < 2; i++) {
		__u32 key = i;

		NOTE(0, bpf_map_update_elem(&read_only, &key, &value, BPF_ANY));
		NOTE(1, bpf_map_update_elem(&write_only, &key, &value, BPF_ANY));
		NOTE(2, bpf_map_update_elem(&array_read_only, &key, &value, BPF_ANY));
		NOTE(3, bpf_map_update_elem(&array_write_only, &key, &value, BPF_ANY));
		NOTE(4, bpf_map_update_elem(&prog_writes, &key, &value, BPF_ANY));
		NOTE(5, bpf_map_update_elem(&seeded, &key, &value, BPF_ANY));
		NOTE(6, bpf_map_update_elem(&near, &key, &value, BPF_ANY));
		NOTE(7, bpf_map_update_elem(&frozen, &key, &value, BPF_ANY));
		p = bpf_map_lookup_elem(&prog_reads, &key);
		NOTE(8 + key, p ? *p : -1);
		p = bpf_map_lookup_elem(&array_prog_reads, &key);
		NOTE(10 + key, p ? *p : -1);
		p = bpf_map_lookup_elem(&read_only, &key);
		NOTE(12 + key, p ? *p : -1);
	}
	return 0;
}
