/* Texts that are longer than what Linux packs and prints. */
#include "w.h"

NOTES(16)

char text[600];
__u64 args[12];

SEC("raw_tp")
int entry(void *ctx)
{
	static const char one[] = "%s", two[] = "%s%s", wide[] = "%2000d", mixed[] = "%s %d";
	int i;

	for (i = 0; i < 598; i++)
		text[i] = 'a' + i % 26;
	text[300] = text[301] = 'x';
	args[0] = args[1] = (long)text;
	NOTE(0, bpf_trace_vprintk(one, sizeof(one), args, 8));
	NOTE(1, bpf_trace_vprintk(two, sizeof(two), args, 16));
	NOTE(2, bpf_trace_vprintk(mixed, sizeof(mixed), args, 16));
	NOTE(3, bpf_trace_printk(wide, sizeof(wide), 5));
	args[1] = (long)(text + 500);
	NOTE(4, bpf_trace_vprintk(two, sizeof(two), args, 16));
	text[400] = 0;
	NOTE(5, bpf_trace_vprintk(two, sizeof(two), args, 16));
	args[1] = (long)(text + 1);
	NOTE(6, bpf_trace_vprintk(two, sizeof(two), args, 16));
	return 0;
}
