// Entry of a native benchmark ELF: calls PROGRAM(&ctx) once between two reads
// of the instret counter and hands both figures to report().
//
// The harness lives in its own section, so that .text is the program's code
// and nothing else, and its size can be read from the section header.

	.section harness, "ax", @progbits
	.globl	_start
	.type	_start, @function
_start:
	.option	push
	.option	norelax			// gp is not set up yet
	la	gp, __global_pointer$
	.option	pop
	la	sp, stack_top
	andi	sp, sp, -16
	la	a0, ctx
#ifdef REPEAT
	// For measuring machines: the program many times. What is retired includes the loop.
	rdinstret s1
	li	s2, REPEAT
1:	la	a0, ctx
	jal	PROGRAM
	addi	s2, s2, -1
	bnez	s2, 1b
	rdinstret a1
	sub	a1, a1, s1
#else
	// instret counts what retired before the read itself (RISC-V ISA manual,
	// Zicntr), so the difference holds PROGRAM, the first read and the call.
	rdinstret s1
	jal	PROGRAM
	rdinstret a1
	sub	a1, a1, s1
	addi	a1, a1, -2
#endif
	call	report
	li	a0, 0
	li	a7, 93			// exit
	ecall
	.size	_start, . - _start

	.section harness_data, "aw", @progbits
	.balign	8
ctx:					// struct bctx of bench.h
	.dword	packet			// data
	.dword	packet + 64		// data_end
	.word	64			// len
	.word	0, 0, 0, 0, 0		// cb
	.word	0			// tcc

	.balign	4
	.2byte	0			// a driver leaves the IP header aligned: packet is 2 mod 4
packet:
	.include "packet.inc"

	.bss
	.balign	8			// 16 would make the linker's gp relaxation more cautious
	.skip	4096
stack_top:
