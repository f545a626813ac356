/* For programs that give helpers what a script puts into the map args. */
#include "w.h"
#include <linux/pkt_cls.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u64);
} args SEC(".maps");

static __always_inline __u64 ARG(__u32 i)
{
	__u64 *p = bpf_map_lookup_elem(&args, &i);
	return p ? *p : 0;
}

/* Where a packet's ends are, seen from the context. */
#define NOTE_SKB(i, skb)                                                                                               \
	do {                                                                                                           \
		NOTE(i, (skb)->len);                                                                                   \
		NOTE(i + 1, (__u64)(skb)->data_end - (__u64)(skb)->data);                                              \
		NOTE(i + 2, (skb)->protocol);                                                                          \
	} while (0)

#define NOTE_XDP(i, xdp)                                                                                               \
	do {                                                                                                           \
		NOTE(i, (__u64)(xdp)->data_end - (__u64)(xdp)->data);                                                  \
		NOTE(i + 1, (__u64)(xdp)->data - (__u64)(xdp)->data_meta);                                             \
		NOTE(i + 2, bpf_xdp_get_buff_len(xdp));                                                                \
	} while (0)
