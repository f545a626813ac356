package progen

import "github.com/rivetbpf/rivet/internal/bpf"

// maxInsns bounds a function, so that jump distances fit by far.
const maxInsns = 4000

// body makes the code of f, of about n statements.
func (g *gen) body(f *function, n int) {
	e := &emitter{gen: g, f: f, times: 1, ctx: bpf.R10}
	for i, a := range f.args {
		r := uint8(bpf.R1 + i)
		e.set(r)
		switch a {
		case argCtx:
			e.st.ptr[r] = pointer{region: memory, hi: MemSize}
			e.hasCtx = true
		case argMem:
			e.st.ptr[r] = pointer{region: memory, hi: argMemSize}
		}
	}
	if e.hasCtx {
		e.keepCtx()
	}
	e.block(n)
	e.exit()
	f.emitted = true
}

// keepCtx moves the buffer's address to where calls do not destroy it.
func (e *emitter) keepCtx() {
	var in uint8
	for i, a := range e.f.args {
		if a == argCtx {
			in = uint8(bpf.R1 + i)
		}
	}
	if e.f.stack >= 8 && e.chance(30) {
		e.ctxSlot = -8 * e.between(1, e.f.stack/8)
		e.emit(bpf.Insn{Op: bpf.ClassSTX | bpf.ModeMEM | bpf.SizeDW, Dst: bpf.R10, Src: in, Off: int16(e.ctxSlot)})
		e.st.stack.add(e.ctxSlot, 8)
		e.reserved.add(e.ctxSlot, 8)
		return
	}
	e.ctx = uint8(e.between(bpf.R6, bpf.R9))
	e.mov(e.ctx, in)
	e.pinned |= bit(e.ctx)
}

// getCtx puts the buffer's address into r.
func (e *emitter) getCtx(r uint8) {
	if e.ctx == bpf.R10 {
		e.emit(bpf.Insn{Op: bpf.ClassLDX | bpf.ModeMEM | bpf.SizeDW, Dst: r, Src: bpf.R10, Off: int16(e.ctxSlot)})
		e.set(r)
		e.setPtr(r, pointer{region: memory, hi: MemSize})
		return
	}
	e.mov(r, e.ctx)
}

// left returns how many more instructions the function may execute.
func (e *emitter) left() int {
	limit := e.cfg.Cost
	for range e.f.level {
		limit = limit * 2 / 3
	}
	return limit - e.f.cost
}

// block makes up to n statements, and ends where their jumps out of it go.
func (e *emitter) block(n int) {
	end := &label{}
	e.exits = append(e.exits, end)
	e.depth++
	for range n {
		if e.st.dead || e.left() < e.times*4 || len(e.f.insns) > maxInsns {
			break
		}
		e.stmt(n)
	}
	e.depth--
	e.exits = e.exits[:len(e.exits)-1]
	e.bind(end)
}

func (e *emitter) stmt(n int) {
	total := 0
	for _, w := range e.cfg.Weights {
		total += w
	}
	v := e.below(total)
	kind := Stmt(0)
	for ; v >= e.cfg.Weights[kind]; kind++ {
		v -= e.cfg.Weights[kind]
	}
	nested := e.depth < 5
	switch {
	case kind == StmtLoad:
		e.load()
	case kind == StmtStore:
		e.store()
	case kind == StmtAtomic:
		e.atomic()
	case kind == StmtPointer:
		e.makePointer()
	case kind == StmtIf && nested:
		e.branch(n)
	case kind == StmtLoop && nested:
		e.loop(n)
	case kind == StmtBreak:
		e.jump(e.cond(), pick(e.source, e.exits))
	case kind == StmtExit:
		e.condExit()
	case kind == StmtSkip:
		e.skip()
	case kind == StmtCall && e.noCall == 0:
		e.call()
	case kind == StmtCallX && e.noCall == 0:
		e.callX()
	case kind == StmtHelper && e.noCall == 0:
		e.helper()
	case kind == StmtMap && e.noCall == 0:
		e.mapAccess()
	case kind == StmtTailCall && e.noCall == 0 && e.f.tail:
		e.tailCall()
	case kind == StmtFault && e.faulty:
		e.fault()
	default:
		e.alu()
	}
}

