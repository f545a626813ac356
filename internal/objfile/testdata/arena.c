#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* Variables that lie in an arena. */
#define __arena __attribute__((address_space(1)))

struct {
	__uint(type, 33); /* BPF_MAP_TYPE_ARENA */
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 100);
} arena SEC(".maps");

int __arena four = 4;
int __arena SEC(".addr_space.1") zero;

SEC("syscall")
int entry(void *ctx)
{
	four++;
	zero += four;
	return zero;
}

char LICENSE[] SEC("license") = "GPL";
