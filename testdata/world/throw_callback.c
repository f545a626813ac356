/* bpf_throw from a callback, which Linux's verifier refuses. */
#include "w.h"

extern void bpf_throw(__u64 cookie) __ksym;

__u64 steps;

static int thrower(__u32 i, void *ctx)
{
	steps += 1000;
	if (i == 3)
		bpf_throw(33);
	return 0;
}

SEC("tc")
int from_callback(struct __sk_buff *ctx)
{
	bpf_loop(10, thrower, 0, 0);
	steps += 10000;
	return 0;
}
