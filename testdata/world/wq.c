/* Work queues: bpf_wq in the values of an array. */
#include "kf.h"

struct value {
	__u64 done;
	struct bpf_wq wq;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct value);
} works SEC(".maps");

NOTES(16)

extern int bpf_wq_init(struct bpf_wq *wq, void *p__map, unsigned int flags) __ksym;
extern int bpf_wq_start(struct bpf_wq *wq, unsigned int flags) __ksym;
extern int bpf_wq_set_callback_impl(struct bpf_wq *wq, int(callback_fn)(void *map, int *key, void *value), unsigned int flags__k,
				    void *aux__ign) __ksym;

static int work(void *map, int *key, void *value)
{
	struct value *v = value;
	__sync_fetch_and_add(&v->done, 10 + *key);
	return 0;
}

SEC("tc")
int queue(struct __sk_buff *ctx)
{
	__u32 i = 1;
	struct value *v = bpf_map_lookup_elem(&works, &i);
	if (!v)
		return -1;
	NOTE(0, bpf_wq_start(&v->wq, 0));
	NOTE(1, bpf_wq_set_callback_impl(&v->wq, work, 0, 0));
	NOTE(2, bpf_wq_init(&v->wq, &works, 1));
	NOTE(3, bpf_wq_init(&v->wq, &works, 0));
	NOTE(4, bpf_wq_init(&v->wq, &works, 0));
	NOTE(5, bpf_wq_start(&v->wq, 0));
	NOTE(6, bpf_wq_set_callback_impl(&v->wq, work, 1, 0));
	NOTE(7, bpf_wq_set_callback_impl(&v->wq, work, 0, 0));
	NOTE(8, bpf_wq_start(&v->wq, 1));
	NOTE(9, bpf_wq_start(&v->wq, 0));
	return 0;
}
