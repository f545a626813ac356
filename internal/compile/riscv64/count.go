package riscv64

import (
	"github.com/rivetbpf/rivet/internal/compile"
	"github.com/rivetbpf/rivet/internal/compile/riscv64/rv"
	"github.com/rivetbpf/rivet/internal/engine"
	"github.com/rivetbpf/rivet/internal/ir"
)

// countFlow follows the tail-call count of the propagated scheme through a
// function. On entry it is in a6. A helper, or a call of a function that may
// change a6, destroys it there; a call that passes it on, or a tail call,
// needs it there again and loads it from the frame. A function in which no
// such load is needed does not store the count either.
type countFlow struct {
	on    bool // propagated, and a tail call can be reached
	valid bool // a6 holds the count at this point of lowering
	ins   []bool
	outs  []bool
	lost  []int32 // blocks whose successors do not know yet
}

// event is what an instruction does with a6.
type event uint8

const (
	eventNone     event = iota
	eventKill           // destroys it
	eventNeed           // needs it, and leaves it
	eventNeedKill       // needs it, then destroys it
)

func (l *lower) countEvent(in *ir.Instr) event {
	switch in.Op {
	case ir.OpHelper, ir.OpKfunc:
		if _, ok := l.u.ArrayLookup(in); !ok {
			return eventKill
		}
	case ir.OpCallX:
		if l.u.IndirectTailCall {
			return eventNeedKill // which function it calls is not known
		}
		return eventKill
	case ir.OpCall:
		callee := l.u.Module.Funcs[in.Imm]
		switch {
		case callee.ReachTailCall:
			return eventNeedKill
		case l.u.Clobbers[in.Imm]:
			return eventKill
		}
	case ir.OpTailCall:
		if l.neverTaken(in) {
			return eventNone
		}
		return eventNeed
	}
	return eventNone
}

// plan finds where a6 holds the count, and reports whether any load is needed.
// All blocks start out as having it; that one has lost it is passed on to its
// successors, so that each block is looked at three times at most.
func (c *countFlow) plan(l *lower) (slot bool) {
	c.on = l.u.Scheme == engine.Propagated && l.f.Src.ReachTailCall
	if !c.on {
		return false
	}
	n := len(l.f.Blocks)
	c.ins, c.outs = resize(c.ins, n), resize(c.outs, n)
	c.lost = c.lost[:0]
	for i := range n {
		c.ins[i] = true
		if c.outs[i], _ = c.through(l, i, true); !c.outs[i] {
			c.lost = append(c.lost, int32(i))
		}
	}
	for len(c.lost) > 0 {
		b := &l.f.Blocks[c.lost[len(c.lost)-1]]
		c.lost = c.lost[:len(c.lost)-1]
		for _, s := range b.Succs[:b.NumSuccs] {
			c.lose(l, s)
		}
	}
	for i := range n {
		_, load := c.through(l, i, c.ins[i])
		slot = slot || load
	}
	return slot
}

// lose notes that a way into block i has lost the count.
func (c *countFlow) lose(l *lower, i int32) {
	if !c.ins[i] {
		return
	}
	c.ins[i] = false
	if out, _ := c.through(l, int(i), false); out != c.outs[i] {
		c.outs[i] = out
		c.lost = append(c.lost, i)
	}
}

// through follows the count through block i.
func (c *countFlow) through(l *lower, i int, valid bool) (out, load bool) {
	for _, v := range l.f.Blocks[i].Instrs {
		switch l.countEvent(&l.f.Instrs[v]) {
		case eventKill:
			valid = false
		case eventNeed:
			load = load || !valid
			valid = true
		case eventNeedKill:
			load = load || !valid
			valid = false
		}
	}
	return valid, load
}

func (c *countFlow) in(block int) bool { return c.on && c.ins[block] }

// needCount loads the count where a6 may have lost it.
func (l *lower) needCount() {
	if l.count.on && !l.count.valid {
		l.i(rv.LD, RegCountA6, rv.SP, l.frame.slot)
		l.count.valid = true
	}
}

// killCount notes that a6 was destroyed.
func (l *lower) killCount() { l.count.valid = false }

// home says where the count is at this point.
func (l *lower) home() (h compile.Home, slot int32) {
	switch {
	case l.u.Scheme == engine.Shared:
		if l.u.AnyTailCall {
			return compile.HomeS10, 0
		}
	case !l.count.on:
	case l.count.valid:
		return compile.HomeA6, 0
	case l.frame.slot >= 0:
		return compile.HomeFrame, l.frame.slot
	}
	return compile.HomeNone, 0
}

// mark records a step of the flow for traces.
func (l *lower) mark(in *ir.Instr, kind compile.MarkKind, target int32) {
	m := l.newMark(in, kind)
	m.Target = target
	l.b.Mark(m)
}

func (l *lower) newMark(in *ir.Instr, kind compile.MarkKind) compile.Mark {
	h, slot := l.home()
	return compile.Mark{Func: int32(l.f.Index), Insn: in.Pos, Kind: kind, Home: h, Slot: slot, Target: -1, Map: -1}
}
