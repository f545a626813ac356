/* An array in which nothing was ever put.
 * propagated: same
 */
#include "k.h"

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 5);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} progs SEC(".maps");

SUB sub(struct xdp_md *ctx, __u32 i)
{
	int ret = i + 1;

	bpf_tail_call(ctx, &progs, i);
	HIT(0);
	OPAQUE(ret);
	return ret;
}

PROG(entry)
{
	bpf_tail_call(ctx, &progs, 3);
	return sub(ctx, 0) + sub(ctx, 4) * 10 + sub(ctx, 5) * 100;
}
