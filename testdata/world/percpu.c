/* Variables that the kernel has for each processor: whether a processor has one. */
#include "w.h"

NOTES(16)

extern const int bpf_prog_active __ksym;

SEC("raw_tp")
int entry(void *ctx)
{
	NOTE(0, !!bpf_this_cpu_ptr(&bpf_prog_active));
	NOTE(1, !!bpf_per_cpu_ptr(&bpf_prog_active, 0));
	NOTE(2, !!bpf_per_cpu_ptr(&bpf_prog_active, 1000000));
	NOTE(3, !!bpf_per_cpu_ptr(&bpf_prog_active, -1));
	return 0;
}
