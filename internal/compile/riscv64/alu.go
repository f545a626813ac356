package riscv64

import (
	"fmt"
	"math/bits"

	"github.com/rivetbpf/rivet/internal/compile/riscv64/rv"
	"github.com/rivetbpf/rivet/internal/ir"
)

// aluRow names the instructions of one operation: register and immediate forms
// for 64 and for 32 bits.
type aluRow struct {
	r64, r32 rv.Op
	i64, i32 rv.Op
	imm      bool // there are immediate forms
}

var aluRows = [ir.NumOps]aluRow{
	ir.OpAdd:  {rv.ADD, rv.ADDW, rv.ADDI, rv.ADDIW, true},
	ir.OpSub:  {r64: rv.SUB, r32: rv.SUBW},
	ir.OpMul:  {r64: rv.MUL, r32: rv.MULW},
	ir.OpAnd:  {rv.AND, rv.AND, rv.ANDI, rv.ANDI, true},
	ir.OpOr:   {rv.OR, rv.OR, rv.ORI, rv.ORI, true},
	ir.OpXor:  {rv.XOR, rv.XOR, rv.XORI, rv.XORI, true},
	ir.OpShl:  {rv.SLL, rv.SLLW, rv.SLLI, rv.SLLIW, true},
	ir.OpLShr: {rv.SRL, rv.SRLW, rv.SRLI, rv.SRLIW, true},
	ir.OpAShr: {rv.SRA, rv.SRAW, rv.SRAI, rv.SRAIW, true},
	ir.OpUDiv: {r64: rv.DIVU, r32: rv.DIVUW},
	ir.OpSDiv: {r64: rv.DIV, r32: rv.DIVW},
	ir.OpUMod: {r64: rv.REMU, r32: rv.REMUW},
	ir.OpSMod: {r64: rv.REM, r32: rv.REMW},
}

func (row *aluRow) reg(t ir.Type) rv.Op {
	if t == ir.I32 {
		return row.r32
	}
	return row.r64
}

func (row *aluRow) immediate(t ir.Type) rv.Op {
	if t == ir.I32 {
		return row.i32
	}
	return row.i64
}

// alu lowers an operation that computes a value.
func (l *lower) alu(v ir.Value, in *ir.Instr) error {
	rd := homes[in.Home]
	ra := l.reg(in.A, rv.T0)
	switch in.Op {
	case ir.OpUDiv, ir.OpSDiv, ir.OpUMod, ir.OpSMod:
		l.divide(in, rd, ra)
	case ir.OpNeg:
		l.r(aluRows[ir.OpSub].reg(in.Type), rd, rv.Zero, ra)
	case ir.OpCopy:
		l.mv(rd, ra)
	case ir.OpZext:
		l.zext(rd, ra, l.upper[in.A])
	case ir.OpZext16:
		l.zext16(rd, ra, l.upper[in.A])
	case ir.OpSext8, ir.OpSext16, ir.OpSext32:
		l.sext(in.Op, rd, ra, l.upper[in.A])
	case ir.OpBswap16, ir.OpBswap32, ir.OpBswap64:
		l.bswap(in.Op, rd, ra, l.upper[in.A])
	case ir.OpShl, ir.OpLShr, ir.OpAShr:
		l.shift(in, rd, ra)
	case ir.OpAdd, ir.OpSub, ir.OpMul, ir.OpAnd, ir.OpOr, ir.OpXor:
		if in.B != 0 {
			l.r(aluRows[in.Op].reg(in.Type), rd, ra, l.reg(in.B, rv.T1))
		} else {
			l.aluImm(in, rd, ra)
		}
	default:
		return fmt.Errorf("BUG: no lowering for operation %d", in.Op)
	}
	return nil
}

func (l *lower) shift(in *ir.Instr, rd, ra rv.Reg) {
	row := &aluRows[in.Op]
	if in.B != 0 {
		// The hardware masks the count to 6 or 5 bits, as BPF does (RFC 9669, section 4.1).
		l.r(row.reg(in.Type), rd, ra, l.reg(in.B, rv.T1))
		return
	}
	n := int32(in.Imm & 63)
	if in.Type == ir.I32 {
		n &= 31
	}
	l.immediate(row.immediate(in.Type), rd, ra, n)
}

