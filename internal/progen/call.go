package progen

import (
	"slices"

	"github.com/rivetbpf/rivet/internal/bpf"
)

// called notes what every call does to the registers.
func (e *emitter) called() {
	for r := uint8(bpf.R1); r <= bpf.R5; r++ {
		e.st.init &^= bit(r)
		e.st.ptr[r] = pointer{}
	}
	e.set(bpf.R0)
}

// setArgs fills R1 and up. It fails before it emits anything that matters.
func (e *emitter) setArgs(args []arg) bool {
	for i, a := range args {
		r := uint8(bpf.R1 + i)
		switch {
		case a == argCtx && !e.hasCtx:
			return false
		case a == argCtx:
			e.getCtx(r)
		case a == argMem:
			e.memArg(r)
		case e.chance(30):
			e.movImm(r, e.imm())
		case e.chance(20):
			v := e.value()
			e.lddw(r, bpf.LoadImm64, int32(v), int32(v>>32))
		default:
			src := e.readable()
			if src == bpf.R10 || e.pinned&bit(r) != 0 {
				e.movImm(r, e.imm())
				continue
			}
			e.mov(r, src)
		}
	}
	return true
}

// memArg puts a pointer to argMemSize bytes, aligned to 8, into r.
func (e *emitter) memArg(r uint8) {
	for b := uint8(0); b < bpf.R10; b++ {
		if p := e.st.ptr[b]; e.st.init&bit(b) != 0 && p.region == memory && p.lo <= 0 && p.hi >= argMemSize && p.align == 0 && e.chance(50) {
			e.mov(r, b)
			return
		}
	}
	if off, ok := e.window(argMemSize); ok && e.chance(60) {
		e.mov(r, bpf.R10)
		e.addImm(r, int32(off))
		e.setPtr(r, pointer{region: memory, hi: argMemSize})
		return
	}
	m := pick(e.source, e.data)
	size := int(e.p.Maps[m].ValueSize)
	off := 8 * e.between(0, (size-argMemSize)/8)
	e.lddw(r, bpf.LoadMapValue, int32(m), int32(off))
	e.setPtr(r, pointer{region: memory, lo: -off, hi: size - off})
}

// callee chooses a function that may be called here; nil when there is none.
func (e *emitter) callee(fits func(*function) bool) *function {
	var list []*function
	for _, f := range e.subs {
		if f.emitted && f.level > e.f.level && e.times*f.cost <= e.left() && (e.hasCtx || !f.has(argCtx)) && fits(f) {
			list = append(list, f)
		}
	}
	if len(list) == 0 {
		return nil
	}
	return pick(e.source, list)
}

func (e *emitter) call() {
	f := e.callee(func(*function) bool { return true })
	if f == nil || !e.setArgs(f.args) {
		return
	}
	at := e.emit(bpf.Insn{Op: bpf.OpCall, Src: bpf.CallSubprog})
	e.f.refs = append(e.f.refs, ref{at, f})
	e.f.cost += e.times * f.cost
	e.called()
}

// callX calls through a handle; sometimes through one of two. It may also call
// a helper by its number.
func (e *emitter) callX() {
	set := uint16(generalRegs) &^ e.pinned &^ 0x3e // not an argument
	if set == 0 || !e.mayCallX() {
		return
	}
	r := e.one(set)
	f := e.callee(func(f *function) bool { return f.taken })
	if f == nil || e.chance(10) {
		e.callXHelper(r)
		return
	}
	other := e.callee(func(o *function) bool { return o.taken && sameArgs(o, f) && o != f })
	if other != nil && e.chance(50) {
		skip := &label{}
		e.handle(r, other)
		e.jump(e.cond(), skip)
		e.handle(r, f)
		e.bind(skip)
	} else {
		other = f
		e.handle(r, f)
	}
	pinned := e.pinned
	e.pinned |= bit(r)
	ok := e.setArgs(e.indirectArgs(f.args))
	e.pinned = pinned
	if !ok {
		return
	}
	e.emit(bpf.Insn{Op: bpf.OpCallX, Dst: r})
	e.f.cost += e.times * max(f.cost, other.cost)
	e.called()
}

