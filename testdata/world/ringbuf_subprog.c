/* Ring buffer: a record is reserved in one function, filled in another and submitted in a third; others in the
 * callback of a loop. */
#include "w.h"

NOTES(8)

struct event {
	__u64 id;
	__u8 data[40];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8192);
} events SEC(".maps");

static __noinline struct event *begin(__u64 id)
{
	struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	if (e)
		e->id = id;
	return e;
}

static __noinline void fill(struct event *e, __u8 with)
{
	for (int i = 0; i < sizeof(e->data); i++)
		e->data[i] = with + i;
}

static __noinline void end(struct event *e, int keep)
{
	if (keep)
		bpf_ringbuf_submit(e, 0);
	else
		bpf_ringbuf_discard(e, 0);
}

SEC("xdp")
int functions(struct xdp_md *ctx)
{
	struct event *a = begin(1), *b;

	if (!a)
		return 0;
	b = begin(2);
	fill(a, 'a');
	if (b) {
		fill(b, 'A');
		end(b, 1);
	}
	end(a, 1);
	return 1 + !!b;
}

struct progress {
	__u64 sent, thrown, refused;
};

static long step(__u32 i, void *data)
{
	struct progress *p = data;
	struct event *e = begin(i);

	if (!e) {
		p->refused++;
		return p->refused > 2;
	}
	fill(e, i);
	if (i % 3 == 1) {
		p->thrown++;
		end(e, 0);
		return 0;
	}
	p->sent++;
	end(e, 1);
	return 0;
}

SEC("xdp")
int loop(struct xdp_md *ctx)
{
	struct progress p = {};

	NOTE(0, bpf_loop(1000, step, &p, 0));
	NOTE(1, p.sent);
	NOTE(2, p.thrown);
	NOTE(3, p.refused);
	NOTE(4, bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA));
	return p.sent;
}
