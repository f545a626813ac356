/* Ring buffer: records by bpf_ringbuf_output, of all lengths, with all flags, until there is no more room. */
#include "w.h"

NOTES(16)

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

static char bytes[1024] = "the bytes of a record, as many as the packet's first two bytes say";

/* output sends as many bytes as the packet's first two bytes say, with flags from the third. */
SEC("xdp")
int output(struct xdp_md *ctx)
{
	unsigned char *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u64 size, flags;

	if (data + 4 > end)
		return -1;
	size = data[0] | data[1] << 8;
	flags = data[2];
	if (size > sizeof(bytes))
		return -2;
	NOTE(0, bpf_ringbuf_output(&events, bytes, size, flags));
	NOTE(1, bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA));
	NOTE(2, bpf_ringbuf_query(&events, BPF_RB_RING_SIZE));
	NOTE(3, bpf_ringbuf_query(&events, BPF_RB_CONS_POS));
	NOTE(4, bpf_ringbuf_query(&events, BPF_RB_PROD_POS));
	NOTE(5, bpf_ringbuf_query(&events, 77));
	return 1;
}

/* fill sends numbered records of 24 bytes until that fails. */
SEC("xdp")
int fill(struct xdp_md *ctx)
{
	__u64 record[3] = {};
	int i;

	for (i = 0; i < 1000; i++) {
		record[0] = i;
		record[2] = ~0ull;
		if (bpf_ringbuf_output(&events, record, sizeof(record), BPF_RB_NO_WAKEUP))
			break;
	}
	NOTE(1, bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA));
	NOTE(3, bpf_ringbuf_query(&events, BPF_RB_CONS_POS));
	NOTE(4, bpf_ringbuf_query(&events, BPF_RB_PROD_POS));
	return i;
}
