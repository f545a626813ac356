/* bpf_loop: how often it calls back, and what ends it. */
#include "w.h"

NOTES(16)

struct state {
	__u64 sum;
	__u32 stop;
};

static long add(__u64 i, struct state *s)
{
	s->sum += i * i;
	return i == s->stop;
}

static long outer(__u64 i, struct state *s)
{
	struct state in = {.stop = i};
	s->sum += bpf_loop(5, add, &in, 0) + in.sum;
	return 0;
}

static long nothing(__u64 i, void *ctx)
{
	return 0;
}

SEC("tc")
int all(struct __sk_buff *ctx)
{
	struct state s = {.stop = -1};
	NOTE(0, bpf_loop(100, add, &s, 0));
	NOTE(1, s.sum);
	NOTE(2, bpf_loop(0, add, &s, 0));
	NOTE(3, bpf_loop(10, add, &s, 1));
	NOTE(4, bpf_loop((8 << 20) + 1, nothing, 0, 0));
	NOTE(5, bpf_loop(1 << 12, nothing, 0, 0));
	NOTE(6, bpf_loop(0xffffffff, nothing, 0, 0));
	return s.sum;
}

SEC("tc")
int early(struct __sk_buff *ctx)
{
	struct state s = {.stop = 7};
	NOTE(7, bpf_loop(100, add, &s, 0));
	NOTE(8, s.sum);
	s.stop = 0;
	NOTE(9, bpf_loop(100, add, &s, 0));
	return s.sum;
}

SEC("tc")
int nested(struct __sk_buff *ctx)
{
	struct state s = {};
	NOTE(10, bpf_loop(8, outer, &s, 0));
	return s.sum;
}

SEC("xdp")
int variable(struct xdp_md *ctx)
{
	struct state s = {.stop = -1};
	__u32 n = (ctx->data_end - ctx->data) & 0xff;
	return bpf_loop(n, add, &s, 0) + s.sum;
}
