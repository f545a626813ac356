#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* What libbpf-based projects call private(): variables of a section of their own. */
#define private(name) SEC(".bss." #name) __attribute__((visibility("hidden"), aligned(8)))

private(A) struct bpf_spin_lock lock;
private(A) int n;

SEC("xdp")
int entry(struct xdp_md *ctx)
{
	bpf_spin_lock(&lock);
	n++;
	bpf_spin_unlock(&lock);
	return n;
}

char LICENSE[] SEC("license") = "GPL";
