// Helpers and kfuncs that the embedder writes in Go.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

static long (*sum)(const void *data, __u32 size) = (void *)5000;
static long (*apply)(long (*fn)(long, long), long n) = (void *)5001;
extern int parse_name(void *out, const char *name, __u64 name__sz) __ksym;

static __noinline long square(long i, long n)
{
	char pad[64] = {};

	asm volatile("" ::"r"(pad) : "memory");
	return i * i + n;
}

SEC("xdp") int user(struct xdp_md *ctx)
{
	__u8 b[4] = {1, 2, 3, 4};
	long v = 0;

	parse_name(&v, "abcde", 5);
	return sum(b, sizeof(b)) * 100 + v;
}

SEC("xdp") int callback(struct xdp_md *ctx)
{
	long keep[4] = {1, 2, 3, 4};

	asm volatile("" ::"r"(keep) : "memory");
	return apply(square, 3) + keep[0] + keep[3];
}

char _license[] SEC("license") = "GPL";
