/* Perf event array: samples of all lengths, with all flags, until there is no more room. */
#include "w.h"

NOTES(16)

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
} events SEC(".maps");

static char bytes[1024] = "the bytes of a sample, as many as the packet's first two bytes say";

/* output sends as many bytes as the packet's first two bytes say, with the flags of the last eight. */
SEC("xdp")
int output(struct xdp_md *ctx)
{
	unsigned char *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u64 size;

	if (data + 16 > end)
		return -1;
	size = data[0] | data[1] << 8;
	if (size > sizeof(bytes))
		return -2;
	NOTE(0, bpf_perf_event_output(ctx, &events, *(__u64 *)(data + 8), bytes, size));
	return 1;
}

/* fill sends numbered samples of 60 bytes until that fails, and then three more. */
SEC("xdp")
int fill(struct xdp_md *ctx)
{
	__u32 sample[15] = {};
	int i;
	long err = 0;

	for (i = 0; i < 1000 && !err; i++) {
		sample[0] = i;
		sample[14] = ~0;
		err = bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, sample, sizeof(sample));
	}
	NOTE(0, err);
	NOTE(1, bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, sample, 4));
	NOTE(2, bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, sample, 12));
	NOTE(3, bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, sample, sizeof(sample)));
	return i;
}

/* some sends five samples of 28 bytes. */
SEC("xdp")
int some(struct xdp_md *ctx)
{
	__u32 sample[7] = {};
	int i;

	for (i = 0; i < 5; i++) {
		sample[0] = i;
		NOTE(i, bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, sample, sizeof(sample)));
	}
	return i;
}
