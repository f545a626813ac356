#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* Tables of functions, with a link and without. */
struct my_ops {
	int (*a)(void);
	int (*b)(int x);
	const char name[16];
	int flags;
};

SEC("struct_ops/fa")
int fa(unsigned long long *ctx)
{
	return 1;
}

SEC("struct_ops")
int fb(unsigned long long *ctx)
{
	return 2;
}

SEC(".struct_ops")
struct my_ops plain = { .a = (void *)fa, .b = (void *)fb, .name = "hi", .flags = 3 };

SEC(".struct_ops.link")
struct my_ops linked = { .a = (void *)fa, .name = "ho" };

char LICENSE[] SEC("license") = "GPL";
