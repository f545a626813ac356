package progen

import "github.com/rivetbpf/rivet/internal/bpf"

var sizeBits = map[int]uint8{1: bpf.SizeB, 2: bpf.SizeH, 4: bpf.SizeW, 8: bpf.SizeDW}

// place is where an access goes.
type place struct {
	reg uint8
	off int
}

// stackPlace finds size bytes of the own stack that may be written, or read.
func (e *emitter) stackPlace(size int, write, aligned bool) (off int, ok bool) {
	for range 6 {
		if e.f.stack < size {
			return 0, false
		}
		off = -e.between(size, e.f.stack)
		if aligned {
			off &^= size - 1
			if off < -e.f.stack {
				continue
			}
		}
		if write && e.reserved.count(off, size) == 0 {
			return off, true
		}
		if !write && e.st.stack.count(off, size) == size {
			return off, true
		}
	}
	return 0, false
}

// window finds, or makes, size bytes of the own stack that can be read and
// written, aligned to 8.
func (e *emitter) window(size int) (off int, ok bool) {
	size = (size + 7) &^ 7
	if e.f.stack < size {
		return 0, false
	}
	for range 4 {
		off = -8 * e.between(size/8, e.f.stack/8)
		if e.reserved.count(off, size) > 0 {
			continue
		}
		for i := 0; i < size; i += 8 {
			if e.st.stack.count(off+i, 8) < 8 {
				e.storeStack(off + i)
			}
		}
		return off, true
	}
	return 0, false
}

// storeStack writes 8 bytes of the stack.
func (e *emitter) storeStack(off int) {
	if e.st.init != 0 && e.chance(60) {
		e.emit(bpf.Insn{Op: bpf.ClassSTX | bpf.ModeMEM | bpf.SizeDW, Dst: bpf.R10, Src: e.one(e.st.init), Off: int16(off)})
	} else {
		e.emit(bpf.Insn{Op: bpf.ClassST | bpf.ModeMEM | bpf.SizeDW, Dst: bpf.R10, Off: int16(off), Imm: e.imm()})
	}
	e.st.stack.add(off, 8)
}

// place finds where size bytes can be accessed.
func (e *emitter) place(size int, write, aligned bool) (place, bool) {
	if e.chance(45) {
		if off, ok := e.stackPlace(size, write, aligned); ok {
			return place{bpf.R10, off}, true
		}
	}
	first := e.below(bpf.R10)
	for i := range bpf.R10 {
		r := uint8((first + i) % bpf.R10)
		if p, ok := e.behind(r, size, write, aligned); ok {
			return p, true
		}
	}
	r, ok := e.makePointer()
	if !ok {
		return place{}, false
	}
	return e.behind(r, size, write, aligned)
}

// behind finds size bytes behind the pointer in r.
func (e *emitter) behind(r uint8, size int, write, aligned bool) (place, bool) {
	if e.st.init&bit(r) == 0 {
		return place{}, false
	}
	p := e.st.ptr[r]
	if p.region == ownStack {
		off, ok := e.stackPlace(size, write, aligned)
		return place{r, off - p.lo}, ok
	}
	if p.region == noRegion || p.hi-p.lo < size || aligned && p.align < 0 {
		return place{}, false
	}
	off := e.between(p.lo, p.hi-size)
	if aligned {
		off -= (p.align + off) & (size - 1)
		if off < p.lo {
			off += size
		}
		if off+size > p.hi {
			return place{}, false
		}
	}
	return place{r, off}, true
}

// wrote notes a store of size bytes.
func (e *emitter) wrote(p place, size int) {
	switch {
	case p.reg == bpf.R10:
		e.st.stack.add(p.off, size)
	case e.st.ptr[p.reg].region == ownStack:
		e.st.stack.add(p.off+e.st.ptr[p.reg].lo, size)
	}
}

// makePointer puts a pointer into a register: to global data, to the buffer or to the stack.
func (e *emitter) makePointer() (r uint8, ok bool) {
	if e.pinned == generalRegs {
		return 0, false
	}
	r = e.writable()
	switch n := e.below(10); {
	case n < 4:
		m := pick(e.source, e.data)
		size := int(e.p.Maps[m].ValueSize)
		off := e.below(size)
		e.lddw(r, bpf.LoadMapValue, int32(m), int32(off))
		e.setPtr(r, pointer{region: memory, lo: -off, hi: size - off, align: off & 7})
	case n < 7 && e.hasCtx:
		e.getCtx(r)
	case n < 9 && e.f.stack > 0:
		e.mov(r, bpf.R10)
		if e.chance(70) {
			e.addImm(r, int32(-e.between(1, e.f.stack)))
		}
	default:
		return e.variable(r)
	}
	return r, true
}

// variable puts a pointer with an offset that is not constant into r.
func (e *emitter) variable(r uint8) (uint8, bool) {
	base, p, ok := e.windowPointer(r)
	if !ok {
		return 0, false
	}
	idx := e.readable()
	if idx == base || idx == bpf.R10 || base == r {
		return r, base == r
	}
	// r = the index, cut to what fits; r += base
	mask := 1
	for mask*2 <= p.hi-p.lo-8 && !e.chance(15) {
		mask *= 2
	}
	mask--
	align := -1
	if p.align >= 0 && e.chance(50) {
		mask &^= 7
		align = p.align
	}
	class := pick(e.source, []uint8{bpf.ClassALU, bpf.ClassALU64})
	e.emit(bpf.Insn{Op: class | bpf.ALUMov | bpf.SrcX, Dst: r, Src: idx})
	e.emit(bpf.Insn{Op: pick(e.source, []uint8{bpf.ClassALU, bpf.ClassALU64}) | bpf.ALUAnd, Dst: r, Imm: int32(mask)})
	e.emit(bpf.Insn{Op: bpf.ClassALU64 | bpf.ALUAdd | bpf.SrcX, Dst: r, Src: base})
	e.result(r, e.tainted(base))
	e.setPtr(r, pointer{region: memory, lo: p.lo, hi: p.hi - mask, align: align})
	return r, true
}

