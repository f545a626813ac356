/* bpf_snprintf and what else takes a format: conversions, widths, addresses, strings, texts that do not fit. */
#include "w.h"

#undef bpf_printk

NOTES(64)

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 32);
	__type(key, __u32);
	__type(value, char[128]);
} texts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64[4]);
} numbers SEC(".maps");

__u8 ip[16] = { 0x20, 0x01, 0x0d, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 255 };
char word[16] = "word";
__u64 args[12];

#define PRINT(i, size, n, fmt)                                                                                         \
	({                                                                                                             \
		static const char format[] = fmt;                                                                      \
		__u32 key = i;                                                                                         \
		char *text = bpf_map_lookup_elem(&texts, &key);                                                        \
		if (text)                                                                                              \
			NOTE(i, bpf_snprintf(text, size, format, args, 8 * (n)));                                      \
	})

SEC("raw_tp")
int values(void *ctx)
{
	__u32 zero = 0;
	__u64 *n = bpf_map_lookup_elem(&numbers, &zero);

	if (!n)
		return -1;
	args[0] = n[0], args[1] = n[1], args[2] = n[2], args[3] = n[3];
	PRINT(0, 128, 4, "%d %i %u %x");
	PRINT(1, 128, 4, "%ld %li %lu %lx");
	PRINT(2, 128, 4, "%lld %lli %llu %llx");
	PRINT(3, 128, 4, "%X %lX %llX %+d");
	PRINT(4, 128, 4, "%10d|%-10d|%010d|% d");
	PRINT(5, 128, 4, "%24lld|%-24lld|%024lld|%+lld");
	PRINT(6, 128, 4, "%px %px|%20px|%-20px|");
	PRINT(7, 128, 4, "%c%c%5c|%-5c|");
	PRINT(8, 8, 4, "%llx%llx%llx%llx");
	PRINT(9, 1, 4, "%llx%llx%llx%llx");
	PRINT(10, 0, 4, "%llx%llx%llx%llx");
	PRINT(11, 128, 1, "%100d");
	PRINT(12, 16, 1, "%100d");
	PRINT(13, 128, 2, "100%%|%d%%%d");
	PRINT(14, 128, 0, "nothing at all");
	PRINT(15, 128, 4, "%-+10d|%+ 10d|%-010d|%0+10d");
	return 0;
}

SEC("raw_tp")
int pointers(void *ctx)
{
	args[0] = args[1] = args[2] = (long)ip;
	args[3] = (long)word;
	PRINT(0, 128, 4, "%pI4 %pi4 %pI4|%s");
	PRINT(1, 128, 4, "%pI6|%pi6|%pI6|%s");
	PRINT(2, 128, 3, "%20pI4|%-40pI6|%pi4");
	PRINT(3, 128, 3, "%pI4abc|%pI6c|%pi4.");
	args[0] = 0, args[1] = 4096, args[2] = 0xffffff0000000000;
	PRINT(4, 128, 4, "%pI4 %pi4 %pI4|%s");
	PRINT(5, 128, 4, "[%s] [%s] [%s] [%s]");
	PRINT(6, 128, 4, "[%pks] [%pus] [%pks] [%pks]");
	args[0] = args[1] = args[2] = (long)word;
	PRINT(7, 128, 4, "%10s|%-10s|%2s|%s");
	PRINT(8, 128, 4, "%pus|%10pks|%pks|%pks");
	PRINT(9, 6, 4, "%s%s%s%s");
	return 0;
}

SEC("raw_tp")
int refused(void *ctx)
{
	static const char good[] = "%d %d", many[] = "%d %d %d %d";
	char open[4] = { 'o', 'p', 'e', 'n' };

	args[0] = 1, args[1] = 20, args[2] = 300, args[3] = -4;
	NOTE(0, bpf_trace_printk(good, sizeof(good), 1, 2));
	NOTE(1, bpf_trace_printk(many, sizeof(many), 1, 2, 3));
	NOTE(2, bpf_trace_printk(open, sizeof(open)));
	NOTE(3, bpf_trace_vprintk(many, sizeof(many), args, 32));
	NOTE(4, bpf_trace_vprintk(many, sizeof(many), args, 24));
	NOTE(5, bpf_trace_vprintk(many, sizeof(many), args, 33));
	NOTE(6, bpf_trace_vprintk(many, sizeof(many), args, 96));
	NOTE(7, bpf_trace_vprintk(good, 5, args, 16));
	return 0;
}