// immediate emits an operation with an immediate; one that changes nothing is a move.
func (l *lower) immediate(op rv.Op, rd, ra rv.Reg, imm int32) {
	switch op {
	case rv.ADDI, rv.ORI, rv.XORI, rv.SLLI, rv.SRLI, rv.SRAI:
		if imm == 0 {
			l.mv(rd, ra)
			return
		}
	}
	l.i(op, rd, ra, imm)
}

// aluImm lowers an operation with a constant.
func (l *lower) aluImm(in *ir.Instr, rd, ra rv.Reg) {
	op, imm := in.Op, in.Imm
	if op == ir.OpSub {
		op, imm = ir.OpAdd, -imm
		if in.Type == ir.I32 {
			imm = int64(int32(imm))
		}
	}
	row := &aluRows[op]
	switch {
	case row.imm && fits12(imm):
		l.immediate(row.immediate(in.Type), rd, ra, int32(imm))
	case op == ir.OpAnd && isMask(imm):
		// A mask of the low n bits: cheaper shifted out and in than loaded.
		l.lowBits(rd, ra, bits.Len64(uint64(imm)))
	case op == ir.OpMul && imm > 0 && imm&(imm-1) == 0:
		l.immediate(aluRows[ir.OpShl].immediate(in.Type), rd, ra, int32(bits.TrailingZeros64(uint64(imm))))
	case l.singleBit(op, in.Type, rd, ra, imm):
	default:
		l.li(rv.T1, imm)
		l.r(row.reg(in.Type), rd, ra, rv.T1)
	}
}

// singleBit uses Zbs for a constant with one bit set, or all but one.
func (l *lower) singleBit(op ir.Op, t ir.Type, rd, ra rv.Reg, imm int64) bool {
	if !l.ext.Has(rv.ExtZbs) || imm <= 0 && op != ir.OpAnd {
		return false
	}
	u := uint64(imm)
	if op == ir.OpAnd {
		u = ^u
	}
	if bits.OnesCount64(u) != 1 {
		return false
	}
	n := int32(bits.TrailingZeros64(u))
	switch op {
	case ir.OpOr:
		l.i(rv.BSETI, rd, ra, n)
	case ir.OpXor:
		l.i(rv.BINVI, rd, ra, n)
	case ir.OpAnd:
		l.i(rv.BCLRI, rd, ra, n)
	default:
		return false
	}
	return true
}

func isMask(v int64) bool { return v > 0 && v&(v+1) == 0 }

// lowBits keeps the low n bits.
func (l *lower) lowBits(rd, ra rv.Reg, n int) {
	switch {
	case n == 16 && l.ext.Has(rv.ExtZbb):
		l.r(rv.ZEXTH, rd, ra, rv.Zero)
	case n == 32 && l.ext.Has(rv.ExtZba):
		l.r(rv.ADDUW, rd, ra, rv.Zero)
	default:
		l.i(rv.SLLI, rd, ra, int32(64-n))
		l.i(rv.SRLI, rd, rd, int32(64-n))
	}
}

func (l *lower) zext(rd, ra rv.Reg, u upper) {
	if u.zext() {
		l.mv(rd, ra)
		return
	}
	l.lowBits(rd, ra, 32)
}

func (l *lower) zext16(rd, ra rv.Reg, u upper) {
	if u.bits() <= 16 {
		l.mv(rd, ra)
		return
	}
	l.lowBits(rd, ra, 16)
}

func (l *lower) sext(op ir.Op, rd, ra rv.Reg, u upper) {
	switch {
	case op == ir.OpSext32 && u.sext(), op == ir.OpSext16 && u.bits() < 16, op == ir.OpSext8 && u.bits() < 8:
		l.mv(rd, ra)
	case op == ir.OpSext32:
		l.i(rv.ADDIW, rd, ra, 0)
	case op == ir.OpSext16 && l.ext.Has(rv.ExtZbb):
		l.r(rv.SEXTH, rd, ra, rv.Zero)
	case op == ir.OpSext8 && l.ext.Has(rv.ExtZbb):
		l.r(rv.SEXTB, rd, ra, rv.Zero)
	default:
		n := int32(56)
		if op == ir.OpSext16 {
			n = 48
		}
		l.i(rv.SLLI, rd, ra, n)
		l.i(rv.SRAI, rd, rd, n)
	}
}

// sext32 returns a register with the sign-extension of the low half of r.
func (l *lower) sext32(r rv.Reg, u upper, tmp rv.Reg) rv.Reg {
	if u.sext() {
		return r
	}
	l.i(rv.ADDIW, tmp, r, 0)
	return tmp
}
