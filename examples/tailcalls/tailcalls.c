/* Tail calls and subprograms, mixed: the smallest program that shows whose count is whose.
 *
 *	main (33) --tail call--> foo (32) --calls--> subprog (32) --tail call--> foo2 (31)
 *	                          ^                                                |
 *	                          +--------------------- returns ------------------+
 *
 * A tail call ends the frame that makes it and no other. subprog's frame is gone when foo2 runs, so foo2
 * returns to foo, whose registers and stack are as it left them. Passed by value, the count in foo is still 32 then;
 * shared by the whole run, it is 31. foo goes on to a last tail call, whose slot is empty.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

enum { FOO, FOO2, AFTER, SLOTS }; /* AFTER is left for others to fill */

int foo(struct __sk_buff *ctx);
int foo2(struct __sk_buff *ctx);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, SLOTS);
	__uint(key_size, sizeof(__u32));
	__array(values, int(void *));
} jmp_table SEC(".maps") = {
	.values = {
		[FOO] = (void *)&foo,
		[FOO2] = (void *)&foo2,
	},
};

static __noinline int subprog(struct __sk_buff *ctx)
{
	int missed = -1;

	bpf_tail_call(ctx, &jmp_table, FOO2);
	/* Reached only when the tail call falls through. The compiler must not conclude from this
	 * return, the only one it sees, that subprog always gives -1. */
	asm volatile("" : "+r"(missed));
	return missed;
}

SEC("tc")
int foo2(struct __sk_buff *ctx)
{
	return 2;
}

SEC("tc")
int foo(struct __sk_buff *ctx)
{
	__u32 len = ctx->len;
	int got = subprog(ctx); /* what foo2 returned */

	bpf_tail_call(ctx, &jmp_table, AFTER);
	return len * 100 + got;
}

SEC("tc")
int main(struct __sk_buff *ctx)
{
	bpf_tail_call(ctx, &jmp_table, FOO);
	return -1;
}

char _license[] SEC("license") = "GPL";
