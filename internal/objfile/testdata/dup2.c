#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

static __attribute__((noinline)) int work(int x)
{
	return x * 5 + bpf_get_prandom_u32() * 0;
}

SEC("xdp")
int entry2(struct xdp_md *ctx)
{
	static int n;

	n += 3;
	return work(n);
}
