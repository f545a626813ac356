package hart

import (
	"sync/atomic"
	"unsafe"
)

// funct5 of the AMOs (RISC-V ISA manual, volume I, chapters "A" and "Zacas").
const (
	amoAdd  = 0x00
	amoSwap = 0x01
	amoCas  = 0x05
	amoXor  = 0x04
	amoOr   = 0x08
	amoAnd  = 0x0c
	amoMin  = 0x10
	amoMax  = 0x14
	amoMinu = 0x18
	amoMaxu = 0x1c
)

// reservation is what LR registers. The store of another hart is not seen;
// instead SC swaps only if memory still holds what LR read. So an SC can
// succeed where the value went away and came back in between, which a guest
// that sticks to the constrained loops of the manual cannot tell from no store
// at all: what it computed from the value is right either way.
type reservation struct {
	addr, size, value uint64 // size 0: none
}

// word finds the naturally aligned word of an atomic operation.
func (h *Hart) word(a, size uint64, perm Perm) unsafe.Pointer {
	fault, misaligned := StoreFault, StoreMisaligned
	if perm == PermR {
		fault, misaligned = LoadFault, LoadMisaligned
	}
	_, p := h.find(a, size, perm)
	switch {
	case p == nil:
		h.trap = Trap{Kind: fault, Addr: a, Size: int(size)}
		return nil
	case a&(size-1) != 0:
		h.trap = Trap{Kind: misaligned, Addr: a, Size: int(size)}
		return nil
	case uintptr(p)&uintptr(size-1) != 0:
		// The host's address is misaligned: a region that has no atomicity.
		h.trap = Trap{Kind: fault, Addr: a, Size: int(size)}
		return nil
	}
	return p
}

// atomic performs o, an LR, SC or AMO. Every one of them is sequentially
// consistent, whatever its aq and rl bits ask for.
func (h *Hart) atomic(o *op) (ok bool) {
	a, src := h.X[o.rs1&31], h.X[o.rs2&31]
	size := uint64(4)
	if o.code == opLrD || o.code == opScD || o.code == opAmoD {
		size = 8
	}
	perm := PermRW
	switch o.code {
	case opLrW, opLrD:
		perm = PermR
	case opScW, opScD:
		perm = PermW
	}
	p := h.word(a, size, perm)
	if p == nil {
		return false
	}
	var result uint64
	switch o.code {
	case opLrW, opLrD:
		result = loadWord(p, size)
		h.reserved = reservation{addr: a, size: size, value: result}
	case opScW, opScD:
		r := h.reserved
		h.reserved = reservation{} // SC gives the reservation up, success or not
		result = 1
		if r.size == size && r.addr == a && swapWord(p, size, r.value, src) {
			result = 0
		}
	default:
		var want uint64 // amocas compares with rd, which is x0 when the op writes the sink
		if o.rd != sink {
			want = h.X[o.rd&31]
		}
		result = amo(p, size, uint8(o.imm), src, want)
	}
	h.file()[o.rd] = result
	return true
}

// amo replaces the word at p by what funct5 makes of it and src, and returns
// the old one, sign-extended.
func amo(p unsafe.Pointer, size uint64, funct5 uint8, src, want uint64) uint64 {
	if size == 4 {
		src, want = uint64(int32(src)), uint64(int32(want))
	}
	for {
		old := loadWord(p, size)
		if funct5 == amoCas && old != want {
			return old
		}
		if swapWord(p, size, old, combine(funct5, old, src)) {
			return old
		}
	}
}

// combine computes what an AMO stores. Words of 4 bytes come sign-extended,
// which keeps the order of signed and of unsigned values.
func combine(funct5 uint8, old, src uint64) uint64 {
	switch funct5 {
	case amoAdd:
		return old + src
	case amoXor:
		return old ^ src
	case amoOr:
		return old | src
	case amoAnd:
		return old & src
	case amoMin:
		return uint64(min(int64(old), int64(src)))
	case amoMax:
		return uint64(max(int64(old), int64(src)))
	case amoMinu:
		return min(old, src)
	case amoMaxu:
		return max(old, src)
	}
	return src // amoSwap and amoCas
}

// loadWord loads 4 bytes, sign-extended, or 8.
func loadWord(p unsafe.Pointer, size uint64) uint64 {
	if size == 4 {
		return uint64(int32(le32(atomic.LoadUint32((*uint32)(p)))))
	}
	return le64(atomic.LoadUint64((*uint64)(p)))
}

// swapWord stores the low size bytes of v if the word still holds old.
func swapWord(p unsafe.Pointer, size, old, v uint64) bool {
	if size == 4 {
		return atomic.CompareAndSwapUint32((*uint32)(p), le32(uint32(old)), le32(uint32(v)))
	}
	return atomic.CompareAndSwapUint64((*uint64)(p), le64(old), le64(v))
}
