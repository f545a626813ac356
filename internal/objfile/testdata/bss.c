#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* Sections of data with names of their own. */
int zero SEC(".bss.mine");
int four SEC(".data.mine") = 4;
const volatile int nine SEC(".rodata.mine") = 9;

SEC("xdp")
int entry(struct xdp_md *ctx)
{
	zero++;
	four += zero;
	return four + nine;
}

char LICENSE[] SEC("license") = "GPL";
