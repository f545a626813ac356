/* Ring buffer: records of many kilobytes, which go beyond the end of the memory again and again. */
#include "w.h"

NOTES(4)

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 65536);
} events SEC(".maps");

#define LARGE 20001

static __u32 n;

SEC("xdp")
int large(struct xdp_md *ctx)
{
	__u8 *r = bpf_ringbuf_reserve(&events, LARGE, 0);

	if (!r)
		return 0;
	n++;
	for (int i = 0; i < LARGE; i += 1000)
		r[i] = n + i / 1000;
	*(__u32 *)&r[1 << 14] = n;
	r[LARGE - 1] = ~n;
	bpf_ringbuf_submit(r, 0);
	NOTE(0, bpf_ringbuf_query(&events, BPF_RB_PROD_POS));
	return 1;
}
