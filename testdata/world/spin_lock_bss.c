/* A bpf_spin_lock among global data. */
#include "kf.h"

private(A) struct bpf_spin_lock lock;
private(A) __u64 counter;
__u64 plain;

SEC("tc")
int global_lock(struct __sk_buff *ctx)
{
	bpf_spin_lock(&lock);
	__u64 n = ++counter;
	bpf_spin_unlock(&lock);
	plain = n * 3;
	return n;
}
