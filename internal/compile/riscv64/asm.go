package riscv64

import (
	"github.com/rivetbpf/rivet/internal/compile"
	"github.com/rivetbpf/rivet/internal/compile/riscv64/rv"
)

// asm emits instructions into a buffer; it is the one place that chooses
// between the 32-bit and the 16-bit form.
type asm struct {
	b        *compile.Buffer
	ext      rv.Ext
	compress bool
	imm      []uint32 // scratch
}

func (a *asm) emit(w uint32) {
	if a.compress {
		if h, ok := rv.Compress(w); ok {
			a.b.Emit16(h)
			return
		}
	}
	a.b.Emit32(w)
}

func (a *asm) r(op rv.Op, rd, rs1, rs2 rv.Reg)          { a.emit(rv.R(op, rd, rs1, rs2)) }
func (a *asm) i(op rv.Op, rd, rs1 rv.Reg, imm int32)    { a.emit(rv.I(op, rd, rs1, imm)) }
func (a *asm) st(op rv.Op, src, base rv.Reg, off int32) { a.emit(rv.S(op, src, base, off)) }

// mv copies a register.
func (a *asm) mv(rd, rs rv.Reg) {
	if rd != rs {
		a.i(rv.ADDI, rd, rs, 0)
	}
}

// li loads a constant.
func (a *asm) li(rd rv.Reg, v int64) {
	if fits12(v) {
		a.i(rv.ADDI, rd, rv.Zero, int32(v))
		return
	}
	a.imm = rv.LoadImm(a.imm[:0], rd, v, a.ext)
	for _, w := range a.imm {
		a.emit(w)
	}
}

// addImm adds a constant to a register.
func (a *asm) addImm(rd, rs rv.Reg, v int64) {
	switch {
	case v == 0:
		a.mv(rd, rs)
	case fits12(v):
		a.i(rv.ADDI, rd, rs, int32(v))
	case rd != rs:
		a.li(rd, v)
		a.r(rv.ADD, rd, rd, rs)
	default:
		a.li(rv.T1, v)
		a.r(rv.ADD, rd, rs, rv.T1)
	}
}

// br jumps to a label if the branch operation op holds.
func (a *asm) br(op rv.Op, rs1, rs2 rv.Reg, to compile.Label) {
	kind := uint8(jumpCond)
	if a.compress && (op == rv.BEQ || op == rv.BNE) {
		if rs1 == rv.Zero {
			rs1, rs2 = rs2, rs1
		}
		if rs2 == rv.Zero && rs1>>3 == 1 { // c.beqz takes x8 to x15
			kind = jumpCondC
		}
	}
	a.b.Jump(kind, rv.B(op, rs1, rs2, 0), to)
}

func (a *asm) jump(to compile.Label) { a.b.Jump(jumpAlways, 0, to) }

// fits12 reports whether v fits the immediate of an I-type instruction, which
// is sign-extended (RISC-V ISA manual, 2.2).
func fits12(v int64) bool { return v >= -2048 && v <= 2047 }
