/* User ring buffer: programs drain what users put in. */
#include <stdbool.h>
#include "w.h"
#include "dynptr.h"

NOTES(16)

struct {
	__uint(type, BPF_MAP_TYPE_USER_RINGBUF);
	__uint(max_entries, 4096);
} samples SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 16384);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} asks SEC(".maps");

struct sum {
	__u64 calls, bytes, total;
};

static long add(struct bpf_dynptr *sample, void *data)
{
	struct sum *sum = data;
	__u64 word = 0;
	__u64 *first;

	sum->calls++;
	sum->bytes += bpf_dynptr_size(sample);
	if (bpf_dynptr_read(&word, sizeof(word), sample, 0, 0))
		return 0;
	sum->total += word;
	first = bpf_dynptr_data(sample, 0, sizeof(*first));
	if (first)
		*first = ~word;
	bpf_dynptr_read(&word, sizeof(word), sample, 0, 0);
	bpf_ringbuf_output(&events, &word, sizeof(word), 0);
	return word == ~0x777ull; /* enough */
}

/* drain: flags are asked for. */
SEC("xdp")
int drain(struct xdp_md *ctx)
{
	__u32 zero = 0;
	__u64 *flags = bpf_map_lookup_elem(&asks, &zero);
	struct sum sum = {};

	if (!flags)
		return -1;
	NOTE(0, bpf_user_ringbuf_drain(&samples, add, &sum, *flags));
	NOTE(1, sum.calls);
	NOTE(2, sum.bytes);
	NOTE(3, sum.total);
	return 0;
}

static long within(struct bpf_dynptr *sample, void *data)
{
	struct sum sum = {};

	NOTE(1, bpf_user_ringbuf_drain(&samples, add, &sum, 0));
	return 0;
}

/* nested: a callback drains, too. */
SEC("xdp")
int nested(struct xdp_md *ctx)
{
	NOTE(0, bpf_user_ringbuf_drain(&samples, within, NULL, 0));
	return 0;
}
