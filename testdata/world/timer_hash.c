/* bpf_timer in the entries of a hash: deleting an entry ends its timer. */
#include "kf.h"

struct value {
	__u64 n;
	struct bpf_timer timer;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, struct value);
} flows SEC(".maps");

NOTES(16)

/* An entry that times out is removed by its own timer, as connection trackers do. */
static int expire(void *map, __u64 *key, struct value *v)
{
	__u32 i = 8;
	__u64 k = *key, *p = bpf_map_lookup_elem(&notes, &i);
	if (p)
		__sync_fetch_and_add(p, k);
	bpf_map_delete_elem(&flows, &k);
	return 0;
}

static __always_inline int track(__u64 key, __u64 ns, int note)
{
	struct value fresh = {.n = key};
	struct value *v;
	bpf_map_update_elem(&flows, &key, &fresh, BPF_NOEXIST);
	v = bpf_map_lookup_elem(&flows, &key);
	if (!v)
		return -1;
	NOTE(note, bpf_timer_init(&v->timer, &flows, 1));
	NOTE(note + 1, bpf_timer_set_callback(&v->timer, expire));
	NOTE(note + 2, bpf_timer_start(&v->timer, ns, 0));
	return 0;
}

SEC("tc")
int soon(struct __sk_buff *ctx)
{
	return track(1000, 2000, 0);
}

SEC("tc")
int later(struct __sk_buff *ctx)
{
	return track(5, 3600000000000, 3);
}

SEC("tc")
int forget(struct __sk_buff *ctx)
{
	__u64 key = 5;
	return bpf_map_delete_elem(&flows, &key);
}
