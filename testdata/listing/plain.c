// What the golden listings show where no tail call is reached: the same calls,
// and no instruction for a count.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

static __noinline int helper(__u32 seed)
{
	return bpf_get_smp_processor_id() + seed;
}

SEC("tc") int entry(struct __sk_buff *skb)
{
	volatile __u32 n = helper(skb->len);

	return helper(3) + n;
}

SEC("tc") int leaf(struct __sk_buff *skb)
{
	return 1;
}

char _license[] SEC("license") = "GPL";
