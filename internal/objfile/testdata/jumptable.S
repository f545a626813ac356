# What clang 22 makes of switches: a table for each, and gotox, which assemblers before do not know. Each program returns
# a number for the first byte of the packet; one has its function behind another's in the section.
	.section xdp,"ax",@progbits
	.globl small
	.type small,@function
small:
	r2 = *(u32 *)(r1 + 0)
	r3 = *(u32 *)(r1 + 4)
	r4 = r2
	r4 += 1
	if r4 > r3 goto small_none
	r1 = *(u8 *)(r2 + 0)
	if r1 > 3 goto small_none
	r1 <<= 3
	r2 = BPF.JT.0.0 ll
	r2 += r1
	r1 = *(u64 *)(r2 + 0)
	.byte 0x0d, 0x01, 0, 0, 0, 0, 0, 0
small_0:
	r0 = 10
	exit
small_1:
	r0 = 11
	exit
small_3:
	r0 = 13
	exit
small_none:
	r0 = 99
	exit
	.size small, . - small

	.globl large
	.type large,@function
large:
	r2 = *(u32 *)(r1 + 0)
	r3 = *(u32 *)(r1 + 4)
	r4 = r2
	r4 += 1
	if r4 > r3 goto large_none
	r1 = *(u8 *)(r2 + 0)
	r1 <<= 3
	r2 = BPF.JT.1.0 ll
	r2 += r1
	r0 = 0
	r1 = *(u64 *)(r2 + 0)
	.byte 0x0d, 0x01, 0, 0, 0, 0, 0, 0
	.set i, 0
	.rept 16
	r0 += 1
	.endr
large_last:
	exit
large_none:
	r0 = 99
	exit
	.size large, . - large

	.section .jumptables,"",@progbits
	.globl BPF.JT.0.0
	.type BPF.JT.0.0,@object
BPF.JT.0.0:
	.quad small_0 - small
	.quad small_1 - small
	.quad small_1 - small
	.quad small_3 - small
	.size BPF.JT.0.0, . - BPF.JT.0.0

	.globl BPF.JT.1.0
	.type BPF.JT.1.0,@object
BPF.JT.1.0:
	.set i, 17
	.rept 17
	.set i, i - 1
	.quad large_last - small - 8 * i
	.endr
	.quad 3
	.size BPF.JT.1.0, . - BPF.JT.1.0

	.section license,"aw",@progbits
	.asciz "GPL"
