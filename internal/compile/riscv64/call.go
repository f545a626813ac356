package riscv64

import (
	"math/bits"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/compile"
	"github.com/rivetbpf/rivet/internal/compile/riscv64/rv"
	"github.com/rivetbpf/rivet/internal/ir"
)

// call calls a subprogram. Arguments and result are in their homes already.
func (l *lower) call(in *ir.Instr) {
	ev := l.countEvent(in)
	if ev == eventNeedKill {
		l.needCount()
	}
	l.burnCall(in)
	l.mark(in, compile.MarkCall, int32(in.Imm))
	l.b.Jump(jumpCall, 0, l.u.Body(int(in.Imm)))
	if ev != eventNone {
		l.killCount()
	}
	l.mark(in, compile.MarkReturn, int32(in.Imm))
}

// burnCall takes fuel for a call, in functions whose calls would otherwise go on
// for too long.
func (l *lower) burnCall(in *ir.Instr) {
	if l.f.Src.CallsBurn && !l.u.NoChecks {
		l.burn(in)
	}
}

// helper leaves through the gate with the helper's number; arguments are in
// a0 to a4, the result comes back in a0.
func (l *lower) helper(in *ir.Instr, kind compile.SiteKind, number int64) {
	l.li(RegGate, number)
	l.gate(in, kind, int32(in.Imm))
}

func (l *lower) gate(in *ir.Instr, kind compile.SiteKind, id int32) {
	l.mark(in, compile.MarkHelper, -1)
	if l.trap {
		l.i(rv.ECALL, rv.Zero, rv.Zero, 0)
	} else {
		l.i(rv.LD, regFar, RegState, StateHelper)
		l.i(rv.JALR, rv.RA, regFar, 0)
	}
	l.b.Site(compile.Site{Func: int32(l.f.Index), Insn: in.Pos, Kind: kind, ID: id})
	l.killCount()
	l.mv(homes[bpf.R0], rv.A0)
}

// arrayLookup computes the address of an array's element, or zero where the
// index is too large, without leaving the code.
func (l *lower) arrayLookup(in *ir.Instr, a compile.Array) {
	rd := homes[bpf.R0]
	s := stub{label: l.b.NewLabel(), back: l.b.NewLabel(), rd: rd, kind: stubZero}
	l.stubs = append(l.stubs, s)
	l.mark(in, compile.MarkHelper, -1)
	if a.Global {
		lo := a.KeyOff << 52 >> 52 // the low 12 bits, sign-extended
		l.li(rv.T0, a.KeyOff-lo)
		l.i(rv.LWU, rv.T0, rv.T0, int32(lo))
	} else {
		l.i(rv.LWU, rv.T0, RegStack, int32(a.KeyOff+l.frame.adjust))
	}
	l.li(rv.T1, int64(a.Count))
	l.br(rv.BGEU, rv.T0, rv.T1, s.label)
	l.times(rv.T0, a.Stride)
	l.li(rd, int64(a.Base))
	l.r(rv.ADD, rd, rd, rv.T0)
	if a.Span != 0 {
		l.ofCPU(rd, a.Span)
	}
	l.b.Bind(s.back)
	l.mark(in, compile.MarkInline, int32(in.Imm))
}

// element computes the address of an element of an array whose key is built in.
func (l *lower) element(in *ir.Instr) {
	rd := homes[in.Home]
	l.mark(in, compile.MarkHelper, -1)
	l.li(rd, in.Imm)
	if in.Op == ir.OpCPUElem {
		l.ofCPU(rd, int64(l.u.Module.Maps[in.N].CPUSpan))
	}
	l.mark(in, compile.MarkInline, helperMapLookup)
}

// helperMapLookup is the number of bpf_map_lookup_elem.
const helperMapLookup = 1

// ofCPU adds to the address of processor 0's element how far away that of the run's processor is. It uses t0 and t1.
func (l *lower) ofCPU(rd rv.Reg, span int64) {
	l.i(rv.LD, rv.T0, RegState, StateCPU)
	l.times(rv.T0, span)
	l.r(rv.ADD, rd, rd, rv.T0)
}

// times multiplies a register by a constant. It uses t1.
func (l *lower) times(r rv.Reg, by int64) {
	if n := bits.TrailingZeros64(uint64(by)); by == 1<<n {
		l.i(rv.SLLI, r, r, int32(n))
		return
	}
	l.li(rv.T1, by)
	l.r(rv.MUL, r, r, rv.T1)
}

// callX calls what a register names: the function whose handle it holds, or,
// through the gate, the helper whose number it holds.
func (l *lower) callX(in *ir.Instr) {
	if l.countEvent(in) == eventNeedKill {
		l.needCount()
	}
	l.burnCall(in)
	target := l.reg(in.A, rv.T3)
	other, done := l.b.NewLabel(), l.b.NewLabel()
	l.li(rv.T0, bpf.FuncHandleBase)
	l.r(rv.SUB, rv.T0, target, rv.T0) // 16 times the index
	l.li(rv.T1, int64(len(l.u.Module.Funcs))<<4)
	l.br(rv.BGEU, rv.T0, rv.T1, other)
	l.i(rv.ANDI, rv.T1, rv.T0, 15)
	l.br(rv.BNE, rv.T1, rv.Zero, other)
	l.i(rv.SRLI, rv.T0, rv.T0, 1) // a table entry is 8 bytes
	l.li(rv.T1, int64(l.u.FuncTable))
	l.r(rv.ADD, rv.T0, rv.T0, rv.T1)
	l.i(rv.LD, rv.T0, rv.T0, 0)
	l.br(rv.BEQ, rv.T0, rv.Zero, other)
	l.mark(in, compile.MarkCall, -1)
	l.i(rv.JALR, rv.RA, rv.T0, 0)
	valid := l.count.valid
	l.killCount()
	l.mark(in, compile.MarkReturn, -1)
	l.jump(done)
	l.b.Bind(other)
	l.count.valid = valid
	l.mv(RegGate, target)
	l.gate(in, compile.SiteCallX, 0)
	l.b.Bind(done)
}
