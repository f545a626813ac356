/* What the programs here share. Each file is one test: the program `entry` is run, on interpreter, hart and in
 * the kernel; return value, packet and maps must be equal. Linux has one tail-call count for the whole tree of calls, as
 * rivet's shared scheme has. The comment `propagated:` says what the scheme by value gives for
 * the first packet, worked out by hand: "same", or "ret=N hits=A,B,…", or "fuel" where only fuel ends it.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define SUB static __noinline int
#define PROG(fn) SEC("xdp") int fn(struct xdp_md *ctx)
#define DECL(fn) int fn(struct xdp_md *ctx)
#define SLOT(i, fn) [i] = (void *)&fn
#define PROG_ARRAY(name, n, ...) \
	struct { \
		__uint(type, BPF_MAP_TYPE_PROG_ARRAY); \
		__uint(max_entries, n); \
		__uint(key_size, sizeof(__u32)); \
		__array(values, int(void *)); \
	} name SEC(".maps") = { .values = { __VA_ARGS__ } }

/* The compiler must not reason about v: a subprogram may return what its tail-call target returned. */
#define OPAQUE(v) asm volatile("" : "+r"(v))
#define HIT(i) __sync_fetch_and_add(&hits[i], 1)
#define NOUNROLL _Pragma("clang loop unroll(disable)")

__u64 hits[8];

char _license[] SEC("license") = "GPL";
