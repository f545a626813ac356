/* What every program here includes. A program tells what it saw by its return value, by the packet,
 * or by writing to maps: all are compared after each run. NOTE keeps a number in a map of its own. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

char LICENSE[] SEC("license") = "GPL";

#define NOTES_MAP(n)                                                                                                       \
	struct {                                                                                                       \
		__uint(type, BPF_MAP_TYPE_ARRAY);                                                                      \
		__uint(max_entries, n);                                                                                \
		__type(key, __u32);                                                                                    \
		__type(value, __u64);                                                                                  \
	} notes SEC(".maps")

#define NOTES(n)                                                                                                       \
	NOTES_MAP(n);                                                                                                  \
	static __always_inline void NOTE(__u32 i, __u64 v)                                                             \
	{                                                                                                              \
		__u64 *p = bpf_map_lookup_elem(&notes, &i);                                                            \
		if (p)                                                                                                 \
			*p = v;                                                                                        \
	}

/* The same with a global function, which the verifier looks at once: for programs with many notes. */
#define NOTES_CALLED(n)                                                                                                \
	NOTES_MAP(n);                                                                                                  \
	__attribute__((noinline)) int note(__u32 i, __u64 v)                                                           \
	{                                                                                                              \
		__u64 *p = bpf_map_lookup_elem(&notes, &i);                                                            \
		if (p)                                                                                                 \
			*p = v;                                                                                        \
		return 0;                                                                                              \
	}                                                                                                              \
	static __always_inline void NOTE(__u32 i, __u64 v)                                                             \
	{                                                                                                              \
		note(i, v);                                                                                            \
	}
