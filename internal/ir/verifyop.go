package ir

import (
	"fmt"

	"github.com/rivetbpf/rivet/internal/bpf"
)

// operandsOf appends the values that instruction v of block b reads.
func (f *Func) operandsOf(b *Block, v Value, dst []Value) []Value {
	in := &f.Instrs[v]
	switch rows[in.Op].shape {
	case shapeUn, shapeLoad, shapeStoreImm:
		return append(dst, in.A)
	case shapeBin, shapeBr:
		if in.B == 0 {
			return append(dst, in.A)
		}
		return append(dst, in.A, in.B)
	case shapeStore, shapeAtomic:
		return append(dst, in.A, in.B)
	case shapeCmpXchg:
		return append(dst, in.A, in.B, Value(in.N))
	case shapeCallX:
		return append(append(dst, in.A), f.Operands(v)...)
	case shapePhi, shapeCall, shapeNumCall, shapeTailCall:
		return append(dst, f.Operands(v)...)
	}
	return dst
}

// operands checks one instruction's own fields and the types of its operands.
func (v *verifier) operands(b int32, val Value) error {
	f := v.f
	blk := &f.Blocks[b]
	in := &f.Instrs[val]
	if err := v.extraRange(b, val); err != nil {
		return err
	}
	var buf [8]Value
	ops := f.operandsOf(blk, val, buf[:0])
	for i, a := range ops {
		if a <= 0 || int(a) >= len(f.Instrs) || v.in[a] < 0 {
			return v.errorf(b, val, "operand v%d is defined nowhere", a)
		}
		switch ai := &f.Instrs[a]; {
		case !ai.defines():
			return v.errorf(b, val, "operand v%d (%v) gives no value", a, ai.Op)
		case ai.Type == I32 && in.reads64(i):
			return v.errorf(b, val, "reads 64 bits of v%d, which has 32", a)
		case in.Op == OpPhi && ai.Home != in.Home:
			return v.errorf(b, val, "operand v%d lives elsewhere than the phi", a)
		}
	}
	return v.result(b, val)
}

// extraRange checks that the operands in Func.Extra are there.
func (v *verifier) extraRange(b int32, val Value) error {
	in := &v.f.Instrs[val]
	n := 0
	switch rows[in.Op].shape {
	case shapePhi:
		n = len(v.f.Blocks[b].Preds)
	case shapeCall, shapeCallX, shapeNumCall:
		n = int(in.Aux)
	case shapeTailCall:
		n = 3
	default:
		return nil
	}
	if in.Op.IsCall() && n > 5 || in.N < 0 || int(in.N)+n > len(v.f.Extra) {
		return fmt.Errorf("b%d: v%d (%v) has %d operands, from %d of %d", b, val, in.Op, n, in.N, len(v.f.Extra))
	}
	return nil
}

// reads64 reports whether the instruction reads all 64 bits of its operand i,
// in the order of operandsOf.
func (in *Instr) reads64(i int) bool {
	switch rows[in.Op].shape {
	case shapeBin:
		if i == 1 && (in.Op == OpShl || in.Op == OpLShr || in.Op == OpAShr) {
			return false // the count
		}
		return in.Type == I64
	case shapeBr, shapePhi:
		return in.Type == I64
	case shapeUn:
		switch in.Op {
		case OpNeg, OpCopy:
			return in.Type == I64
		case OpBswap64, OpExit:
			return true
		}
		return false
	case shapeStore, shapeAtomic, shapeCmpXchg:
		return i == 0 || in.Aux == 8
	case shapeTailCall:
		return i < 2 // the index is compared as 32 bits
	}
	return true
}

// result checks type, home and Aux.
func (v *verifier) result(b int32, val Value) error {
	in := &v.f.Instrs[val]
	fail := func(format string, args ...any) error { return v.errorf(b, val, format, args...) }
	sh := rows[in.Op].shape
	if in.Home != NoHome && in.Home >= bpf.NumRegs {
		return fail("home %d is no register", in.Home)
	}
	switch sh {
	case shapeStore, shapeStoreImm, shapeTailCall, shapeJump, shapeBr, shapeMayGoto:
		if in.Home != NoHome || sh != shapeBr && in.Type != Void || sh == shapeBr && in.Type == Void {
			return fail("gives a value, or has no type to compare")
		}
	case shapeAtomic:
		if (in.Type == Void) != (in.Home == NoHome) {
			return fail("an atomic has a type exactly when it has a home")
		}
	default:
		if in.Op == OpExit && (in.Type != Void || in.Home != NoHome) || in.Op != OpExit && in.Type == Void {
			return fail("has the wrong type %v or home", in.Type)
		}
	}
	switch sh {
	case shapeLoad, shapeStore, shapeStoreImm, shapeAtomic, shapeCmpXchg:
		if !in.validSize() {
			return fail("size %#x does not suit the operation", in.Aux)
		}
		if in.Type == I32 && in.Aux == 8 {
			return fail("64 bits of memory give 64 bits")
		}
	case shapeBr:
		if in.Aux > uint8(SET) {
			return fail("condition %d does not exist", in.Aux)
		}
	}
	switch in.Op {
	case OpParam, OpUndef, OpPhi, OpCmpXchg, OpMapElem, OpCPUElem, OpCall, OpCallX, OpHelper, OpKfunc:
		if in.Home == NoHome {
			return fail("%v gives its value to a register", in.Op)
		}
	}
	switch in.Op {
	case OpParam, OpMapAddr, OpMapValue, OpMapElem, OpCPUElem, OpFuncAddr, OpFrame, OpSext32, OpZext, OpBswap64,
		OpCall, OpCallX, OpHelper, OpKfunc:
		if in.Type != I64 {
			return fail("gives 64 bits, not %v", in.Type)
		}
	}
	return nil
}

// validSize reports whether Aux is a size that the memory operation can have.
func (in *Instr) validSize() bool {
	switch in.Aux {
	case 1, 2:
		return in.Op != OpAtomic && in.Op != OpCmpXchg
	case 4, 8:
		return in.Op != OpAtomic || atomicName(in.N) != "?"
	case 1 | SignBit, 2 | SignBit, 4 | SignBit:
		return in.Op == OpLoad
	}
	return false
}