func (e *emitter) branch(n int) {
	other, end := &label{}, &label{}
	e.jump(e.cond(), other)
	e.block(e.between(1, n/2+1))
	if e.chance(50) {
		e.bind(other)
		return
	}
	if !e.st.dead {
		e.leave(end)
	}
	e.st = state{dead: true}
	e.bind(other)
	e.block(e.between(1, n/2+1))
	e.bind(end)
}

// condExit exits when a condition holds.
func (e *emitter) condExit() {
	skip := &label{}
	e.jump(e.cond(), skip)
	e.exit()
	e.bind(skip)
}

// exit mixes all that is live into R0 and leaves.
func (e *emitter) exit() {
	if e.st.dead {
		return
	}
	times := e.times
	e.times = 1
	if e.st.init&1 == 0 {
		e.emit(bpf.Insn{Op: bpf.OpMovK, Dst: bpf.R0, Imm: e.imm()})
	}
	for r := uint8(1); r < bpf.R10; r++ {
		if e.st.init&bit(r) == 0 {
			continue
		}
		if r%2 == 0 || e.chance(30) {
			e.emit(bpf.Insn{Op: bpf.ClassALU64 | bpf.ALUMul, Dst: bpf.R0, Imm: int32(e.below(1<<20))*2 + 1})
		}
		op := pick(e.source, []uint8{bpf.ALUAdd, bpf.ALUXor, bpf.ALUSub})
		e.emit(bpf.Insn{Op: bpf.ClassALU64 | op | bpf.SrcX, Dst: bpf.R0, Src: r})
	}
	e.emit(bpf.Insn{Op: bpf.OpExit})
	e.times = times
	e.st = state{dead: true}
}

// skip jumps over code that nothing reaches, or to the next instruction.
func (e *emitter) skip() {
	if e.chance(30) {
		in := e.cond() // taken or not, the next instruction follows
		e.emit(in)
		return
	}
	n := e.below(4)
	if e.chance(50) {
		e.emit(bpf.Insn{Op: bpf.OpJA, Off: int16(n)})
	} else {
		e.emit(bpf.Insn{Op: bpf.OpGotol, Imm: int32(n)})
	}
	for range n {
		if e.chance(20) {
			e.emit(bpf.Insn{Op: bpf.OpExit})
		} else {
			e.emit(bpf.Insn{Op: bpf.ClassALU64 | bpf.ALUMul | bpf.SrcX, Dst: uint8(e.below(bpf.R10)), Src: uint8(e.below(bpf.NumRegs))})
		}
	}
}

// counter is what a loop counts in: a register or a slot of the stack.
type counter struct {
	reg  uint8
	slot int // when reg is R10
}

// loop makes a loop that is executed a bounded number of times.
func (e *emitter) loop(n int) {
	most := e.left() / (e.times * 12)
	if most < 2 {
		return
	}
	trips := e.between(1, min(most, 24))
	c, calls, ok := e.newCounter()
	if !ok {
		return
	}
	pinned, reserved := e.pinned, e.reserved
	if c.reg == bpf.R10 {
		e.reserved.add(c.slot, 8)
		e.st.stack.add(c.slot, 8)
	} else {
		e.pinned |= bit(c.reg)
		e.set(c.reg)
	}
	if !calls {
		e.noCall++
	}
	e.times *= trips
	e.loopCode(c, trips, n)
	e.times /= trips
	if !calls {
		e.noCall--
	}
	e.pinned, e.reserved = pinned, reserved
}

// newCounter chooses the counter; calls tells whether the loop may call.
func (e *emitter) newCounter() (c counter, calls, ok bool) {
	if off, ok := e.stackPlace(8, true, true); ok && e.chance(25) {
		return counter{bpf.R10, off}, true, true
	}
	set := generalRegs &^ e.pinned
	if saved := set &^ 0x3f; saved != 0 && e.chance(75) {
		return counter{reg: e.one(saved)}, true, true
	}
	if low := set & 0x3f; low != 0 && low&(low-1) != 0 {
		return counter{reg: e.one(low)}, false, true
	}
	return c, false, false
}