// windowPointer returns a register with a pointer to at least 16 bytes of
// memory, or makes one, in another register than r if possible.
func (e *emitter) windowPointer(r uint8) (base uint8, p pointer, ok bool) {
	for b := uint8(0); b < bpf.R10; b++ {
		if p := e.st.ptr[b]; b != r && e.st.init&bit(b) != 0 && p.region == memory && p.hi-p.lo >= 16 {
			return b, p, true
		}
	}
	set := generalRegs &^ e.pinned &^ bit(r)
	if set == 0 {
		return 0, p, false
	}
	base = e.one(set)
	size := 8 * e.between(2, 5)
	if off, ok := e.window(size); ok && e.chance(50) {
		e.mov(base, bpf.R10)
		e.addImm(base, int32(off))
		e.setPtr(base, pointer{region: memory, hi: size})
	} else {
		m := pick(e.source, e.data)
		e.lddw(base, bpf.LoadMapValue, int32(m), 0)
		e.setPtr(base, pointer{region: memory, hi: int(e.p.Maps[m].ValueSize)})
	}
	return base, e.st.ptr[base], e.st.ptr[base].hi >= 16
}

func (e *emitter) load() {
	size := pick(e.source, []int{1, 2, 4, 8})
	p, ok := e.place(size, false, false)
	if !ok || e.pinned == generalRegs {
		return
	}
	mode := uint8(bpf.ModeMEM)
	if size < 8 && e.chance(40) {
		mode = bpf.ModeMEMSX
	}
	in := bpf.Insn{Op: bpf.ClassLDX | mode | sizeBits[size], Dst: e.writable(), Src: p.reg, Off: int16(p.off)}
	e.emit(in)
	e.set(in.Dst)
}

func (e *emitter) store() {
	size := pick(e.source, []int{1, 2, 4, 8})
	p, ok := e.place(size, true, false)
	if !ok {
		return
	}
	in := bpf.Insn{Op: bpf.ClassST | bpf.ModeMEM | sizeBits[size], Dst: p.reg, Off: int16(p.off), Imm: e.imm()}
	if e.chance(60) {
		src := p.reg // the address itself
		if e.st.init != 0 && !e.chance(2) {
			src = e.one(e.st.init)
		}
		in = bpf.Insn{Op: bpf.ClassSTX | bpf.ModeMEM | sizeBits[size], Dst: p.reg, Src: src, Off: int16(p.off)}
	}
	e.emit(in)
	e.wrote(p, size)
}

var atomicOps = []int32{
	bpf.AtomicAdd, bpf.AtomicOr, bpf.AtomicAnd, bpf.AtomicXor,
	bpf.AtomicAdd | bpf.AtomicFetch, bpf.AtomicOr | bpf.AtomicFetch, bpf.AtomicAnd | bpf.AtomicFetch, bpf.AtomicXor | bpf.AtomicFetch,
	bpf.AtomicXchg, bpf.AtomicCmpXchg, bpf.AtomicLoadAcq, bpf.AtomicStoreRel,
}

func (e *emitter) atomic() {
	op := pick(e.source, atomicOps)
	size := pick(e.source, []int{4, 8})
	if op == bpf.AtomicLoadAcq || op == bpf.AtomicStoreRel {
		size = pick(e.source, []int{1, 2, 4, 8})
	}
	if op == bpf.AtomicCmpXchg && (e.pinned&1 != 0 || e.st.init&1 == 0) || e.pinned == generalRegs {
		return
	}
	p, ok := e.place(size, false, true)
	if !ok || !e.notReserved(p, size) {
		return
	}
	e.atomicAt(op, size, p)
}

// notReserved reports whether the bytes may be written.
func (e *emitter) notReserved(p place, size int) bool {
	off := p.off
	if p.reg != bpf.R10 {
		if e.st.ptr[p.reg].region != ownStack {
			return true
		}
		off += e.st.ptr[p.reg].lo
	}
	return e.reserved.count(off, size) == 0
}

func (e *emitter) atomicAt(op int32, size int, p place) {
	in := bpf.Insn{Op: bpf.ClassSTX | bpf.ModeAtomic | sizeBits[size], Dst: p.reg, Off: int16(p.off), Imm: op}
	switch {
	case op == bpf.AtomicLoadAcq:
		in.Src, in.Dst = p.reg, e.writable()
		e.emit(in)
		e.set(in.Dst)
		return
	case op == bpf.AtomicStoreRel || op == bpf.AtomicCmpXchg || op&bpf.AtomicFetch == 0:
		in.Src = e.readable()
	default:
		in.Src = e.modifiable()
	}
	e.emit(in)
	switch {
	case op == bpf.AtomicCmpXchg:
		e.set(bpf.R0)
	case op&bpf.AtomicFetch != 0:
		e.set(in.Src)
	}
}
