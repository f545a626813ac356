/* bpf_fib_lookup and bpf_check_mtu on what a map asks for. */
#include "w.h"

struct ask {
	struct bpf_fib_lookup params;
	__u32 size, flags;
	__s64 ret;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ask);
} asked SEC(".maps");

static __always_inline int lookup(void *ctx)
{
	__u32 zero = 0, size;
	struct ask *a = bpf_map_lookup_elem(&asked, &zero);

	if (!a)
		return -1;
	size = a->size;
	if (size < 1 || size > sizeof(a->params))
		size = sizeof(a->params);
	a->ret = bpf_fib_lookup(ctx, &a->params, size, a->flags);
	return 0;
}

SEC("xdp")
int xdp_fib(struct xdp_md *ctx)
{
	return lookup(ctx);
}

SEC("tc")
int tc_fib(struct __sk_buff *skb)
{
	return lookup(skb);
}
