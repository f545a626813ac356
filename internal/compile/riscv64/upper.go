package riscv64

import (
	"math/bits"

	"github.com/rivetbpf/rivet/internal/ir"
)

// upper says what is known of a register as a 64-bit number: in the low seven
// bits, how many bits it needs unsigned; in the top bit, whether it is the
// sign-extension of its low 32 bits. RV64's 32-bit instructions sign-extend,
// BPF's zero-extend: where an extension is needed is decided from these facts
// alone (RISC-V ISA manual, 4.2; RFC 9669, section 4.1).
type upper uint8

const (
	signed  upper = 0x80
	unknown upper = 64
	lowest  upper = signed // before anything is known: the zero
)

// width makes a fact from a number of bits; less than 32 bits are sign-extended too.
func width(n int) upper {
	if n <= 31 {
		return upper(n) | signed
	}
	return upper(min(n, 64))
}

func (u upper) bits() int  { return int(u &^ signed) }
func (u upper) sext() bool { return u&signed != 0 }
func (u upper) zext() bool { return u.bits() <= 32 }
func constUpper(v int64) upper {
	u := width(bits.Len64(uint64(v)))
	if v == int64(int32(v)) {
		u |= signed
	}
	return u
}

// sextOr keeps the number of bits when it shows that a sign-extended result is
// not negative; otherwise the result is just sign-extended.
func sextOr(n int) upper {
	if n <= 31 {
		return width(n)
	}
	return 64 | signed
}

// findUpper computes the facts of all values, phis optimistically, until
// nothing changes. Steps of a phi's width are few, so that it takes few passes;
// what has not settled after maxPasses is given up.
func (l *lower) findUpper() {
	const maxPasses = 8
	l.upper = resize(l.upper, len(l.f.Instrs))
	for i := range l.upper {
		l.upper[i] = lowest
	}
	for pass := 0; l.upperPass(); pass++ {
		if pass == maxPasses {
			for i := range l.upper {
				l.upper[i] = unknown
			}
			return
		}
	}
}

func (l *lower) upperPass() (again bool) {
	backward := false
	for i := range l.f.Blocks {
		blk := &l.f.Blocks[i]
		for _, p := range blk.Preds {
			backward = backward || int(p) >= i
		}
		for _, v := range blk.Instrs {
			in := &l.f.Instrs[v]
			if in.Home == ir.NoHome && in.Op != ir.OpFrame {
				continue
			}
			if n := l.evalUpper(blk, v, in); n != l.upper[v] {
				l.upper[v] = n
				again = true
			}
		}
	}
	return again && backward
}

func (l *lower) evalUpper(blk *ir.Block, v ir.Value, in *ir.Instr) upper {
	switch in.Op {
	case ir.OpPhi:
		return l.phiUpper(blk, v)
	case ir.OpConst, ir.OpMapAddr, ir.OpMapValue, ir.OpMapElem, ir.OpFuncAddr:
		return constUpper(in.Imm)
	case ir.OpUndef:
		return width(0)
	case ir.OpCopy:
		return l.upper[in.A]
	case ir.OpZext:
		return width(min(l.upper[in.A].bits(), 32))
	case ir.OpZext16, ir.OpBswap16:
		return width(16)
	case ir.OpBswap32:
		return width(32)
	case ir.OpSext8, ir.OpSext16, ir.OpSext32:
		return 64 | signed
	case ir.OpLoad, ir.OpLoadAcq:
		return loadUpper(in)
	case ir.OpAtomic, ir.OpCmpXchg:
		if in.Aux == 4 {
			return 64 | signed // amoadd.w, lr.w
		}
		return unknown
	case ir.OpCall, ir.OpCallX, ir.OpHelper, ir.OpKfunc, ir.OpParam, ir.OpFrame:
		return unknown
	}
	if in.Type == ir.I32 {
		return l.upper32(in)
	}
	return l.upper64(in)
}

// phiUpper meets the operands. Its width goes up in few steps, so that a loop
// that widens a value bit by bit settles soon.
func (l *lower) phiUpper(blk *ir.Block, v ir.Value) upper {
	n, sext := 0, true
	for _, a := range l.f.Operands(v) {
		n = max(n, l.upper[a].bits())
		sext = sext && l.upper[a].sext()
	}
	for _, step := range [...]int{0, 8, 16, 31, 32, 64} {
		if n <= step {
			n = step
			break
		}
	}
	u := width(n)
	if sext {
		u |= signed
	}
	return u
}

func loadUpper(in *ir.Instr) upper {
	switch {
	case in.Aux == 8:
		return unknown
	case in.Aux&ir.SignBit != 0:
		return 64 | signed
	case in.Aux == 4 && in.Type == ir.I32:
		return 64 | signed // lw
	}
	return width(int(in.Aux) * 8)
}

// operands returns the facts of both operands; an immediate is sign-extended.
func (l *lower) operands(in *ir.Instr) (a, b upper) {
	a = l.upper[in.A]
	if in.B != 0 {
		return a, l.upper[in.B]
	}
	return a, constUpper(in.Imm)
}

// upper32 must say what lowering's choice of instruction gives: W forms, which
// sign-extend, for all but the bitwise operations and divisions of operands
// that are zero-extended already.
func (l *lower) upper32(in *ir.Instr) upper {
	a, b := l.operands(in)
	switch in.Op {
	case ir.OpAdd:
		return sextOr(max(a.bits(), b.bits()) + 1)
	case ir.OpMul:
		return sextOr(a.bits() + b.bits())
	case ir.OpAnd, ir.OpOr, ir.OpXor:
		return bitwiseUpper(in.Op, a, b)
	case ir.OpUDiv, ir.OpUMod:
		if l.wideDiv(in) {
			return width(a.bits())
		}
		return sextOr(min(a.bits(), 64))
	case ir.OpShl:
		if in.B == 0 {
			return sextOr(a.bits() + int(in.Imm&31))
		}
	case ir.OpLShr:
		if n := int(in.Imm & 31); in.B == 0 && n > 0 {
			return width(max(0, min(a.bits(), 32)-n))
		}
	}
	return 64 | signed
}

func bitwiseUpper(op ir.Op, a, b upper) upper {
	n := max(a.bits(), b.bits())
	if op == ir.OpAnd {
		n = min(a.bits(), b.bits())
	}
	u := width(n)
	if a.sext() && b.sext() {
		u |= signed
	}
	return u
}

func (l *lower) upper64(in *ir.Instr) upper {
	a, b := l.operands(in)
	switch in.Op {
	case ir.OpAdd:
		return width(max(a.bits(), b.bits()) + 1)
	case ir.OpMul:
		return width(a.bits() + b.bits())
	case ir.OpAnd, ir.OpOr, ir.OpXor:
		return bitwiseUpper(in.Op, a, b)
	case ir.OpUDiv, ir.OpUMod:
		return width(a.bits())
	case ir.OpShl:
		if in.B == 0 {
			return width(a.bits() + int(in.Imm&63))
		}
	case ir.OpLShr:
		if in.B == 0 {
			return width(max(0, a.bits()-int(in.Imm&63)))
		}
	case ir.OpAShr:
		if in.B == 0 && in.Imm&63 >= 32 {
			return 64 | signed
		}
	}
	return unknown
}
