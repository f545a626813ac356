#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* A map of the time before BTF. */
struct bpf_map_def {
	unsigned type, key_size, value_size, max_entries, flags;
};

struct bpf_map_def SEC("maps") counts = { .type = 2, .key_size = 4, .value_size = 8, .max_entries = 3 };

SEC("xdp")
int entry(struct xdp_md *ctx)
{
	int key = 0;
	long *value = bpf_map_lookup_elem(&counts, &key);

	return value ? ++*value : -1;
}

char LICENSE[] SEC("license") = "GPL";
