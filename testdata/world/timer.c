/* bpf_timer in the values of an array. */
#include "kf.h"

struct value {
	__u64 fired;
	struct bpf_timer timer;
	__u64 last;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, struct value);
} timers SEC(".maps");

NOTES(32)

static int fire(void *map, __u32 *key, struct value *v)
{
	__sync_fetch_and_add(&v->fired, 1);
	v->last = *key;
	return 0;
}

static int again(void *map, __u32 *key, struct value *v)
{
	if (__sync_fetch_and_add(&v->fired, 1) < 2)
		bpf_timer_start(&v->timer, 1000, 0);
	return 0;
}

/* A timer cannot cancel itself while it goes off. */
static int cancel_self(void *map, __u32 *key, struct value *v)
{
	v->last = bpf_timer_cancel(&v->timer);
	__sync_fetch_and_add(&v->fired, 1);
	return 0;
}

static __always_inline struct value *at(__u32 i)
{
	return bpf_map_lookup_elem(&timers, &i);
}

SEC("tc")
int rules(struct __sk_buff *ctx)
{
	struct value *v = at(0);
	if (!v)
		return -1;
	NOTE(0, bpf_timer_start(&v->timer, 1, 0));
	NOTE(1, bpf_timer_set_callback(&v->timer, fire));
	NOTE(2, bpf_timer_cancel(&v->timer));
	NOTE(3, bpf_timer_init(&v->timer, &timers, 2));
	NOTE(4, bpf_timer_init(&v->timer, &timers, 16));
	NOTE(5, bpf_timer_init(&v->timer, &timers, 1));
	NOTE(6, bpf_timer_init(&v->timer, &timers, 1));
	NOTE(7, bpf_timer_start(&v->timer, 1, 0));
	NOTE(8, bpf_timer_cancel(&v->timer));
	NOTE(9, bpf_timer_set_callback(&v->timer, fire));
	NOTE(10, bpf_timer_start(&v->timer, 3600000000000, 4));
	NOTE(11, bpf_timer_start(&v->timer, 3600000000000, 0));
	NOTE(12, bpf_timer_start(&v->timer, 3600000000000, BPF_F_TIMER_CPU_PIN));
	NOTE(13, bpf_timer_cancel(&v->timer));
	NOTE(14, bpf_timer_cancel(&v->timer));
	NOTE(15, bpf_timer_start(&v->timer, 1, 0)); /* cancelling has taken the callback away */
	return 0;
}

SEC("tc")
int once(struct __sk_buff *ctx)
{
	struct value *v = at(3);
	if (!v)
		return -1;
	NOTE(16, bpf_timer_init(&v->timer, &timers, 7));
	NOTE(17, bpf_timer_set_callback(&v->timer, fire));
	NOTE(18, bpf_timer_start(&v->timer, 1000, 0));
	return 0;
}

SEC("tc")
int absolute(struct __sk_buff *ctx)
{
	struct value *v = at(4);
	if (!v)
		return -1;
	NOTE(19, bpf_timer_init(&v->timer, &timers, 1));
	NOTE(20, bpf_timer_set_callback(&v->timer, fire));
	NOTE(21, bpf_timer_start(&v->timer, bpf_ktime_get_ns() + 1000000, BPF_F_TIMER_ABS));
	return 0;
}

SEC("tc")
int thrice(struct __sk_buff *ctx)
{
	struct value *v = at(5);
	if (!v)
		return -1;
	NOTE(22, bpf_timer_init(&v->timer, &timers, 1));
	NOTE(23, bpf_timer_set_callback(&v->timer, again));
	NOTE(24, bpf_timer_start(&v->timer, 0, 0));
	return 0;
}

SEC("tc")
int self(struct __sk_buff *ctx)
{
	struct value *v = at(6);
	if (!v)
		return -1;
	NOTE(25, bpf_timer_init(&v->timer, &timers, 1));
	NOTE(26, bpf_timer_set_callback(&v->timer, cancel_self));
	NOTE(27, bpf_timer_start(&v->timer, 0, 0));
	return 0;
}

/* An hour ahead: what is written over the value from outside ends it. */
SEC("tc")
int ahead(struct __sk_buff *ctx)
{
	struct value *v = at(7);
	if (!v)
		return -1;
	NOTE(28, bpf_timer_init(&v->timer, &timers, 1));
	NOTE(29, bpf_timer_set_callback(&v->timer, fire));
	NOTE(30, bpf_timer_start(&v->timer, 3600000000000, 0));
	return 0;
}
