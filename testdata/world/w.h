/* What every program here includes. A program tells what it saw by its return value, by the packet,
 * or by writing to maps: all are compared after each run. NOTE keeps a number in a map of its own. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

char LICENSE[] SEC("license") = "GPL";

#define NOTES(n)                                                                                                       \
	struct {                                                                                                       \
		__uint(type, BPF_MAP_TYPE_ARRAY);                                                                      \
		__uint(max_entries, n);                                                                                \
		__type(key, __u32);                                                                                    \
		__type(value, __u64);                                                                                  \
	} notes SEC(".maps");                                                                                          \
	static __always_inline void NOTE(__u32 i, __u64 v)                                                             \
	{                                                                                                              \
		__u64 *p = bpf_map_lookup_elem(&notes, &i);                                                            \
		if (p)                                                                                                 \
			*p = v;                                                                                        \
	}
