/* bpf_throw: ends a program from wherever it is. */
#include "w.h"

extern void bpf_throw(__u64 cookie) __ksym;

__u64 steps;

static __noinline int check(__u32 n)
{
	steps += 1;
	if (n > 64)
		bpf_throw(n);
	return n + 1;
}

static __noinline int deeper(__u32 n)
{
	int r = check(n);
	steps += 10;
	return r;
}

SEC("tc")
int from_subprog(struct __sk_buff *ctx)
{
	int r = deeper(ctx->len);
	steps += 100;
	return r;
}

SEC("tc")
int from_main(struct __sk_buff *ctx)
{
	if (ctx->len > 20)
		bpf_throw(0);
	return 5;
}