// indirectArgs adds scalars, so that all arguments are there that any function
// reads which the call may reach.
func (e *emitter) indirectArgs(args []arg) []arg {
	args = slices.Clone(args)
	for _, f := range e.subs {
		for f.taken && len(args) < len(f.args) {
			args = append(args, argScalar)
		}
	}
	return args
}

// mayCallX reports whether an indirect call cannot be recursive here.
func (e *emitter) mayCallX() bool { return e.f.level < e.last || e.last == 0 }

func sameArgs(a, b *function) bool {
	if len(a.args) != len(b.args) {
		return false
	}
	for i := range a.args {
		if a.args[i] != b.args[i] {
			return false
		}
	}
	return true
}

func (e *emitter) handle(r uint8, f *function) {
	at := e.lddw(r, bpf.LoadFunc, 0, 0)
	e.f.refs = append(e.f.refs, ref{at, f})
}

// callXHelper calls a helper through a register that holds its number.
func (e *emitter) callXHelper(r uint8) {
	n := e.below(6)
	e.emit(bpf.Insn{Op: bpf.OpMovK, Dst: r, Imm: HelperScalar + int32(n)})
	e.set(r)
	pinned := e.pinned
	e.pinned |= bit(r)
	e.setArgs(e.indirectArgs(make([]arg, n)))
	e.pinned = pinned
	e.emit(bpf.Insn{Op: bpf.OpCallX, Dst: r})
	e.called()
}

func (e *emitter) helper() {
	switch n := e.below(10); {
	case n < 5:
		n := e.below(6)
		e.setArgs(make([]arg, n))
		e.emit(bpf.Insn{Op: bpf.OpCall, Imm: HelperScalar + int32(n)})
	case n < 7:
		k := e.below(len(kfuncArgs))
		e.setArgs(make([]arg, kfuncArgs[k]))
		e.emit(bpf.Insn{Op: bpf.OpCall, Src: bpf.CallKfunc, Imm: int32(k)})
	default:
		e.setArgs([]arg{argMem})
		e.emit(bpf.Insn{Op: bpf.OpMovK, Dst: bpf.R2, Imm: int32(e.between(1, argMemSize))})
		e.emit(bpf.Insn{Op: bpf.OpCall, Imm: pick(e.source, []int32{HelperFill, HelperSum})})
	}
	e.called()
}

// mapAccess looks a value up and uses it, or updates one.
func (e *emitter) mapAccess() {
	m := pick(e.source, e.arrays)
	def := &e.p.Maps[m]
	key, ok := e.window(8)
	if !ok {
		return
	}
	index := int32(e.below(int(def.MaxEntries)))
	if e.chance(15) {
		index = e.imm()
	}
	if e.chance(30) {
		e.update(m, key, index)
		return
	}
	e.storeKey(key, index)
	e.lookup(m, key)
	if e.chance(20) { // with the key that is there
		e.block(1)
		if e.st.dead {
			return
		}
		e.lookup(m, key)
	}
	end := &label{}
	r := uint8(bpf.R0)
	if set := generalRegs &^ e.pinned &^ 0x3f; set != 0 && e.chance(50) {
		r = e.one(set)
		e.mov(r, bpf.R0)
	}
	if !e.faulty || !e.chance(10) {
		e.jump(bpf.Insn{Op: bpf.ClassJMP | bpf.JmpJEQ, Dst: r}, end)
	}
	e.setPtr(r, pointer{region: memory, hi: int(def.ValueSize)})
	e.block(e.between(1, 4))
	if e.st.dead {
		e.st = state{dead: true}
	}
	e.bind(end)
}

