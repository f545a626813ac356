/* A timer whose function faults: nobody waits for it. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

struct value {
	struct bpf_timer timer;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct value);
} timers SEC(".maps");

static int wild(void *map, __u32 *key, struct value *v)
{
	*(volatile __u32 *)16 = 1;
	return 0;
}

SEC("tc")
int start(struct __sk_buff *ctx)
{
	__u32 i = 0;
	struct value *v = bpf_map_lookup_elem(&timers, &i);
	if (!v)
		return -1;
	bpf_timer_init(&v->timer, &timers, 1);
	bpf_timer_set_callback(&v->timer, wild);
	return bpf_timer_start(&v->timer, 0, 0);
}
