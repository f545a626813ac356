package rv

// Reg is an integer register, X0 to X31.
type Reg uint8

// The integer registers by number.
const (
	X0 Reg = iota
	X1
	X2
	X3
	X4
	X5
	X6
	X7
	X8
	X9
	X10
	X11
	X12
	X13
	X14
	X15
	X16
	X17
	X18
	X19
	X20
	X21
	X22
	X23
	X24
	X25
	X26
	X27
	X28
	X29
	X30
	X31
)

// The integer registers by their names in the RISC-V calling convention
// (RISC-V ELF psABI, 1.1 Integer Register Convention).
const (
	Zero = X0
	RA   = X1
	SP   = X2
	GP   = X3
	TP   = X4
	T0   = X5
	T1   = X6
	T2   = X7
	S0   = X8
	S1   = X9
	A0   = X10
	A1   = X11
	A2   = X12
	A3   = X13
	A4   = X14
	A5   = X15
	A6   = X16
	A7   = X17
	S2   = X18
	S3   = X19
	S4   = X20
	S5   = X21
	S6   = X22
	S7   = X23
	S8   = X24
	S9   = X25
	S10  = X26
	S11  = X27
	T3   = X28
	T4   = X29
	T5   = X30
	T6   = X31
)

var regNames = [32]string{
	"zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2",
	"s0", "s1", "a0", "a1", "a2", "a3", "a4", "a5",
	"a6", "a7", "s2", "s3", "s4", "s5", "s6", "s7",
	"s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
}

// String returns the name of r in the calling convention.
func (r Reg) String() string {
	if int(r) < len(regNames) {
		return regNames[r]
	}
	return "x?" + itoa(int64(r))
}
