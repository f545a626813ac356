//go:build linux

#include "textflag.h"

// The gate. X24 (s8) points to a state, whose layout is in machine.go; all else
// that Go keeps in registers is X2 (the stack), X4 (the thread), X27 (g) and, in
// some builds, X3. Generated code touches none of the last three, and the first
// is put back before Go goes on. Go's own calling convention saves no other
// register across a call, so the gate need not either.

#define goSP	24(X24)
#define goRA	32(X24)
#define reason	40(X24)
#define pc	48(X24)

// Where a state keeps register n.
#define x(n)	(64+8*n)(X24)

// goOn, with s in a0. It starts a run, or goes on behind a helper call: what a
// helper may destroy is not loaded, but for the arguments and the result.
TEXT enter<>(SB), NOSPLIT|NOFRAME, $0
	MOV	X10, X24
	MOV	X2, goSP
	MOV	X1, goRA
	MOV	x(1), X1
	MOV	x(2), X2
	MOV	x(9), X9
	MOV	x(10), X10
	MOV	x(11), X11
	MOV	x(12), X12
	MOV	x(13), X13
	MOV	x(14), X14
	MOV	x(16), X16
	MOV	x(18), X18
	MOV	x(19), X19
	MOV	x(20), X20
	MOV	x(21), X21
	MOV	x(22), X22
	MOV	x(23), X23
	MOV	x(25), X25
	MOV	x(26), X26
	MOV	pc, X31
	JMP	(X31)

// func enterAddress() uintptr
TEXT ·enterAddress(SB), NOSPLIT|NOFRAME, $0-8
	MOV	$enter<>(SB), X5
	MOV	X5, ret+0(FP)
	RET

// func resume(s *state)
// It goes on behind a check for fuel, with every register as it was.
TEXT ·resume(SB), NOSPLIT|NOFRAME, $0-8
	MOV	s+0(FP), X24
	MOV	X2, goSP
	MOV	X1, goRA
	MOV	x(1), X1
	MOV	x(2), X2
	MOV	x(5), X5
	MOV	x(6), X6
	MOV	x(7), X7
	MOV	x(8), X8
	MOV	x(9), X9
	MOV	x(10), X10
	MOV	x(11), X11
	MOV	x(12), X12
	MOV	x(13), X13
	MOV	x(14), X14
	MOV	x(15), X15
	MOV	x(16), X16
	MOV	x(17), X17
	MOV	x(18), X18
	MOV	x(19), X19
	MOV	x(20), X20
	MOV	x(21), X21
	MOV	x(22), X22
	MOV	x(23), X23
	MOV	x(25), X25
	MOV	x(26), X26
	MOV	x(28), X28
	MOV	x(29), X29
	MOV	x(30), X30
	MOV	pc, X31	// t6: scratch wherever code can go on
	JMP	(X31)

// Generated code jumps here with ra behind the call, to have a helper run.
TEXT leaveHelper<>(SB), NOSPLIT|NOFRAME, $0
	MOV	X1, pc
	MOV	X2, x(2)
	MOV	X9, x(9)
	MOV	X10, x(10)
	MOV	X11, x(11)
	MOV	X12, x(12)
	MOV	X13, x(13)
	MOV	X14, x(14)
	MOV	X17, x(17)
	MOV	X18, x(18)
	MOV	X19, x(19)
	MOV	X20, x(20)
	MOV	X21, x(21)
	MOV	X25, x(25)
	MOV	X26, x(26)
	MOV	$2, X5
	MOV	X5, reason
	MOV	goSP, X2
	MOV	goRA, X1
	JMP	(X1)

// Generated code jumps here with t2 behind the jump, when a check has failed.
TEXT leaveFault<>(SB), NOSPLIT|NOFRAME, $0
	MOV	X7, pc
	MOV	X1, x(1)
	MOV	X2, x(2)
	MOV	X5, x(5)
	MOV	X6, x(6)
	MOV	X7, x(7)
	MOV	X8, x(8)
	MOV	X9, x(9)
	MOV	X10, x(10)
	MOV	X11, x(11)
	MOV	X12, x(12)
	MOV	X13, x(13)
	MOV	X14, x(14)
	MOV	X15, x(15)
	MOV	X16, x(16)
	MOV	X17, x(17)
	MOV	X18, x(18)
	MOV	X19, x(19)
	MOV	X20, x(20)
	MOV	X21, x(21)
	MOV	X25, x(25)
	MOV	X26, x(26)
	MOV	X28, x(28)
	MOV	X29, x(29)
	MOV	X30, x(30)
	MOV	$1, X5
	MOV	X5, reason
	MOV	goSP, X2
	MOV	goRA, X1
	JMP	(X1)

// The first frame of a run returns here, with the result in a5 and what is left
// of the fuel in s9.
TEXT leaveReturn<>(SB), NOSPLIT|NOFRAME, $0
	MOV	X15, x(15)
	MOV	X25, x(25)
	MOV	ZERO, reason
	MOV	goSP, X2
	MOV	goRA, X1
	JMP	(X1)

// func exits(s *state)
// It fills in where generated code goes to leave.
TEXT ·exits(SB), NOSPLIT|NOFRAME, $0-8
	MOV	s+0(FP), X6
	MOV	$leaveReturn<>(SB), X5
	MOV	X5, 0(X6)
	MOV	$leaveFault<>(SB), X5
	MOV	X5, 8(X6)
	MOV	$leaveHelper<>(SB), X5
	MOV	X5, 16(X6)
	RET
