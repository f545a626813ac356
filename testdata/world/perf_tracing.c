/* Perf event array: what tracing programs do with it, reading counters included. */
#include "w.h"

NOTES(16)

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__type(key, int);
	__type(value, int);
} events SEC(".maps");

SEC("raw_tp/sys_enter")
int output(struct bpf_raw_tracepoint_args *ctx)
{
	__u64 args[2] = {ctx->args[0], ctx->args[1]};

	NOTE(0, bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, args, sizeof(args)));
	NOTE(1, bpf_perf_event_output(ctx, &events, 0, args, 9));
	NOTE(2, bpf_perf_event_output(ctx, &events, 77, args, 8));
	NOTE(3, bpf_perf_event_output(ctx, &events, 1ull << 32 | BPF_F_CURRENT_CPU, args, 8));
	NOTE(4, bpf_perf_event_output(ctx, &events, 1, args, 8));
	return args[0];
}

SEC("raw_tp/sys_exit")
int counters(struct bpf_raw_tracepoint_args *ctx)
{
	struct bpf_perf_event_value v = {1, 2, 3};

	NOTE(0, bpf_perf_event_read(&events, BPF_F_CURRENT_CPU));
	NOTE(1, bpf_perf_event_read(&events, 0));
	NOTE(2, bpf_perf_event_read(&events, 1));
	NOTE(3, bpf_perf_event_read(&events, 5));
	NOTE(4, bpf_perf_event_read(&events, 1ull << 32));
	NOTE(5, bpf_perf_event_read_value(&events, 0, &v, sizeof(v)));
	NOTE(6, v.counter);
	NOTE(7, !!v.enabled);
	NOTE(8, v.enabled >= v.running);
	v.counter = 77;
	NOTE(9, bpf_perf_event_read_value(&events, 1, &v, sizeof(v)));
	NOTE(10, v.counter);
	v.counter = 77;
	NOTE(11, bpf_perf_event_read_value(&events, 9, &v, sizeof(v)));
	NOTE(12, v.counter);
	v.counter = 77;
	NOTE(13, bpf_perf_event_read_value(&events, 0, &v, 8));
	NOTE(14, v.counter);
	return 0;
}
