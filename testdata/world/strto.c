/* Numbers out of strings that the script gives. */
#include "w.h"

NOTES(16)

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, char[80]);
} text SEC(".maps");

struct {
	__u64 length, flags;
} in;

SEC("tc")
int both(struct __sk_buff *skb)
{
	__u32 zero = 0;
	__u64 n = (in.length & 63) + 1; /* length is one less */
	char *t = bpf_map_lookup_elem(&text, &zero);
	unsigned long u = 77;
	long s = 77;

	if (!t)
		return -1;
	NOTE(0, bpf_strtol(t, n, in.flags, &s));
	NOTE(1, s);
	NOTE(2, bpf_strtoul(t, n, in.flags, &u));
	NOTE(3, u);
	return 0;
}

SEC("tc")
int compare(struct __sk_buff *skb)
{
	static const char with[16] = "compare with me";
	__u32 zero = 0;
	char *t = bpf_map_lookup_elem(&text, &zero);

	if (!t)
		return -1;
	NOTE(4, bpf_strncmp(t, 80, with));
	NOTE(5, bpf_strncmp(t, 7, with));
	NOTE(6, bpf_strncmp(t, 1, with));
	return 0;
}
