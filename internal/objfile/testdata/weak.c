#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* Weak references: to a kfunc, to a variable of the kernel with a type, to configuration. */
extern int bpf_nothing(int) __ksym __weak;
extern const int some_sym __ksym __weak;
extern int CONFIG_NEVER_HEARD_OF __kconfig __weak;
int counter __weak = 5;

__weak int global_func(int a)
{
	return a + 1;
}

SEC("xdp")
int entry(struct xdp_md *ctx)
{
	if (bpf_nothing)
		return bpf_nothing(3);
	if (&some_sym)
		return 1;
	return global_func(2) + counter + CONFIG_NEVER_HEARD_OF;
}

char LICENSE[] SEC("license") = "GPL";