// storeKey stores the key of a lookup: a constant mostly.
func (e *emitter) storeKey(key int, index int32) {
	switch set := e.st.init &^ bit(bpf.R10); {
	case e.chance(20) && set != 0:
		e.emit(bpf.Insn{Op: bpf.ClassSTX | bpf.ModeMEM | bpf.SizeW, Dst: bpf.R10, Off: int16(key), Src: e.one(set)})
		if e.chance(50) {
			e.emit(bpf.Insn{Op: bpf.ClassST | bpf.ModeMEM | bpf.SizeH, Dst: bpf.R10, Off: int16(key + 2)})
			e.emit(bpf.Insn{Op: bpf.ClassST | bpf.ModeMEM | bpf.SizeB, Dst: bpf.R10, Off: int16(key + 1)})
		}
	case e.chance(20):
		e.emit(bpf.Insn{Op: bpf.ClassST | bpf.ModeMEM | bpf.SizeDW, Dst: bpf.R10, Off: int16(key), Imm: index})
	case e.chance(20):
		e.movImm(bpf.R2, index)
		e.emit(bpf.Insn{Op: bpf.ClassSTX | bpf.ModeMEM | bpf.SizeW, Dst: bpf.R10, Off: int16(key), Src: bpf.R2})
	default:
		e.emit(bpf.Insn{Op: bpf.ClassST | bpf.ModeMEM | bpf.SizeW, Dst: bpf.R10, Off: int16(key), Imm: index})
	}
}

// lookup calls map_lookup_elem with the key at an offset from r10.
func (e *emitter) lookup(m, key int) {
	e.mov(bpf.R2, bpf.R10)
	e.addImm(bpf.R2, int32(key))
	e.lddw(bpf.R1, bpf.LoadMap, int32(m), 0)
	e.emit(bpf.Insn{Op: bpf.OpCall, Imm: 1})
	e.called()
}

func (e *emitter) update(m, key int, index int32) {
	size := int(e.p.Maps[m].ValueSize)
	value, ok := e.window(size)
	if !ok || value+size > key && value < key+8 {
		return
	}
	e.emit(bpf.Insn{Op: bpf.ClassST | bpf.ModeMEM | bpf.SizeW, Dst: bpf.R10, Off: int16(key), Imm: index})
	e.mov(bpf.R2, bpf.R10)
	e.addImm(bpf.R2, int32(key))
	e.mov(bpf.R3, bpf.R10)
	e.addImm(bpf.R3, int32(value))
	e.movImm(bpf.R4, int32(e.below(4)))
	e.lddw(bpf.R1, bpf.LoadMap, int32(m), 0)
	e.emit(bpf.Insn{Op: bpf.OpCall, Imm: 2})
	e.called()
}

// tailCall jumps to another program, or goes on when it cannot.
func (e *emitter) tailCall() {
	t := pick(e.source, e.tables)
	entries := int(e.p.Maps[t].MaxEntries)
	kept := uint8(0)
	if set := generalRegs &^ e.pinned &^ 0x3f; set != 0 && e.chance(20) {
		// The map is known at run time only.
		kept = e.one(set)
		skip := &label{}
		e.lddw(kept, bpf.LoadMap, int32(pick(e.source, e.tables)), 0)
		e.jump(e.cond(), skip)
		e.lddw(kept, bpf.LoadMap, int32(t), 0)
		e.bind(skip)
	}
	e.tailIndex(entries)
	if kept != 0 {
		e.mov(bpf.R2, kept)
	} else {
		e.lddw(bpf.R2, bpf.LoadMap, int32(t), 0)
	}
	e.getCtx(bpf.R1)
	e.emit(bpf.Insn{Op: bpf.OpCall, Imm: bpf.HelperTailCall})
	e.called()
	e.st.init &^= 1 // R0 has no value of its own after a call that did not happen
}

// tailIndex puts an index into R3: constant or not, mostly in range, sometimes
// with bits above the low 32 that must not count.
func (e *emitter) tailIndex(entries int) {
	switch src := e.readable(); {
	case e.chance(50) || src == bpf.R10:
		e.movImm(bpf.R3, int32(e.between(0, entries)))
	case e.chance(40):
		e.mov(bpf.R3, src)
		e.emit(bpf.Insn{Op: bpf.ClassALU | bpf.ALUAnd, Dst: bpf.R3, Imm: 3})
	case e.chance(50):
		v := uint64(e.between(0, entries)) | e.u64()<<32
		e.lddw(bpf.R3, bpf.LoadImm64, int32(v), int32(v>>32))
	default:
		e.mov(bpf.R3, src)
	}
	e.set(bpf.R3)
}

