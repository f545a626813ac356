/* LD_ABS and LD_IND: in range, behind the packet, and counted from its headers. */
#include "pkt.h"

unsigned long long load_byte(void *skb, unsigned long long off) asm("llvm.bpf.load.byte");
unsigned long long load_half(void *skb, unsigned long long off) asm("llvm.bpf.load.half");
unsigned long long load_word(void *skb, unsigned long long off) asm("llvm.bpf.load.word");

NOTES(16)

SEC("socket")
int constant(struct __sk_buff *skb)
{
	NOTE(0, load_byte(skb, 0));
	NOTE(1, load_half(skb, 1));
	NOTE(2, load_word(skb, 3));
	NOTE(3, load_byte(skb, 20) + load_half(skb, 18));
	NOTE(4, load_word(skb, 40));
	return 7;
}

SEC("socket")
int variable(struct __sk_buff *skb)
{
	__u32 off = ARG(0);

	NOTE(0, load_byte(skb, off));
	NOTE(1, load_half(skb, off));
	NOTE(2, load_word(skb, off));
	NOTE(3, load_word(skb, off + 2));
	for (int i = 0; i < 3; i++)
		NOTE(4 + i, load_byte(skb, off + i));
	return 9;
}

SEC("tc")
int cls(struct __sk_buff *skb)
{
	NOTE(0, load_half(skb, 12));
	NOTE(1, load_word(skb, ARG(0)));
	NOTE(2, load_byte(skb, ARG(1)));
	return 3;
}
