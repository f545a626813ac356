# A function without .size, as hand-written assembly and old compilers leave it.
	.section xdp,"ax",@progbits
	.globl first
	.type first,@function
first:
	r0 = 3
	exit
	.globl second
second:
	r0 = 4
	exit
	.section license,"aw",@progbits
	.asciz "GPL"
