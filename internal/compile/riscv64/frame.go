package riscv64

import (
	"math/bits"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/compile"
	"github.com/rivetbpf/rivet/internal/compile/riscv64/rv"
	"github.com/rivetbpf/rivet/internal/engine"
	"github.com/rivetbpf/rivet/internal/ir"
)

// frame is what a function keeps on the two stacks.
//
//	control stack          data stack
//	sp+size ┌─────────┐    r10 ┌──────────────┐ s5 + adjust
//	        │ ra      │        │ FrameSize    │
//	        │ s1 … s4 │        │ bytes        │
//	        │ loops   │        └──────────────┘ s5
//	        │ count   │
//	sp      └─────────┘
//
// Only what is needed is there. A function that calls none of its kind leaves
// s5 where it is (adjust 0) and uses the bytes below it.
type frame struct {
	size   int32  // of the control frame, a multiple of 16
	ra     bool   // saved
	saved  uint32 // BPF registers saved
	slot   int32  // offset of the tail-call count, or -1
	loops  int32  // offset of the loops that may_goto counts, or -1
	adjust int64  // r10 - s5
	exits  int
}

func (l *lower) planFrame() {
	written, calls, gates := l.written()
	l.u.Leaves = gates
	fr := frame{slot: -1, loops: -1, ra: calls || gates}
	if !l.f.Src.Entry || l.u.SaveInEntry {
		fr.saved = written & calleeSaved
	}
	if calls {
		fr.adjust = int64(l.f.Src.FrameSize)
	}
	words := int32(bits.OnesCount32(fr.saved))
	if fr.ra {
		words++
	}
	if l.count.plan(l) {
		words++
		fr.slot = 0 // at the bottom
	}
	for i := range l.f.Blocks {
		b := l.f.Blocks[i].Instrs
		if len(b) == 0 {
			continue
		}
		switch op := l.f.Instrs[b[len(b)-1]].Op; {
		case op == ir.OpExit:
			fr.exits++
		case op == ir.OpMayGoto && fr.loops < 0:
			words++
			fr.loops = fr.slot + 8
			if fr.slot < 0 {
				fr.loops = 0
			}
		}
	}
	fr.size = (words*8 + 15) &^ 15
	l.frame = fr
	l.shared = -1
	if fr.exits > 1 && l.epilogueLen() > 2 {
		l.shared = l.b.NewLabel()
	}
}

// setsCount reports whether the function's first instruction sets the count:
// only in entries from which a tail call can be reached.
func (l *lower) setsCount() bool {
	return l.u.Scheme == engine.Propagated && l.f.Src.Entry && l.f.Src.ReachTailCall
}

func (l *lower) prologue() {
	l.b.Bind(l.u.Entry)
	l.line(compile.LinePrologue)
	if l.setsCount() {
		l.i(rv.ADDI, RegCountA6, rv.Zero, bpf.MaxTailCalls)
	}
	l.b.Bind(l.u.Body(l.f.Index))
	fr := &l.frame
	if fr.size > 0 {
		l.i(rv.ADDI, rv.SP, rv.SP, -fr.size)
		l.eachSaved(rv.SD)
		if fr.slot >= 0 {
			l.st(rv.SD, RegCountA6, rv.SP, fr.slot)
		}
		if fr.loops >= 0 {
			l.li(rv.T0, bpf.MaxLoops)
			l.st(rv.SD, rv.T0, rv.SP, fr.loops)
		}
	}
	if fr.adjust != 0 {
		l.addImm(RegStack, RegStack, -fr.adjust)
	}
}

// eachSaved stores or loads the saved registers, from the top of the frame down.
func (l *lower) eachSaved(op rv.Op) {
	off := l.frame.size
	move := func(r rv.Reg) {
		off -= 8
		if op == rv.SD {
			l.st(rv.SD, r, rv.SP, off)
		} else {
			l.i(rv.LD, r, rv.SP, off)
		}
	}
	if l.frame.ra {
		move(rv.RA)
	}
	for r := bpf.R6; r <= bpf.R9; r++ {
		if l.frame.saved>>r&1 != 0 {
			move(homes[r])
		}
	}
}

// epilogueLen is how many instructions unwind emits.
func (l *lower) epilogueLen() int {
	n := bits.OnesCount32(l.frame.saved)
	if l.frame.ra {
		n++
	}
	if l.frame.size > 0 {
		n++
	}
	if l.frame.adjust != 0 {
		n++
	}
	return n
}

// unwind takes the function's own frame down, no other.
func (l *lower) unwind() {
	if l.frame.adjust != 0 {
		l.addImm(RegStack, RegStack, l.frame.adjust)
	}
	if l.frame.size > 0 {
		l.eachSaved(rv.LD)
		l.i(rv.ADDI, rv.SP, rv.SP, l.frame.size)
	}
}

// exit returns. The last of several exits holds the epilogue of all.
func (l *lower) exit(in *ir.Instr) {
	l.mark(in, compile.MarkExit, -1)
	l.frame.exits--
	if l.shared >= 0 {
		if l.frame.exits > 0 {
			l.jump(l.shared)
			return
		}
		l.b.Bind(l.shared)
	}
	l.unwind()
	l.i(rv.JALR, rv.Zero, rv.RA, 0)
}
