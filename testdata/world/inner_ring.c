/* Ring buffers in maps, of other sizes than the example. */
#include "w.h"

NOTES(16)

struct ring {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} one SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8192);
} two SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 4);
	__type(key, __u32);
	__array(values, struct ring);
} rings SEC(".maps") = { .values = { [0] = &one } };

char data[3000];

SEC("tc")
int entry(struct __sk_buff *skb)
{
	__u32 key = skb->len % 4;
	void *in = bpf_map_lookup_elem(&rings, &key);
	__u64 *record;

	NOTE(0, !!in);
	if (!in)
		return -1;
	NOTE(1, bpf_ringbuf_query(in, BPF_RB_RING_SIZE));
	NOTE(2, bpf_ringbuf_query(in, BPF_RB_AVAIL_DATA));
	NOTE(3, bpf_ringbuf_output(in, data, skb->len & 0xff, BPF_RB_NO_WAKEUP));
	NOTE(4, bpf_ringbuf_output(in, data, sizeof(data), 0));
	NOTE(5, bpf_ringbuf_query(in, BPF_RB_AVAIL_DATA));
	record = bpf_ringbuf_reserve(in, 8, 0);
	NOTE(6, !!record);
	if (record)
		bpf_ringbuf_submit(record, 0);
	return 0;
}
