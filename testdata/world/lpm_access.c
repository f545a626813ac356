/* Tries that one side may only read, or only write. */
#include "w.h"

NOTES(8)

struct key {
	__u32 len;
	__u32 addr;
};

#define TRIE(name, flags)                                                                                              \
	struct {                                                                                                       \
		__uint(type, BPF_MAP_TYPE_LPM_TRIE);                                                                   \
		__uint(max_entries, 5);                                                                                \
		__uint(map_flags, BPF_F_NO_PREALLOC | flags);                                                          \
		__type(key, struct key);                                                                               \
		__type(value, __u32);                                                                                  \
	} name SEC(".maps");

TRIE(user_reads, BPF_F_RDONLY)
TRIE(user_writes, BPF_F_WRONLY)
TRIE(prog_reads, BPF_F_RDONLY_PROG)
TRIE(prog_writes, BPF_F_WRONLY_PROG)

SEC("tc")
int entry(struct __sk_buff *skb)
{
	struct key k = { skb->len % 34, skb->len * 0x01010101 };
	__u32 *v, n = skb->len;

	NOTE(0, bpf_map_update_elem(&user_reads, &k, &n, BPF_ANY));
	NOTE(1, bpf_map_update_elem(&user_writes, &k, &n, BPF_NOEXIST));
	NOTE(2, bpf_map_update_elem(&prog_writes, &k, &n, BPF_EXIST));
	k.len = 32;
	v = bpf_map_lookup_elem(&user_reads, &k);
	NOTE(3, v ? *v : -1);
	v = bpf_map_lookup_elem(&user_writes, &k);
	NOTE(4, v ? *v : -1);
	v = bpf_map_lookup_elem(&prog_reads, &k);
	NOTE(5, v ? *v : -1);
	NOTE(6, bpf_map_delete_elem(&prog_writes, &k));
	return 0;
}
