/* bpf_check_mtu. */
#include "w.h"

struct ask {
	__u32 ifindex, len;
	__s32 diff;
	__u32 flags;
	__s64 ret;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ask);
} asked SEC(".maps");

static __always_inline int check(void *ctx)
{
	__u32 zero = 0;
	struct ask *a = bpf_map_lookup_elem(&asked, &zero);

	if (!a)
		return -1;
	a->ret = bpf_check_mtu(ctx, a->ifindex, &a->len, a->diff, a->flags);
	return 0;
}

SEC("xdp")
int xdp_mtu(struct xdp_md *ctx)
{
	return check(ctx);
}

SEC("tc")
int tc_mtu(struct __sk_buff *skb)
{
	return check(skb);
}
