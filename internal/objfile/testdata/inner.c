#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* The inner map's type is a typedef. */
struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, int);
	__type(value, int);
};
typedef struct inner inner_t;

inner_t in SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 2);
	__type(key, int);
	__array(values, inner_t);
} outer SEC(".maps") = { .values = { (void *)&in } };

SEC("xdp")
int entry(struct xdp_md *ctx)
{
	int key = 0, *value;
	void *map = bpf_map_lookup_elem(&outer, &key);

	if (!map)
		return -1;
	value = bpf_map_lookup_elem(map, &key);
	return value ? ++*value : -2;
}

char LICENSE[] SEC("license") = "GPL";