// fault does something that ends the run, perhaps only under a condition.
func (e *emitter) fault() {
	skip := &label{}
	if e.chance(60) {
		e.jump(e.cond(), skip)
	}
	e.faultNow()
	if e.st.dead {
		e.st = state{dead: true}
	}
	e.bind(skip)
}

func (e *emitter) faultNow() {
	if e.pinned&0x3f == 0 && e.noCall == 0 && e.chance(30) {
		switch e.below(4) {
		case 0:
			e.setArgs([]arg{argScalar})
			e.emit(bpf.Insn{Op: bpf.OpCall, Imm: pick(e.source, []int32{HelperFail, HelperUnwind})})
		case 1:
			if !e.mayCallX() {
				return
			}
			v := e.value()
			e.lddw(bpf.R0, bpf.LoadImm64, int32(v|1<<16), int32(v>>32))
			e.setArgs(make([]arg, 5))
			e.emit(bpf.Insn{Op: bpf.OpCallX, Dst: bpf.R0})
		case 2:
			e.setArgs(make([]arg, 3))
			if e.chance(50) {
				e.lddw(bpf.R2, bpf.LoadMap, int32(pick(e.source, e.data)), 0)
			}
			if !e.f.tail {
				return
			}
			e.emit(bpf.Insn{Op: bpf.OpCall, Imm: bpf.HelperTailCall})
			e.called()
			e.st.init &^= 1
			return
		default:
			e.setArgs(make([]arg, 2))
			e.lddw(bpf.R1, bpf.LoadMap, int32(pick(e.source, e.arrays)), 0)
			e.emit(bpf.Insn{Op: bpf.OpCall, Imm: 1})
		}
		e.called()
		return
	}
	if e.pinned == generalRegs {
		return
	}
	e.badAccess()
}

// badAccess accesses memory at an address that is outside, at its edge, or misaligned.
func (e *emitter) badAccess() {
	size := pick(e.source, []int{1, 2, 4, 8})
	if e.chance(30) && size > 1 {
		if p, ok := e.place(size, false, true); ok && e.notReserved(p, 2*size) {
			p.off += e.between(1, size-1)
			e.atomicAnySize(size, p)
			return
		}
	}
	r := e.writable()
	const base, end = 0x1000_0000, 0x1000_0000 + ArenaSize
	v := e.value()
	switch e.below(6) {
	case 0, 1:
		v = end + uint64(e.between(-9, 9))
	case 2:
		v = base + uint64(e.between(-9, 9))
	case 3:
		v = pick(e.source, []uint64{0, base | 1<<32, bpf.MapHandleBase, bpf.FuncHandleBase, 0x7000_0000, 0x40_0000, base | 1<<63})
	}
	off := 0
	if e.chance(50) {
		off = int(int16(e.u64()))
	}
	v -= uint64(off)
	e.lddw(r, bpf.LoadImm64, int32(v), int32(v>>32))
	p := place{r, off}
	switch n := e.below(4); {
	case n == 0:
		e.emit(bpf.Insn{Op: bpf.ClassLDX | bpf.ModeMEM | sizeBits[size], Dst: r, Src: r, Off: int16(off)})
		e.set(r)
	case n == 1:
		e.emit(bpf.Insn{Op: bpf.ClassST | bpf.ModeMEM | sizeBits[size], Dst: r, Off: int16(off), Imm: e.imm()})
	case n == 2:
		e.emit(bpf.Insn{Op: bpf.ClassSTX | bpf.ModeMEM | sizeBits[size], Dst: r, Src: e.readable(), Off: int16(off)})
	default:
		e.atomicAnySize(size, p)
	}
}

// atomicAnySize makes an atomic operation of those that exist for the size.
func (e *emitter) atomicAnySize(size int, p place) {
	op := pick(e.source, []int32{bpf.AtomicLoadAcq, bpf.AtomicStoreRel})
	if size >= 4 && e.chance(70) {
		op = pick(e.source, atomicOps)
	}
	if op == bpf.AtomicCmpXchg && (e.pinned&1 != 0 || e.st.init&1 == 0) {
		op = bpf.AtomicAdd
	}
	e.atomicAt(op, size, p)
}
