/* Global data of every kind, and the addresses of fields inside it. */
#include "bpf.h"

const volatile __u32 limit = 10;
static volatile const __u8 table[16] = {1, 2, 3, 5, 8, 13, 21, 34};
__u64 counter = 100;
static volatile __u32 hidden = 7;
__u64 zeroed[4];
__u32 special SEC(".data.special") = 3;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u64);
} hash SEC(".maps");

SEC("xdp") int globals(struct xdp_md *ctx)
{
	__u32 key = ctx->rx_queue_index;
	__u64 *v = bpf_map_lookup_elem(&hash, &key);

	counter += limit;
	hidden++;
	zeroed[2] = table[key & 7];
	if (v)
		*v += special;
	return counter + hidden;
}
