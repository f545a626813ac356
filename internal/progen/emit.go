package progen

import (
	"math/bits"

	"github.com/rivetbpf/rivet/internal/bpf"
)

// region is what a pointer points into.
type region uint8

const (
	noRegion region = iota
	ownStack        // lo is the offset from R10; which bytes may be read, state.stack says
	memory          // the bytes from lo up to hi behind the pointer may be read and written
)

// pointer is what is known about a register that holds one.
type pointer struct {
	region region
	lo, hi int
	align  int // the address modulo 8, or -1
}

// stackSet is a set of bytes of the stack; bit i is the byte at R10-512+i.
type stackSet [bpf.MaxStack / 64]uint64

func (s *stackSet) add(off, n int) {
	for i := bpf.MaxStack + off; n > 0; i, n = i+1, n-1 {
		s[i/64] |= 1 << (i % 64)
	}
}

// count returns how many of the n bytes at R10+off are in the set.
func (s *stackSet) count(off, n int) int {
	c := 0
	for i := bpf.MaxStack + off; n > 0 && i < bpf.MaxStack; i, n = i+1, n-1 {
		c += int(s[i/64] >> (i % 64) & 1)
	}
	return c
}

// state is what is known at a place in the code.
type state struct {
	dead  bool   // the place cannot be reached
	init  uint16 // registers that were written
	taint uint16 // registers that may be derived from R10, on some path
	ptr   [bpf.R10]pointer
	stack stackSet // bytes that were written
}

// merge makes a what holds at a place that is reached with a and with b.
func merge(a, b state) state {
	if a.dead {
		return b
	}
	if b.dead {
		return a
	}
	a.init &= b.init
	a.taint |= b.taint
	for r := range a.ptr {
		if a.ptr[r] != b.ptr[r] {
			a.ptr[r] = pointer{}
		}
	}
	for i := range a.stack {
		a.stack[i] &= b.stack[i]
	}
	return a
}

// label is a place ahead that jumps go to.
type label struct {
	from []int
	st   state
}

// emitter writes one function.
type emitter struct {
	*gen
	f        *function
	st       state
	pinned   uint16   // registers that may not be written now
	reserved stackSet // stack bytes that may not be written
	exits    []*label // ends of the blocks and loops around
	noCall   int      // > 0: a register that calls destroy is pinned
	times    int      // how often the current place is executed at most
	depth    int      // of nesting
	ctx      uint8    // register that holds the buffer's address throughout; R10: it is spilled at ctxSlot
	ctxSlot  int
	hasCtx   bool
	hasCallX bool
}

func bit(r uint8) uint16 { return 1 << r }

func (e *emitter) emit(in bpf.Insn) int {
	e.f.insns = append(e.f.insns, in)
	e.f.cost += e.times
	return len(e.f.insns) - 1
}

// set says that r was written, with something that is no pointer.
func (e *emitter) set(r uint8) {
	e.st.init |= bit(r)
	e.st.taint &^= bit(r)
	e.st.ptr[r] = pointer{}
}

func (e *emitter) setPtr(r uint8, p pointer) {
	e.st.init |= bit(r)
	e.st.ptr[r] = p
}

// one returns a register out of a set that is not empty.
func (e *emitter) one(set uint16) uint8 {
	for n := e.below(bits.OnesCount16(set)); n > 0; n-- {
		set &= set - 1
	}
	return uint8(bits.TrailingZeros16(set))
}

const generalRegs = 1<<bpf.R10 - 1

// writable returns a register that may be written; one that holds no pointer, if possible.
func (e *emitter) writable() uint8 {
	set := generalRegs &^ e.pinned
	plain := set
	for r := uint8(0); r < bpf.R10; r++ {
		if e.st.init&bit(r) != 0 && e.st.ptr[r].region != noRegion {
			plain &^= bit(r)
		}
	}
	if plain != 0 && !e.chance(10) {
		return e.one(plain)
	}
	return e.one(set)
}

// readable returns a register that was written; it writes one if there is none.
func (e *emitter) readable() uint8 {
	if e.chance(2) {
		return bpf.R10
	}
	if e.st.init == 0 {
		r := e.writable()
		e.movImm(r, e.imm())
		return r
	}
	return e.one(e.st.init)
}

