/* sk_lookup programs that choose a socket for a connection. */
#include "w.h"

NOTES(16)

struct {
	__uint(type, BPF_MAP_TYPE_SOCKMAP);
	__uint(max_entries, 3);
	__type(key, __u32);
	__type(value, __u64);
} socks SEC(".maps");

static __always_inline long assign(struct bpf_sk_lookup *ctx, __u32 i, __u64 flags)
{
	struct bpf_sock *sk = bpf_map_lookup_elem(&socks, &i);
	long err;

	if (!sk)
		return -1000;
	err = bpf_sk_assign(ctx, sk, flags);
	bpf_sk_release(sk);
	return err;
}

SEC("sk_lookup")
int first(struct bpf_sk_lookup *ctx)
{
	NOTE(0, assign(ctx, 0, 0));
	NOTE(1, assign(ctx, 1, 0));
	NOTE(2, assign(ctx, 1, BPF_SK_LOOKUP_F_REPLACE));
	NOTE(3, assign(ctx, 1, 4));
	NOTE(4, bpf_sk_assign(ctx, NULL, 0));
	NOTE(5, bpf_sk_assign(ctx, NULL, BPF_SK_LOOKUP_F_REPLACE));
	NOTE(6, assign(ctx, 0, BPF_SK_LOOKUP_F_NO_REUSEPORT));
	NOTE(7, assign(ctx, 2, 0));
	return SK_PASS;
}
