package flow

import "github.com/rivetbpf/rivet/internal/bpf"

// Set is a set of register halves: bit r is the low 32 bits of register r, bit
// r+16 the high 32 bits. A 32-bit operation reads low halves only, so a high
// half that is not live needs no zero-extension.
type Set uint32

// HighShift is the distance of a register's high half from its low half.
const HighShift = 16

// Lo returns the low half of register r.
func Lo(r uint8) Set { return 1 << r }

// Both returns both halves of register r.
func Both(r uint8) Set { return 1<<r | 1<<(r+HighShift) }

// Args returns both halves of the first n argument registers.
func Args(n int) Set {
	m := Set(1)<<(n+1) - 2
	return m | m<<HighShift
}

const callClobbers = Set(0x3f | 0x3f<<HighShift) // R0–R5

// Calls tells how many arguments calls take.
type Calls interface {
	// NumArgs returns how many of R1–R5 the call at in reads.
	NumArgs(in *bpf.Insn) int
}

// Effects returns what an instruction reads and what it writes.
func Effects(in *bpf.Insn, calls Calls) (use, def Set) {
	switch in.Class() {
	case bpf.ClassALU64:
		return aluEffects(in, Both(in.Dst), Both(in.Src))
	case bpf.ClassALU:
		return aluEffects(in, Lo(in.Dst), Lo(in.Src))
	case bpf.ClassLDX:
		return Both(in.Src), Both(in.Dst)
	case bpf.ClassST:
		return Both(in.Dst), 0
	case bpf.ClassSTX:
		return storeEffects(in)
	case bpf.ClassLD:
		return 0, Both(in.Dst)
	}
	return jumpEffects(in, calls)
}

func aluEffects(in *bpf.Insn, dst, src Set) (use, def Set) {
	def = Both(in.Dst)
	switch in.ALUOp() {
	case bpf.ALUMov:
		if in.Op&bpf.SrcX == 0 {
			return 0, def
		}
		if in.Off != 0 {
			src = Lo(in.Src) // sign extension reads at most 32 bits
		}
		return src, def
	case bpf.ALUNeg:
		return dst, def
	case bpf.ALUEnd:
		if in.Imm == 64 {
			return Both(in.Dst), def
		}
		return Lo(in.Dst), def
	}
	if in.Op&bpf.SrcX == 0 {
		return dst, def
	}
	switch in.ALUOp() {
	case bpf.ALULsh, bpf.ALURsh, bpf.ALUArsh:
		src = Lo(in.Src) // the count
	}
	return dst | src, def
}

func storeEffects(in *bpf.Insn) (use, def Set) {
	val := Lo(in.Src)
	if in.Size() == 8 {
		val = Both(in.Src)
	}
	use = Both(in.Dst) | val
	if in.Mode() != bpf.ModeAtomic {
		return use, 0
	}
	switch {
	case in.Imm == bpf.AtomicLoadAcq:
		return Both(in.Src), Both(in.Dst)
	case in.Imm == bpf.AtomicStoreRel:
		return use, 0
	case in.Imm == bpf.AtomicCmpXchg:
		if in.Size() == 8 {
			return use | Both(bpf.R0), Both(bpf.R0)
		}
		return use | Lo(bpf.R0), Both(bpf.R0)
	case in.Imm&bpf.AtomicFetch != 0:
		return use, Both(in.Src)
	}
	return use, 0
}

func jumpEffects(in *bpf.Insn, calls Calls) (use, def Set) {
	switch in.JmpOp() {
	case bpf.JmpJA, bpf.JmpCond:
		return 0, 0
	case bpf.JmpExit:
		return Both(bpf.R0), 0
	case bpf.JmpCall:
		if in.IsTailCall() {
			return Both(bpf.R1) | Both(bpf.R2) | Lo(bpf.R3), 0
		}
		use = Args(calls.NumArgs(in))
		if in.Op == bpf.OpCallX {
			use |= Both(in.Dst)
		}
		return use, callClobbers
	}
	dst, src := Both(in.Dst), Both(in.Src)
	if in.Class() == bpf.ClassJMP32 {
		dst, src = Lo(in.Dst), Lo(in.Src)
	}
	if in.Op&bpf.SrcX == 0 {
		src = 0
	}
	return dst | src, 0
}

// Liveness is what is live where.
type Liveness struct {
	In, Out []Set  // per block
	High    []bool // per slot: the high half of what the instruction writes is read
	gen     []Set
	kill    []Set
	queued  []bool
	work    []int32
}

// Analyze computes the liveness of a function whose graph is g.
func (l *Liveness) Analyze(insns []bpf.Insn, g *Graph, calls Calls) {
	n := len(g.Blocks)
	l.In, l.Out = grow(l.In, n), grow(l.Out, n)
	l.gen, l.kill = grow(l.gen, n), grow(l.kill, n)
	l.High = grow(l.High, len(insns))
	for i := range g.Blocks {
		b := &g.Blocks[i]
		var gen, kill Set
		for pc := b.End - 1; pc >= b.Start; pc-- {
			use, def := effectsAt(insns, pc, calls)
			gen = gen&^def | use
			kill |= def
		}
		l.gen[i], l.kill[i] = gen, kill
		l.In[i], l.Out[i] = gen, 0
	}
	l.solve(g)
	for i := range g.Blocks {
		b := &g.Blocks[i]
		live := l.Out[i]
		for pc := b.End - 1; pc >= b.Start; pc-- {
			use, def := effectsAt(insns, pc, calls)
			l.High[pc] = live&def>>HighShift != 0
			live = live&^def | use
		}
	}
}

// effectsAt is Effects, but nothing for the second half of a 64-bit immediate.
func effectsAt(insns []bpf.Insn, pc int32, calls Calls) (use, def Set) {
	if insns[pc].Op == 0 {
		return 0, 0
	}
	return Effects(&insns[pc], calls)
}

// solve finds the fixed point: one pass in postorder, which is all that a
// function without loops takes, then only blocks with a successor that has
// changed. A set grows once a bit at most, so the work is linear however the
// blocks lie; passes over all blocks would be as many as back edges follow each
// other on a path, which a program can make its number of blocks.
func (l *Liveness) solve(g *Graph) {
	l.queued = grow(l.queued, len(g.Blocks))
	for i := range l.queued {
		l.queued[i] = true
	}
	l.work = l.work[:0]
	for k := len(g.RPO) - 1; k >= 0; k-- {
		l.update(g, g.RPO[k])
	}
	for len(l.work) > 0 {
		i := l.work[len(l.work)-1]
		l.work = l.work[:len(l.work)-1]
		l.update(g, i)
	}
}

// update computes what is live in block i, and queues its predecessors when that has changed.
func (l *Liveness) update(g *Graph, i int32) {
	l.queued[i] = false
	b := &g.Blocks[i]
	var out Set
	for _, s := range b.Succs[:b.NumSuccs] {
		out |= l.In[s]
	}
	l.Out[i] = out
	in := l.gen[i] | out&^l.kill[i]
	if in == l.In[i] {
		return
	}
	l.In[i] = in
	for _, p := range b.Preds {
		if !l.queued[p] {
			l.queued[p] = true
			l.work = append(l.work, p)
		}
	}
}