// loopCode counts down or up; the test stands at the top or at the bottom.
func (e *emitter) loopCode(c counter, trips, n int) {
	up := e.chance(40)
	start, end, step := trips, 0, int32(-1)
	if up {
		start, end, step = 0, trips, 1
	}
	e.storeCounter(c, start)
	mid := &label{}
	twoEntries := e.chance(10)
	if twoEntries { // a second way into the loop makes it irreducible
		e.jump(e.cond(), mid)
	}
	e.forgetPointers()
	head, atHead := len(e.f.insns), e.st
	out := &label{}
	if e.chance(30) && !twoEntries {
		e.testCounter(c, end, bpf.JmpJEQ, out)
		e.countBy(c, step)
		e.loopBody(n)
		if !e.st.dead {
			e.reconcile(atHead)
			at := e.emit(bpf.Insn{Op: pick(e.source, []uint8{bpf.OpJA, bpf.OpGotol})})
			e.patch(at, head)
			e.st.dead = true
		}
		e.st = state{dead: true}
		e.bind(out)
		return
	}
	e.loopBody(n)
	e.bind(mid)
	if e.st.dead {
		return
	}
	e.countBy(c, step)
	e.reconcile(atHead)
	op := uint8(bpf.JmpJNE)
	if up {
		op = pick(e.source, []uint8{bpf.JmpJNE, bpf.JmpJLT, bpf.JmpJSLT})
	} else {
		op = pick(e.source, []uint8{bpf.JmpJNE, bpf.JmpJGT, bpf.JmpJSGT})
	}
	back := &label{}
	e.testCounter(c, end, op, back)
	for _, at := range back.from {
		e.patch(at, head)
	}
}

// loopBody makes the statements; breaks out of it go on with the count.
func (e *emitter) loopBody(n int) {
	e.block(e.between(1, n/2+1))
}

// forgetPointers drops what the loop's body could change before the head is
// reached again, and some registers, so that the head has fewer of them live.
func (e *emitter) forgetPointers() {
	for r := uint8(0); r < bpf.R10; r++ {
		if e.pinned&bit(r) == 0 {
			e.st.ptr[r] = pointer{}
			if e.chance(20) {
				e.st.init &^= bit(r)
			}
		}
	}
}

// reconcile writes the registers that the loop's head expects to be written,
// and those that it does not expect to be derived from R10.
func (e *emitter) reconcile(head state) {
	for r := uint8(0); r < bpf.R10; r++ {
		if head.init&bit(r) != 0 && e.st.init&bit(r) == 0 || e.st.taint&^head.taint&bit(r) != 0 {
			e.movImm(r, e.imm())
		}
	}
}

func (e *emitter) storeCounter(c counter, v int) {
	times := e.times
	e.times = 1
	if c.reg == bpf.R10 {
		e.emit(bpf.Insn{Op: bpf.ClassST | bpf.ModeMEM | bpf.SizeDW, Dst: bpf.R10, Off: int16(c.slot), Imm: int32(v)})
	} else {
		e.emit(bpf.Insn{Op: bpf.OpMovK, Dst: c.reg, Imm: int32(v)})
	}
	e.times = times
}

func (e *emitter) countBy(c counter, step int32) {
	if c.reg != bpf.R10 {
		e.emit(bpf.Insn{Op: pick(e.source, []uint8{bpf.ClassALU, bpf.ClassALU64}) | bpf.ALUAdd, Dst: c.reg, Imm: step})
		return
	}
	r := e.writable()
	e.emit(bpf.Insn{Op: bpf.ClassLDX | bpf.ModeMEM | bpf.SizeDW, Dst: r, Src: bpf.R10, Off: int16(c.slot)})
	e.set(r)
	e.emit(bpf.Insn{Op: bpf.ClassALU64 | bpf.ALUAdd, Dst: r, Imm: step})
	e.emit(bpf.Insn{Op: bpf.ClassSTX | bpf.ModeMEM | bpf.SizeDW, Dst: bpf.R10, Src: r, Off: int16(c.slot)})
}

// testCounter jumps to l if the counter op end.
func (e *emitter) testCounter(c counter, end int, op uint8, l *label) {
	r := c.reg
	if r == bpf.R10 {
		r = e.writable()
		e.emit(bpf.Insn{Op: bpf.ClassLDX | bpf.ModeMEM | bpf.SizeDW, Dst: r, Src: bpf.R10, Off: int16(c.slot)})
		e.set(r)
	}
	class := pick(e.source, []uint8{bpf.ClassJMP, bpf.ClassJMP32})
	e.jump(bpf.Insn{Op: class | op, Dst: r, Imm: int32(end)}, l)
}
