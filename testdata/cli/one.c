// An object with a single program.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp") int only(struct xdp_md *ctx)
{
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
