/* Reading memory that may be bad: of the kernel (values of maps, the stack), of user space (a page
 * that the script gives, behind which there is none), and nowhere. */
#include "w.h"

NOTES(64)

__u64 page, end;
char value[64] = "what a map holds";
char out[64];

#define STEP(i, call)                                                                                                  \
	do {                                                                                                           \
		__builtin_memset(out, 'x', sizeof(out));                                                               \
		NOTE(i, (call));                                                                                       \
		NOTE(i + 1, *(__u64 *)out);                                                                            \
		NOTE(i + 2, *(__u64 *)(out + 8));                                                                      \
	} while (0)

SEC("raw_tp")
int kernel(void *ctx)
{
	char here[16] = "on the stack";
	char *bad = (char *)0xffffff0000000000;

	STEP(0, bpf_probe_read_kernel(out, 16, value));
	STEP(3, bpf_probe_read_kernel(out, 12, here));
	STEP(6, bpf_probe_read_kernel(out, 12, 0));
	STEP(9, bpf_probe_read_kernel(out, 12, (void *)4096));
	STEP(12, bpf_probe_read_kernel(out, 12, (void *)page));
	STEP(15, bpf_probe_read_kernel(out, 12, bad));
	STEP(18, bpf_probe_read_kernel(out, 12, (void *)0x8000000000000000));
	STEP(21, bpf_probe_read_kernel(out, 0, bad));
	STEP(24, bpf_probe_read_kernel_str(out, 64, value));
	STEP(27, bpf_probe_read_kernel_str(out, 5, value));
	STEP(30, bpf_probe_read_kernel_str(out, 1, value));
	STEP(33, bpf_probe_read_kernel_str(out, 0, value));
	STEP(36, bpf_probe_read_kernel_str(out, 16, bad));
	STEP(39, bpf_probe_read_kernel_str(out, 16, 0));
	STEP(42, bpf_probe_read_kernel_str(out, 16, value + 16));
	return 0;
}

SEC("raw_tp")
int user(void *ctx)
{
	STEP(0, bpf_probe_read_user(out, 16, (void *)page));
	STEP(3, bpf_probe_read_user(out, 16, (void *)(end - 16)));
	STEP(6, bpf_probe_read_user(out, 16, (void *)(end - 15)));
	STEP(9, bpf_probe_read_user(out, 16, (void *)0));
	STEP(12, bpf_probe_read_user(out, 16, value));
	STEP(15, bpf_probe_read_user(out, 0, (void *)0));
	STEP(18, bpf_probe_read_user_str(out, 64, (void *)page));
	STEP(21, bpf_probe_read_user_str(out, 7, (void *)page));
	STEP(24, bpf_probe_read_user_str(out, 16, (void *)(end - 4)));
	STEP(27, bpf_probe_read_user_str(out, 4, (void *)(end - 4)));
	STEP(30, bpf_probe_read_user_str(out, 16, (void *)end));
	STEP(33, bpf_probe_read_user_str(out, 16, value));
	STEP(36, bpf_probe_read_user_str(out, 0, (void *)page));
	STEP(39, bpf_probe_read_user_str(out, 64, (void *)(page + 100)));
	return 0;
}

SEC("raw_tp")
int either(void *ctx)
{
	STEP(0, bpf_probe_read(out, 16, value));
	STEP(3, bpf_probe_read(out, 16, (void *)page));
	STEP(6, bpf_probe_read(out, 16, 0));
	STEP(9, bpf_probe_read(out, 16, (void *)0xffffff0000000000));
	STEP(12, bpf_probe_read_str(out, 64, value));
	STEP(15, bpf_probe_read_str(out, 64, (void *)page));
	STEP(18, bpf_probe_read_str(out, 64, (void *)8));
	STEP(21, bpf_probe_read_str(out, 64, (void *)0xffffff0000000000));
	return 0;
}
