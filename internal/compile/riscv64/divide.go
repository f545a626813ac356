package riscv64

import (
	"math/bits"

	"github.com/rivetbpf/rivet/internal/compile/riscv64/rv"
	"github.com/rivetbpf/rivet/internal/ir"
)

// wideDiv reports whether a 32-bit unsigned division is done in 64 bits: both
// operands are zero-extended, and so is then the result.
func (l *lower) wideDiv(in *ir.Instr) bool {
	return l.upper[in.A].zext() && (in.B == 0 || l.upper[in.B].zext())
}

// divide lowers divisions. Division by zero gives zero, and a remainder the
// dividend (RFC 9669, section 4.1); RV64 agrees on the remainder, but divides
// to all ones. On overflow the two agree (RISC-V ISA manual, 12.2).
func (l *lower) divide(in *ir.Instr, rd, ra rv.Reg) {
	op := aluRows[in.Op].reg(in.Type)
	unsigned := in.Op == ir.OpUDiv || in.Op == ir.OpUMod
	wide := in.Type == ir.I32 && unsigned && l.wideDiv(in)
	if wide {
		op = aluRows[in.Op].r64
	}
	if in.B == 0 {
		l.divideImm(in, op, rd, ra, wide)
		return
	}
	rb := l.reg(in.B, rv.T1)
	if in.Op == ir.OpUMod || in.Op == ir.OpSMod || l.nonZero(in.B, in.Type) {
		l.r(op, rd, ra, rb)
		return
	}
	test := rb
	if u := l.upper[in.B]; in.Type == ir.I32 && !u.sext() && !u.zext() {
		test = rv.T1
		l.i(rv.ADDIW, test, rb, 0)
	}
	if l.ext.Has(rv.ExtZicond) {
		l.r(op, rv.T0, ra, rb)
		l.r(rv.CZEROEQZ, rd, rv.T0, test)
		return
	}
	s := stub{label: l.b.NewLabel(), back: l.b.NewLabel(), rd: rd, kind: stubZero}
	l.stubs = append(l.stubs, s)
	l.br(rv.BEQ, test, rv.Zero, s.label)
	l.r(op, rd, ra, rb)
	l.b.Bind(s.back)
}

func (l *lower) divideImm(in *ir.Instr, op rv.Op, rd, ra rv.Reg, wide bool) {
	imm := in.Imm
	if wide {
		imm = int64(uint32(imm))
	}
	div := in.Op == ir.OpUDiv || in.Op == ir.OpSDiv
	n := bits.TrailingZeros64(uint64(imm))
	switch {
	case imm == 0 && div:
		l.li(rd, 0)
	case imm > 0 && imm&(imm-1) == 0 && in.Op == ir.OpUDiv && (wide || in.Type == ir.I64):
		l.immediate(rv.SRLI, rd, ra, int32(n))
	case imm > 0 && imm&(imm-1) == 0 && in.Op == ir.OpUDiv:
		l.i(rv.SRLIW, rd, ra, int32(n))
	case imm > 1 && imm&(imm-1) == 0 && in.Op == ir.OpUMod && (wide || in.Type == ir.I64 || n < 31):
		if fits12(imm - 1) {
			l.i(rv.ANDI, rd, ra, int32(imm-1))
		} else {
			l.lowBits(rd, ra, n)
		}
	default:
		l.li(rv.T1, imm)
		l.r(op, rd, ra, rv.T1)
	}
}

// nonZero reports whether the divisor v is known not to be zero: it has a bit set by an or.
func (l *lower) nonZero(v ir.Value, t ir.Type) bool {
	for range 4 {
		in := &l.f.Instrs[v]
		switch {
		case in.Op == ir.OpConst, in.Op == ir.OpOr && in.B == 0:
			return in.Imm != 0 && (in.Type == ir.I64 && t == ir.I64 || int32(in.Imm) != 0)
		case in.Op == ir.OpCopy && t == ir.I32, in.Op == ir.OpZext, in.Op == ir.OpCopy && in.Type == ir.I64:
			v = in.A
			if in.Op == ir.OpZext {
				t = ir.I32
			}
		default:
			return false
		}
	}
	return false
}
