/* Maps passed to subprograms, keys in registers, on the stack, in packets and in values of other maps. */
#include "w.h"

NOTES_CALLED(16)

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 32);
	__type(key, __u64);
	__type(value, __u64);
} first SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 32);
	__type(key, __u64);
	__type(value, __u64);
} second SEC(".maps");

static __attribute__((noinline)) __u64 *get(void *map, __u64 key)
{
	__u64 zero = 0, *p = bpf_map_lookup_elem(map, &key);

	if (p)
		return p;
	bpf_map_update_elem(map, &key, &zero, BPF_NOEXIST);
	return bpf_map_lookup_elem(map, &key);
}

SEC("xdp")
int entry(struct xdp_md *ctx)
{
	__u64 *data = (void *)(long)ctx->data, *p, *q;

	if ((void *)(data + 4) > (void *)(long)ctx->data_end)
		return -1;
	p = get(&first, 3);
	if (p)
		*p += 10;
	q = get(&second, 3);
	if (q)
		*q += 20;
	NOTE(0, p && q && p != q);
	if (p && q) {
		*p = 5;
		NOTE(1, !!bpf_map_lookup_elem(&second, p)); /* the key is the value of the other map */
		NOTE(2, bpf_map_update_elem(&second, p, q, BPF_NOEXIST));
		NOTE(3, !!bpf_map_lookup_elem(&second, p));
		NOTE(4, bpf_map_update_elem(&first, q, q, BPF_ANY));
	}
	NOTE(5, bpf_map_update_elem(&first, data + 1, data + 2, BPF_ANY)); /* from the packet */
	p = bpf_map_lookup_elem(&first, data + 1);
	NOTE(6, p ? *p : -1);
	NOTE(7, bpf_map_delete_elem(&first, data + 3));
	return 0;
}
