/* Clocks: each goes on, is not 0, and those that tell the same time agree. */
#include "w.h"

NOTES(20)

#define SECOND 1000000000ULL
#define TICK (SECOND / 250)

static __always_inline int near(__u64 a, __u64 b, __u64 by)
{
	return a - b < by || b - a < by;
}

static __always_inline void clocks(void)
{
	__u64 ns = bpf_ktime_get_ns(), boot = bpf_ktime_get_boot_ns(), coarse = bpf_ktime_get_coarse_ns();
	__u64 tai = bpf_ktime_get_tai_ns(), ticks = bpf_jiffies64(), again = bpf_ktime_get_ns();

	NOTE(0, !!ns);
	NOTE(1, again >= ns);
	NOTE(2, again - ns < SECOND);
	NOTE(3, boot >= ns);
	NOTE(4, bpf_ktime_get_boot_ns() >= boot);
	NOTE(5, near(coarse, ns, SECOND / 2));
	NOTE(6, bpf_ktime_get_coarse_ns() >= coarse);
	NOTE(7, tai > 1700000000ULL * SECOND);
	NOTE(8, bpf_ktime_get_tai_ns() >= tai);
	NOTE(9, near((ticks - ((1ULL << 32) - 75000)) * TICK, ns, SECOND));
	NOTE(10, bpf_jiffies64() >= ticks);
}

SEC("xdp")
int in_xdp(struct xdp_md *ctx)
{
	clocks();
	return XDP_PASS;
}

SEC("tc")
int in_tc(struct __sk_buff *skb)
{
	clocks();
	return 0;
}

SEC("socket")
int in_socket(struct __sk_buff *skb)
{
	NOTE(11, !!bpf_ktime_get_boot_ns() + !!bpf_ktime_get_coarse_ns());
	return bpf_ktime_get_ns() > 0;
}