// modifiable returns a register that was written and may be written again.
func (e *emitter) modifiable() uint8 {
	if set := e.st.init &^ e.pinned; set != 0 {
		plain := set
		for r := uint8(0); r < bpf.R10; r++ {
			if e.st.ptr[r].region != noRegion {
				plain &^= bit(r)
			}
		}
		if plain != 0 && !e.chance(8) {
			return e.one(plain)
		}
		return e.one(set)
	}
	r := e.writable()
	e.movImm(r, e.imm())
	return r
}

func (e *emitter) movImm(r uint8, imm int32) {
	op := uint8(bpf.OpMovK)
	if e.chance(30) {
		op = bpf.ClassALU | bpf.ALUMov
	}
	e.emit(bpf.Insn{Op: op, Dst: r, Imm: imm})
	e.set(r)
}

func (e *emitter) lddw(r uint8, src uint8, lo, hi int32) int {
	at := e.emit(bpf.Insn{Op: bpf.OpLDDW, Dst: r, Src: src, Imm: lo})
	e.emit(bpf.Insn{Imm: hi})
	e.set(r)
	return at
}

// mov copies a register, with what is known of it.
func (e *emitter) mov(dst, src uint8) {
	e.emit(bpf.Insn{Op: bpf.OpMovX, Dst: dst, Src: src})
	if src == bpf.R10 {
		e.setPtr(dst, pointer{region: ownStack})
		e.st.taint |= bit(dst)
		return
	}
	p, taint := e.st.ptr[src], e.tainted(src)
	e.set(dst)
	e.st.ptr[dst] = p
	if taint {
		e.st.taint |= bit(dst)
	}
}

// tainted reports whether r may be derived from R10: constants must not be
// added to it but with care, since how far below R10 a function reaches is
// what its frame is measured by.
func (e *emitter) tainted(r uint8) bool { return r == bpf.R10 || e.st.taint&bit(r) != 0 }

func (e *emitter) addImm(r uint8, n int32) {
	if n < 0 && e.chance(30) {
		e.emit(bpf.Insn{Op: bpf.ClassALU64 | bpf.ALUSub, Dst: r, Imm: -n})
	} else {
		e.emit(bpf.Insn{Op: bpf.ClassALU64 | bpf.ALUAdd, Dst: r, Imm: n})
	}
	e.moved(r, int(n))
}

// moved keeps track of a pointer to which n was added.
func (e *emitter) moved(r uint8, n int) {
	p := &e.st.ptr[r]
	switch {
	case p.region == noRegion:
		return
	case n < -512 || n > 512:
		*p = pointer{}
		return
	case p.region == ownStack:
		p.lo += n
	default:
		p.lo, p.hi = p.lo-n, p.hi-n
	}
	if p.align >= 0 {
		p.align = (p.align + n) & 7
	}
}

// jump emits a jump to l, whose distance bind fills in.
func (e *emitter) jump(in bpf.Insn, l *label) {
	l.from = append(l.from, e.emit(in))
	if len(l.from) == 1 {
		l.st = e.st
	} else {
		l.st = merge(l.st, e.st)
	}
}

// leave emits an unconditional jump to l.
func (e *emitter) leave(l *label) {
	op := uint8(bpf.OpJA)
	if e.chance(40) {
		op = bpf.OpGotol
	}
	e.jump(bpf.Insn{Op: op}, l)
	e.st.dead = true
}

// bind makes l the current place.
func (e *emitter) bind(l *label) {
	for _, at := range l.from {
		e.patch(at, len(e.f.insns))
	}
	if len(l.from) > 0 {
		e.st = merge(e.st, l.st)
	}
}

func (e *emitter) patch(at, target int) {
	in := &e.f.insns[at]
	if in.Op == bpf.OpGotol {
		in.Imm = int32(target - at - 1)
	} else {
		in.Off = int16(target - at - 1)
	}
}

var condOps = []uint8{bpf.JmpJEQ, bpf.JmpJGT, bpf.JmpJGE, bpf.JmpJSET, bpf.JmpJNE, bpf.JmpJSGT, bpf.JmpJSGE,
	bpf.JmpJLT, bpf.JmpJLE, bpf.JmpJSLT, bpf.JmpJSLE}

// cond returns a conditional jump on registers that can be read.
func (e *emitter) cond() bpf.Insn {
	in := bpf.Insn{Op: pick(e.source, condOps) | pick(e.source, []uint8{bpf.ClassJMP, bpf.ClassJMP32}), Dst: e.readable()}
	if e.chance(50) {
		in.Op |= bpf.SrcX
		in.Src = e.readable()
	} else {
		in.Imm = e.imm()
	}
	return in
}
