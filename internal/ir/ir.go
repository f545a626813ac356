// Package ir is the compiler's intermediate form: one function in SSA form.
//
// Every value remembers the BPF register that it was written to, its Home. As
// long as no register allocator exists the home is where the value lives, so a
// use must not outlast the next definition of the same home.
//
// An i32 value stands for the low 32 bits of its home; what the upper half
// holds is the target's business. An i32 operation reads the low 32 bits of its
// operands, whatever their type. Nothing that reads 64 bits has an i32 operand:
// the builder puts a zext behind each 32-bit definition whose upper half is
// read (RFC 9669, section 4.1: 32-bit results are zero-extended).
package ir

import "github.com/rivetbpf/rivet/internal/bpf"

// Value names the instruction that defines it: an index into Func.Instrs.
// Value 0 is no value.
type Value int32

// Type is the width of a value.
type Type uint8

const (
	Void Type = iota
	I32
	I64
)

// NoHome is the Home of an instruction that writes no BPF register.
const NoHome = 0xff

// Instr is one operation.
type Instr struct {
	Op   Op
	Type Type
	Home uint8 // BPF register, or NoHome
	Aux  uint8 // Cond for OpBr; Size for memory operations; Atomic for OpAtomic: see each Op
	Pos  int32 // slot of the BPF instruction that it came from
	A, B Value // operands; B is 0 where Imm is the second operand
	N    int32 // OpPhi and calls: first operand in Func.Extra; OpCmpXchg: third operand
	Imm  int64
}

// Op is an operation.
type Op uint8

const (
	OpInvalid Op = iota

	// Values from nowhere.
	OpParam    // register Home on entry
	OpUndef    // register Home where nothing was written to it: zero when read, nothing when merely passed on to a call
	OpConst    // Imm
	OpMapAddr  // Imm: a map's handle; N: index of the map
	OpMapValue // Imm: address in a map's first value; N: index of the map; B: unused
	OpFuncAddr // Imm: a function's handle; N: index of the function
	OpFrame    // r10 + Imm
	OpPhi      // Imm operands, one per predecessor, in Extra[N:]

	// Arithmetic on A and B, or A and Imm where B is 0. Type is the width.
	OpAdd
	OpSub
	OpMul
	OpUDiv // x / 0 = 0
	OpSDiv
	OpUMod // x % 0 = x
	OpSMod
	OpAnd
	OpOr
	OpXor
	OpShl // counts are taken modulo the width
	OpLShr
	OpAShr
	OpNeg    // A
	OpCopy   // A
	OpSext8  // A
	OpSext16 // A
	OpSext32 // A, to i64
	OpZext   // low 32 bits of A, to i64
	OpZext16 // low 16 bits of A: to-little-endian 16
	OpBswap16
	OpBswap32
	OpBswap64

	// Memory: address A+Imm, Aux: Size with SignBit.
	OpLoad
	OpLoadAcq
	OpStore    // B
	OpStoreImm // the constant in N
	OpStoreRel // B
	// Atomic update of A+Imm by B, Aux: Size; N: the operation (bpf.AtomicAdd…,
	// without the fetch bit). With a Home it gives the old value.
	OpAtomic
	OpCmpXchg // compares with Value(N), stores B, gives the old value in r0

	// An element of the array whose index is N, as a lookup found it that was compiled in place: Imm is its address,
	// for OpCPUElem that of processor 0's.
	OpMapElem
	OpCPUElem

	// Calls. Operands in Extra[N:N+5], Aux of them. A call gives r0.
	OpCall     // subprogram Imm
	OpCallX    // function handle or helper number A
	OpHelper   // helper number Imm
	OpKfunc    // kfunc Imm
	OpTailCall // Extra[N:]: context, map, index. Leaves, or goes on with the next instruction. Imm: index of the map, or -1 when only the handle in the second operand tells

	// Block ends.
	OpJump    // to Succs[0]
	OpBr      // to Succs[1] if Cond(Aux) holds for A and B or Imm, else to Succs[0]; Type is the width compared
	OpMayGoto // to Succs[1] when the frame's loops are spent, else to Succs[0]
	OpExit    // returns A

	NumOps
)

// SignBit in Aux of OpLoad: the value is sign-extended.
const SignBit = 0x80

// Cond is the condition of an OpBr.
type Cond uint8

const (
	EQ Cond = iota
	NE
	ULT
	ULE
	UGT
	UGE
	SLT
	SLE
	SGT
	SGE
	SET // A & B is not zero
)

// Block is a straight line of instructions; the last one is a block end.
type Block struct {
	Instrs   []Value // phis first
	Succs    [2]int32
	Preds    []int32
	NumSuccs uint8
	Backward bool  // it ends with a jump to a slot at or before its own: costs fuel
	Start    int32 // first slot
}

// Func is one function.
type Func struct {
	Name   string
	Index  int // in bpf.Module.Funcs
	Instrs []Instr
	Blocks []Block // in slot order; Blocks[0] is the entry
	Extra  []Value
	Src    *bpf.Func
}

// Operands returns the operands of a phi or of a call that are in Extra.
func (f *Func) Operands(v Value) []Value {
	in := &f.Instrs[v]
	switch in.Op {
	case OpPhi:
		return f.Extra[in.N : int64(in.N)+in.Imm]
	case OpCall, OpCallX, OpHelper, OpKfunc:
		return f.Extra[in.N : int(in.N)+int(in.Aux)]
	case OpTailCall:
		return f.Extra[in.N : in.N+3]
	}
	return nil
}

// maxCopies bounds how far Origin looks, so that it takes constant time.
const maxCopies = 8

// Origin returns what a value is a copy of.
func (f *Func) Origin(v Value) Value {
	for range maxCopies {
		in := &f.Instrs[v]
		if in.Op != OpCopy || in.Type != I64 {
			break
		}
		v = in.A
	}
	return v
}

// HasEffect reports whether the operation does more than give a value.
func (op Op) HasEffect() bool { return op >= OpLoad }
