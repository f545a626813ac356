#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* One program refers to a section that no loader knows; the other is good. */
int odd SEC(".odd.section") = 4;

SEC("xdp")
int bad(struct xdp_md *ctx)
{
	return odd++;
}

SEC("xdp")
int good(struct xdp_md *ctx)
{
	return 7;
}

char LICENSE[] SEC("license") = "GPL";
