/* Writing memory of user space, which locked-down kernels let no program do. */
#include "w.h"

NOTES(16)

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
int writes(void *ctx)
{
	STEP(0, bpf_probe_write_user((void *)(page + 512), value, 16));
	STEP(3, bpf_probe_read_user(out, 16, (void *)(page + 512)));
	STEP(6, bpf_probe_write_user((void *)end, value, 16));
	STEP(9, bpf_probe_write_user((void *)0, value, 16));
	STEP(12, bpf_probe_write_user(out, value, 16));
	return 0;
}
