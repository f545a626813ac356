#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* Linked with dup2.c: each has a static function and variable of the same name. */
static __attribute__((noinline)) int work(int x)
{
	return x * 3 + bpf_get_prandom_u32() * 0;
}

SEC("xdp")
int entry(struct xdp_md *ctx)
{
	static int n;

	n++;
	return work(n);
}

char LICENSE[] SEC("license") = "GPL";
