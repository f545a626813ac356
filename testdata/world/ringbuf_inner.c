/* Ring buffers in an array and in a hash of maps: which one gets a record is known at run time alone. */
#include "w.h"

NOTES(8)

struct ring {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
};

struct ring first SEC(".maps"), second SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 4);
	__type(key, __u32);
	__array(values, struct ring);
} by_index SEC(".maps") = {.values = {[0] = &first, [2] = &second}};

struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, 4);
	__type(key, __u32);
	__array(values, struct ring);
} by_key SEC(".maps") = {.values = {[77] = &second}};

struct event {
	__u32 key, way;
};

/* send: key is the packet's first byte. */
SEC("xdp")
int send(struct xdp_md *ctx)
{
	unsigned char *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct event out = {}, *e;
	__u32 key;
	void *ring;
	int sent = 0;

	if (data + 1 > end)
		return -1;
	out.key = key = *data;
	ring = bpf_map_lookup_elem(&by_index, &key);
	if (ring) {
		e = bpf_ringbuf_reserve(ring, sizeof(*e), 0);
		if (e) {
			e->key = key;
			e->way = 1;
			bpf_ringbuf_submit(e, 0);
			sent++;
		}
		NOTE(0, bpf_ringbuf_query(ring, BPF_RB_PROD_POS));
	}
	ring = bpf_map_lookup_elem(&by_key, &key);
	if (ring) {
		out.way = 2;
		NOTE(1, bpf_ringbuf_output(ring, &out, sizeof(out), 0));
		NOTE(2, bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA));
		sent += 10;
	}
	return sent;
}
