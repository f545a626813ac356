/* Two ring buffers: what finds no room in the first goes to the second, and what finds none there is counted. */
#include "w.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} urgent SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 16384);
} other SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 3);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

static __always_inline void count(__u32 i)
{
	__u64 *n = bpf_map_lookup_elem(&counts, &i);

	if (n)
		__sync_fetch_and_add(n, 1);
}

struct event {
	__u64 n;
	__u64 lost;
	char text[232];
};

static __u64 n;

SEC("tc")
int report(struct __sk_buff *skb)
{
	struct event *e = bpf_ringbuf_reserve(&urgent, sizeof(*e), 0), *f;
	__u32 lost = 2;
	__u64 *l = bpf_map_lookup_elem(&counts, &lost);

	n++;
	if (!l)
		return -1;
	if (e) {
		e->n = n;
		e->lost = *l;
		__builtin_memset(e->text, 'u', sizeof(e->text));
		f = bpf_ringbuf_reserve(&other, 8, 0); /* one in each */
		if (f)
			bpf_ringbuf_discard(f, BPF_RB_NO_WAKEUP);
		bpf_ringbuf_submit(e, 0);
		count(0);
		return 0;
	}
	e = bpf_ringbuf_reserve(&other, sizeof(*e), 0);
	if (e) {
		e->n = n;
		e->lost = *l;
		__builtin_memset(e->text, 'o', sizeof(e->text));
		bpf_ringbuf_submit(e, 0);
		count(1);
		return 1;
	}
	count(2);
	return 2;
}
