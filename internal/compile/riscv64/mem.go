package riscv64

import (
	"github.com/rivetbpf/rivet/internal/compile/riscv64/rv"
	"github.com/rivetbpf/rivet/internal/engine"
	"github.com/rivetbpf/rivet/internal/ir"
	"github.com/rivetbpf/rivet/internal/prove"
)

// checkMemo remembers, along one straight way through the code, between which
// offsets from a value accesses were checked. Valid start addresses are one
// interval, so what lies between two of them is valid too.
type checkMemo struct {
	entries [8]checked
	next    int
}

type checked struct {
	v      ir.Value
	lo, hi int64
}

func (m *checkMemo) reset() { *m = checkMemo{} }

// covers reports whether v+off is known to be valid; if not, it notes that it
// is from now on.
func (m *checkMemo) covers(v ir.Value, off int64) bool {
	for i := range m.entries {
		e := &m.entries[i]
		if e.v != v {
			continue
		}
		if off >= e.lo && off <= e.hi {
			return true
		}
		e.lo, e.hi = min(e.lo, off), max(e.hi, off)
		return false
	}
	m.entries[m.next] = checked{v, off, off}
	m.next = (m.next + 1) % len(m.entries)
	return false
}

// size returns the number of bytes that a memory operation moves.
func size(in *ir.Instr) int { return int(in.Aux &^ ir.SignBit) }

// folds reports whether the address of in is reached from r10, without the
// register that holds it.
func (l *lower) folds(in *ir.Instr) bool {
	if in.Op < ir.OpLoad || in.Op > ir.OpCmpXchg {
		return false
	}
	if l.u.Facts.Of(in.A).Base != prove.Frame {
		return false
	}
	switch in.Op {
	case ir.OpLoad, ir.OpStore, ir.OpStoreImm:
		return l.proven(in)
	}
	return l.provenAligned(in) // else its alignment is checked, in a register
}

func (l *lower) proven(in *ir.Instr) bool {
	return l.u.Facts.Proven(l.f, l.block, in, size(in))
}

// address returns a register and an offset that reach the memory at in, and
// checks them unless they are proven. It uses t0 and t1.
func (l *lower) address(in *ir.Instr) (base rv.Reg, off int32) {
	if l.folds(in) {
		return RegStack, int32(l.u.Facts.Of(in.A).Off() + in.Imm + l.frame.adjust)
	}
	base, o := l.reg(in.A, rv.T1), in.Imm
	if !fits12(o) {
		l.farAddress(base, o)
		base, o = rv.T1, 0
	}
	if !l.u.NoChecks && !l.proven(in) && !l.checks.covers(in.A, in.Imm) {
		l.check(in, base, int32(o))
	}
	return base, int32(o)
}

// farAddress computes into t1 an address whose offset fits no load.
func (l *lower) farAddress(base rv.Reg, off int64) {
	if base == rv.T1 {
		l.li(rv.T0, off)
		l.r(rv.ADD, rv.T1, rv.T1, rv.T0)
		return
	}
	l.li(rv.T1, off)
	l.r(rv.ADD, rv.T1, rv.T1, base)
}

// check compares base+off with the arena; one unsigned comparison covers both ends.
func (l *lower) check(in *ir.Instr, base rv.Reg, off int32) {
	l.arenaOffset(base, off)
	l.br(rv.BGEU, rv.T0, RegArenaSize, l.faultStub(in, engine.FaultAccess, size(in)))
}

// arenaOffset leaves base+off-arena in RegFaultOff.
func (l *lower) arenaOffset(base rv.Reg, off int32) {
	if off != 0 {
		l.i(rv.ADDI, RegFaultOff, base, off)
		base = RegFaultOff
	}
	l.r(rv.SUB, RegFaultOff, base, RegArenaBase)
}

var loadOps = [9]rv.Op{1: rv.LBU, 2: rv.LHU, 4: rv.LWU, 8: rv.LD}
var signedLoadOps = [9]rv.Op{1: rv.LB, 2: rv.LH, 4: rv.LW, 8: rv.LD}
var storeOps = [9]rv.Op{1: rv.SB, 2: rv.SH, 4: rv.SW, 8: rv.SD}

// loadOp chooses the load; where nobody reads the upper half lw is as good as
// lwu, has a 16-bit form and leaves the sign-extension that comparisons want.
func loadOp(in *ir.Instr) rv.Op {
	n := size(in)
	if in.Aux&ir.SignBit != 0 || n == 4 && in.Type == ir.I32 {
		return signedLoadOps[n]
	}
	return loadOps[n]
}

func (l *lower) load(in *ir.Instr) {
	base, off := l.address(in)
	l.i(loadOp(in), homes[in.Home], base, off)
}

func (l *lower) store(in *ir.Instr) {
	base, off := l.address(in)
	src := rv.Zero
	if in.Op == ir.OpStore {
		src = l.reg(in.B, rv.T3)
	} else if in.N != 0 {
		src = rv.T3
		l.li(src, int64(in.N))
	}
	l.st(storeOps[size(in)], src, base, off)
}

// atomicAddress returns a register that holds the whole address of in, checked
// for range and alignment. It uses t0, t1 and t3.
func (l *lower) atomicAddress(in *ir.Instr) rv.Reg {
	if l.provenAligned(in) {
		base, off := l.address(in)
		if off == 0 {
			return base
		}
		l.i(rv.ADDI, rv.T1, base, off)
		return rv.T1
	}
	base := l.reg(in.A, rv.T1)
	if in.Imm != 0 {
		if fits12(in.Imm) {
			l.i(rv.ADDI, rv.T1, base, int32(in.Imm))
		} else {
			l.farAddress(base, in.Imm)
		}
		base = rv.T1
	}
	if l.u.NoChecks {
		return base
	}
	n := size(in)
	l.arenaOffset(base, 0)
	l.br(rv.BGEU, rv.T0, RegArenaSize, l.faultStub(in, engine.FaultAccess, n))
	if n > 1 {
		l.i(rv.ANDI, rv.T3, base, int32(n-1))
		l.br(rv.BNE, rv.T3, rv.Zero, l.faultStub(in, engine.FaultMisalign, n))
	}
	return base
}

// provenAligned reports whether the address of in is proven in range and
// aligned: r10 and the addresses of map values are multiples of 8.
func (l *lower) provenAligned(in *ir.Instr) bool {
	return l.proven(in) && (l.u.Facts.Of(in.A).Off()+in.Imm)&int64(size(in)-1) == 0
}
