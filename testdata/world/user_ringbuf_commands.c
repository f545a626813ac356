/* User ring buffer: users send commands, the program keeps a table and answers through a ring buffer. */
#include <stdbool.h>
#include "w.h"
#include "dynptr.h"

NOTES(4)

struct {
	__uint(type, BPF_MAP_TYPE_USER_RINGBUF);
	__uint(max_entries, 8192);
} commands SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8192);
} answers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u64);
} table SEC(".maps");

enum { SET = 1, ADD, GET, ECHO, STOP };

struct command {
	__u32 op, index;
	__u64 value;
};

static void answer(struct command *c, __u64 value)
{
	struct command *a = bpf_ringbuf_reserve(&answers, sizeof(*a), 0);

	if (!a)
		return;
	*a = *c;
	a->value = value;
	bpf_ringbuf_submit(a, 0);
}

static long execute(struct bpf_dynptr *p, void *data)
{
	__u64 *done = data, *slot;
	struct bpf_dynptr r;
	struct command c;
	const struct command *direct;

	(*done)++;
	if (bpf_dynptr_read(&c, sizeof(c), p, 0, 0)) {
		__builtin_memset(&c, 0xff, sizeof(c));
		answer(&c, bpf_dynptr_size(p));
		return 0;
	}
	switch (c.op) {
	case SET:
		bpf_map_update_elem(&table, &c.index, &c.value, 0);
		break;
	case ADD:
		slot = bpf_map_lookup_elem(&table, &c.index);
		if (slot)
			*slot += c.value;
		break;
	case GET:
		slot = bpf_map_lookup_elem(&table, &c.index);
		answer(&c, slot ? *slot : ~0ull);
		break;
	case ECHO: /* all that follows the command */
		if (!bpf_ringbuf_reserve_dynptr(&answers, bpf_dynptr_size(p) - sizeof(c), 0, &r))
			bpf_dynptr_copy(&r, 0, (struct bpf_dynptr *)p, sizeof(c), bpf_dynptr_size(p) - sizeof(c));
		bpf_ringbuf_submit_dynptr(&r, 0);
		break;
	case STOP:
		direct = bpf_dynptr_data(p, 0, sizeof(*direct));
		if (direct)
			answer(&c, direct->index);
		return 1;
	}
	return 0;
}

SEC("tc")
int serve(struct __sk_buff *skb)
{
	__u64 done = 0;

	NOTE(0, bpf_user_ringbuf_drain(&commands, execute, &done, 0));
	NOTE(1, done);
	return done;
}

SEC("raw_tp/sys_enter")
int serve_tracing(struct bpf_raw_tracepoint_args *ctx)
{
	__u64 done = 0;

	bpf_user_ringbuf_drain(&commands, execute, &done, BPF_RB_FORCE_WAKEUP);
	return done;
}
