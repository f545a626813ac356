// What the golden listings show where tail calls are reached: prologue and
// epilogue, a subprogram call, a helper call and tail calls, in a program and
// in a subprogram.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u32);
} jmp_table SEC(".maps");

static __noinline int helper(__u32 seed)
{
	return bpf_get_smp_processor_id() + seed;
}

static __noinline int tail(struct __sk_buff *skb, __u32 index)
{
	int missed = -1;

	bpf_tail_call(skb, &jmp_table, index);
	asm volatile("" : "+r"(missed));
	return missed;
}

SEC("tc") int entry(struct __sk_buff *skb)
{
	__u32 n = helper(skb->len);
	__u32 got = tail(skb, n);

	bpf_tail_call(skb, &jmp_table, 3);
	return got + n;
}

SEC("tc") int leaf(struct __sk_buff *skb)
{
	return 1;
}

char _license[] SEC("license") = "GPL";
