/* Perf event array: samples of a growing part of the packet, from the callback of a loop and from functions. */
#include "w.h"

NOTES(4)

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
} events SEC(".maps");

struct state {
	struct xdp_md *ctx;
	__u64 failed, last;
};

static __noinline long put(struct xdp_md *ctx, __u64 part, __u32 i)
{
	return bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU | part << 32, &i, sizeof(i));
}

static long step(__u32 i, void *data)
{
	struct state *s = data;
	long err = put(s->ctx, i * 7, i);

	if (err) {
		s->failed++;
		s->last = err;
	}
	return s->failed > 3;
}

SEC("xdp")
int loop(struct xdp_md *ctx)
{
	struct state s = {ctx};

	NOTE(0, bpf_loop(100, step, &s, 0));
	NOTE(1, s.failed);
	NOTE(2, s.last);
	return 0;
}
