package riscv64

import (
	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/compile/riscv64/rv"
	"github.com/rivetbpf/rivet/internal/ir"
)

// The operands of fence, as in its immediate: predecessor<<4 | successor
// (RISC-V ISA manual, 2.7).
const (
	fenceRtoRW  = 0x23
	fenceRWtoW  = 0x31
	fenceRWtoRW = 0x33
)

// amos are the instructions of the atomic operations, for 4 and 8 bytes.
var amos = map[int32][2]rv.Op{
	bpf.AtomicAdd:                     {rv.AMOADDW, rv.AMOADDD},
	bpf.AtomicOr:                      {rv.AMOORW, rv.AMOORD},
	bpf.AtomicAnd:                     {rv.AMOANDW, rv.AMOANDD},
	bpf.AtomicXor:                     {rv.AMOXORW, rv.AMOXORD},
	bpf.AtomicXchg &^ bpf.AtomicFetch: {rv.AMOSWAPW, rv.AMOSWAPD},
}

// atomic lowers an update. An operation that gives the old value orders memory
// as Linux's do, fully; one that does not gives no such promise.
func (l *lower) atomic(in *ir.Instr) {
	addr := l.atomicAddress(in)
	src := l.reg(in.B, rv.T3)
	op := amos[in.N][in.Aux>>3]
	rd, ordered := rv.Zero, false
	if in.Home != ir.NoHome {
		rd, ordered = homes[in.Home], true
	}
	l.emit(rv.A(op, rd, src, addr, ordered, ordered))
}

// cmpXchg compares memory with r0, stores src when they are equal, and leaves
// the old value in r0.
func (l *lower) cmpXchg(in *ir.Instr) {
	addr := l.atomicAddress(in)
	src := l.reg(in.B, rv.T3)
	old := ir.Value(in.N)
	expect, rd := l.reg(old, rv.T4), homes[bpf.R0]
	w := in.Aux == 4
	if w {
		// lr.w and amocas.w sign-extend what they load.
		expect = l.sext32(expect, l.upper[old], rv.T4)
	}
	if l.ext.Has(rv.ExtZacas) {
		l.amocas(w, rd, expect, src, addr)
		return
	}
	lr, sc := rv.LRD, rv.SCD
	if w {
		lr, sc = rv.LRW, rv.SCW
	}
	// An lr/sc loop; the closing fence makes the failing way ordered as well
	// (RISC-V ISA manual, 13.3, and Linux's mapping of cmpxchg).
	again, done := l.b.NewLabel(), l.b.NewLabel()
	l.b.Bind(again)
	l.emit(rv.A(lr, rv.T5, rv.Zero, addr, false, false))
	l.br(rv.BNE, rv.T5, expect, done)
	l.emit(rv.A(sc, rv.T0, src, addr, true, true))
	l.br(rv.BNE, rv.T0, rv.Zero, again)
	l.b.Bind(done)
	l.i(rv.FENCE, rv.Zero, rv.Zero, fenceRWtoRW)
	l.mv(rd, rv.T5)
}

// amocas compares and swaps in one instruction: rd is the expected value and gets the old one.
func (l *lower) amocas(w bool, rd, expect, src, addr rv.Reg) {
	op := rv.AMOCASD
	if w {
		op = rv.AMOCASW
	}
	if src == rd || addr == rd {
		l.mv(rv.T5, expect)
		l.emit(rv.A(op, rv.T5, src, addr, true, true))
		l.mv(rd, rv.T5)
		return
	}
	l.mv(rd, expect)
	l.emit(rv.A(op, rd, src, addr, true, true))
}

func (l *lower) loadAcquire(in *ir.Instr) {
	addr := l.atomicAddress(in)
	l.i(loadOp(in), homes[in.Home], addr, 0)
	l.i(rv.FENCE, rv.Zero, rv.Zero, fenceRtoRW)
}

func (l *lower) storeRelease(in *ir.Instr) {
	addr := l.atomicAddress(in)
	src := l.reg(in.B, rv.T3)
	l.i(rv.FENCE, rv.Zero, rv.Zero, fenceRWtoW)
	l.st(storeOps[size(in)], src, addr, 0)
}
