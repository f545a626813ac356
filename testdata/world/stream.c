/* Streams of a program. */
#include "w.h"

NOTES(16)

__u64 args[13] = { 1, 2, 3 };

int bpf_stream_vprintk_impl(int stream, const char *fmt__str, const void *args, __u32 len__sz, void *aux__prog) __ksym;

/* Linux may have no page at hand. */
#define NO_ROOM 12
#define STREAM(i, call)                                                                                                \
	({                                                                                                             \
		int r = call;                                                                                          \
		NOTE(i, r == -NO_ROOM ? 0 : r);                                                                        \
	})

SEC("syscall")
int entry(void *ctx)
{
	static const char fmt[] = "%d %d\n", bad[] = "%f\n", none[] = "plain\n";

	STREAM(0, bpf_stream_vprintk_impl(1, fmt, args, 16, 0));
	STREAM(1, bpf_stream_vprintk_impl(2, fmt, args, 16, 0));
	STREAM(2, bpf_stream_vprintk_impl(0, fmt, args, 16, 0));
	STREAM(3, bpf_stream_vprintk_impl(3, fmt, args, 16, 0));
	STREAM(4, bpf_stream_vprintk_impl(1, fmt, args, 8, 0));
	STREAM(5, bpf_stream_vprintk_impl(1, bad, args, 8, 0));
	STREAM(6, bpf_stream_vprintk_impl(1, fmt, args, 17, 0));
	STREAM(7, bpf_stream_vprintk_impl(1, fmt, args, 104, 0));
	STREAM(8, bpf_stream_vprintk_impl(1, none, args, 0, 0));
	return 0;
}
