package riscv64

import (
	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/compile"
	"github.com/rivetbpf/rivet/internal/compile/riscv64/rv"
	"github.com/rivetbpf/rivet/internal/engine"
	"github.com/rivetbpf/rivet/internal/ir"
)

// tailCall replaces the function's own frame by that of the program in a slot
// of a program array. It falls through, with nothing spent, if the index is out
// of range, the slot is empty or the count is used up.
//
// The slot holds the address behind the target's first instruction where that
// sets the count, so the target counts on with what is in the register.
func (l *lower) tailCall(in *ir.Instr) {
	l.markTailCall(in)
	if l.neverTaken(in) {
		// One instruction, so that a trace can tell going through the call
		// from jumping to what follows it.
		l.i(rv.ADDI, rv.Zero, rv.Zero, 0)
		return
	}
	miss := l.b.NewLabel()
	count := rv.Reg(RegCount)
	if l.u.Scheme == engine.Propagated {
		count = RegCountA6
		l.needCount()
	}
	args := l.f.Extra[in.N : in.N+3]
	l.slot(in, args, miss)
	l.br(rv.BEQ, count, rv.Zero, miss)
	l.br(rv.BEQ, rv.T0, rv.Zero, miss)
	if l.u.Scheme == engine.Propagated && !l.u.NoChecks {
		l.burn(in) // by value, 33 calls can become 2^33
	}
	l.i(rv.ADDI, count, count, -1)
	l.unwind()
	l.i(rv.JALR, rv.Zero, rv.T0, 0)
	l.b.Bind(miss)
}

func (l *lower) markTailCall(in *ir.Instr) {
	m := l.newMark(in, compile.MarkTailCall)
	m.Map, m.Index = int32(in.Imm), -1
	if idx, ok := l.constant(l.f.Extra[in.N+2]); ok {
		m.Index = int64(uint32(idx))
	}
	l.b.Mark(m)
}

// neverTaken reports whether the index is a constant beyond the map's end.
func (l *lower) neverTaken(in *ir.Instr) bool {
	if in.Imm < 0 {
		return false
	}
	idx, ok := l.constant(l.f.Extra[in.N+2])
	return ok && uint32(idx) >= l.u.Module.Maps[in.Imm].MaxEntries
}

// slot loads what the slot holds into t0. The index is 32 bits, unsigned.
func (l *lower) slot(in *ir.Instr, args []ir.Value, miss compile.Label) {
	if in.Imm < 0 {
		l.slotOfRegister(in, args, miss)
		return
	}
	m := int(in.Imm)
	table := int64(l.u.Slots(m))
	if idx, ok := l.constant(args[2]); ok {
		l.loadAt(rv.T0, table+8*int64(uint32(idx)))
		return
	}
	idx := l.index(args[2])
	l.li(rv.T1, int64(l.u.Module.Maps[m].MaxEntries))
	l.br(rv.BGEU, idx, rv.T1, miss)
	l.li(rv.T1, table)
	l.scaled(rv.T0, idx, rv.T1)
	l.i(rv.LD, rv.T0, rv.T0, 0)
}

// index returns a register with the zero-extended index.
func (l *lower) index(v ir.Value) rv.Reg {
	r, u := l.reg(v, rv.T0), l.upper[v]
	if u.zext() {
		return r
	}
	l.lowBits(rv.T0, r, 32)
	return rv.T0
}

// scaled adds 8 times idx to base.
func (l *lower) scaled(rd, idx, base rv.Reg) {
	if l.ext.Has(rv.ExtZba) {
		l.r(rv.SH3ADD, rd, idx, base)
		return
	}
	l.i(rv.SLLI, rd, idx, 3)
	l.r(rv.ADD, rd, rd, base)
}

// loadAt loads 8 bytes from a constant address.
func (l *lower) loadAt(rd rv.Reg, addr int64) {
	lo := addr << 52 >> 52 // the low 12 bits, sign-extended
	l.li(rd, addr-lo)
	l.i(rv.LD, rd, rd, int32(lo))
}

// slotOfRegister finds the slots of a map that only its handle names, in the
// table of descriptors: handles are 16 apart, as descriptors are.
func (l *lower) slotOfRegister(in *ir.Instr, args []ir.Value, miss compile.Label) {
	handle := l.reg(args[1], rv.T3)
	fault := l.faultStub(in, engine.FaultBadCall, 0)
	l.stubs[len(l.stubs)-1].addr = handle
	l.li(rv.T1, bpf.MapHandleBase)
	l.r(rv.SUB, rv.T1, handle, rv.T1)
	l.li(rv.T4, int64(len(l.u.Module.Maps))<<4)
	l.br(rv.BGEU, rv.T1, rv.T4, fault)
	l.i(rv.ANDI, rv.T4, rv.T1, 15)
	l.br(rv.BNE, rv.T4, rv.Zero, fault)
	l.li(rv.T4, int64(l.u.Descs))
	l.r(rv.ADD, rv.T4, rv.T4, rv.T1)
	l.i(rv.LD, rv.T1, rv.T4, 0) // the slots; 0 where the map is no program array
	l.br(rv.BEQ, rv.T1, rv.Zero, fault)
	l.i(rv.LD, rv.T4, rv.T4, 8) // how many
	idx := l.index(args[2])
	l.br(rv.BGEU, idx, rv.T4, miss)
	l.scaled(rv.T0, idx, rv.T1)
	l.i(rv.LD, rv.T0, rv.T0, 0)
}
