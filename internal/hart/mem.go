package hart

import (
	"encoding/binary"
	"runtime"
	"sync/atomic"
	"unsafe"
)

// Perm says what a region may be used for.
type Perm uint8

const (
	PermR  Perm = 1 << iota // loads
	PermW                   // stores
	PermRW = PermR | PermW
)

// Region is a piece of a hart's memory: Mem[0] is at address Base. Regions may
// be shared by harts that run at the same time.
//
// Atomic operations need a region whose Mem is aligned in the host as Base is
// in the guest, to 8 bytes; elsewhere they are access faults.
type Region struct {
	Base uint64
	Mem  []byte
	Perm Perm
	// Atomic makes aligned loads and stores of 4 and 8 bytes atomic with
	// respect to sync/atomic operations by other goroutines. Plain accesses of
	// other regions are plain Go accesses: whole on every host that Go
	// knows when aligned, but unordered, and a data race in Go's terms if
	// another goroutine writes.
	Atomic bool
}

// le64 and le32 turn a word of guest memory, as the host loads it, into its
// value, and back: guest memory is little-endian whatever the host is.
var bigEndian = binary.NativeEndian.Uint16([]byte{0, 1}) == 1

func le64(v uint64) uint64 {
	if bigEndian {
		return reverse64(v)
	}
	return v
}

func le32(v uint32) uint32 {
	if bigEndian {
		return uint32(reverse64(uint64(v)) >> 32)
	}
	return v
}

// orders reports whether a fence with these predecessor and successor sets
// (bits 7:4 and 3:0: I, O, R, W) has to do anything on this host. Guest
// atomics are sequentially consistent already, since those of Go are. Plain
// accesses are plain loads and stores of the host, one for one, and the
// interpreter's loop keeps the Go compiler from reordering them. So on amd64,
// which is TSO, only an earlier write against a later read needs an instruction.
func orders(sets int64) bool {
	pred, succ := sets>>4&3, sets&3
	if runtime.GOARCH == "amd64" {
		return pred&1 != 0 && succ&2 != 0
	}
	return pred != 0 && succ != 0
}

// barrier orders everything before it with everything after it: the nearest
// that Go has to a fence is an atomic operation.
func (h *Hart) barrier() { atomic.AddUint64(&h.fence, 1) }

// find returns the bytes at a when they lie in one region that has perm.
func (h *Hart) find(a, size uint64, perm Perm) (*Region, unsafe.Pointer) {
	for i := range h.regions {
		r := &h.regions[i]
		off := a - r.Base
		if n := uint64(len(r.Mem)); off < n && size <= n-off && r.Perm&perm == perm {
			return r, unsafe.Pointer(&r.Mem[off])
		}
	}
	return nil, nil
}

// load reads size bytes at a, zero-extended, or sets the trap.
func (h *Hart) load(a, size uint64) (v uint64, ok bool) {
	r, p := h.find(a, size, PermR)
	switch {
	case r == nil:
		h.trap = Trap{Kind: LoadFault, Addr: a, Size: int(size)}
		return 0, false
	case h.StrictAlign && a&(size-1) != 0:
		h.trap = Trap{Kind: LoadMisaligned, Addr: a, Size: int(size)}
		return 0, false
	case size == 1:
		return uint64(*(*byte)(p)), true
	case size == 2:
		return uint64(get16(p)), true
	case size == 4 && r.Atomic && uintptr(p)&3 == 0:
		return uint64(le32(atomic.LoadUint32((*uint32)(p)))), true
	case size == 4:
		return uint64(get32(p)), true
	case r.Atomic && uintptr(p)&7 == 0:
		return le64(atomic.LoadUint64((*uint64)(p))), true
	}
	return get64(p), true
}

// store writes the low size bytes of v at a, or sets the trap.
func (h *Hart) store(a, size, v uint64) (ok bool) {
	r, p := h.find(a, size, PermW)
	switch {
	case r == nil:
		h.trap = Trap{Kind: StoreFault, Addr: a, Size: int(size)}
		return false
	case h.StrictAlign && a&(size-1) != 0:
		h.trap = Trap{Kind: StoreMisaligned, Addr: a, Size: int(size)}
		return false
	case size == 1:
		*(*byte)(p) = byte(v)
	case size == 2:
		put16(p, uint16(v))
	case size == 4 && r.Atomic && uintptr(p)&3 == 0:
		atomic.StoreUint32((*uint32)(p), le32(uint32(v)))
	case size == 4:
		put32(p, uint32(v))
	case r.Atomic && uintptr(p)&7 == 0:
		atomic.StoreUint64((*uint64)(p), le64(v))
	default:
		put64(p, v)
	}
	return true
}

// coldLoad performs the load o, wherever it goes.
func (h *Hart) coldLoad(o *op) (ok bool) {
	a := h.X[o.rs1&31] + uint64(o.imm)
	var v uint64
	switch firstOf(o.code) {
	case opLb:
		v, ok = h.load(a, 1)
		v = uint64(int8(v))
	case opLbu:
		v, ok = h.load(a, 1)
	case opLh:
		v, ok = h.load(a, 2)
		v = uint64(int16(v))
	case opLhu:
		v, ok = h.load(a, 2)
	case opLw:
		v, ok = h.load(a, 4)
		v = uint64(int32(v))
	case opLwu:
		v, ok = h.load(a, 4)
	case opLd:
		v, ok = h.load(a, 8)
	}
	if ok {
		h.file()[o.rd] = v
	}
	return ok
}

// coldStore performs the store o, wherever it goes.
func (h *Hart) coldStore(o *op) (ok bool) {
	a := h.X[o.rs1&31] + uint64(o.imm)
	return h.store(a, 1<<(firstOf(o.code)-opSb), h.X[o.rs2&31])
}

func get16(p unsafe.Pointer) uint16 { return binary.LittleEndian.Uint16((*[2]byte)(p)[:]) }
func get32(p unsafe.Pointer) uint32 { return binary.LittleEndian.Uint32((*[4]byte)(p)[:]) }
func get64(p unsafe.Pointer) uint64 { return binary.LittleEndian.Uint64((*[8]byte)(p)[:]) }

func put16(p unsafe.Pointer, v uint16) { binary.LittleEndian.PutUint16((*[2]byte)(p)[:], v) }
func put32(p unsafe.Pointer, v uint32) { binary.LittleEndian.PutUint32((*[4]byte)(p)[:], v) }
func put64(p unsafe.Pointer, v uint64) { binary.LittleEndian.PutUint64((*[8]byte)(p)[:], v) }

// wordBytes is the memory of words.
func wordBytes(words []uint64) []byte {
	if len(words) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), 8*len(words))
}

// fastRegion is what the main loop needs of a region: an access at base+off,
// of up to 8 bytes, is inside it if off < limit.
type fastRegion struct {
	base, limit uint64
	mem         unsafe.Pointer
}

// at returns the memory at a, nil when it is not inside.
func (r *fastRegion) at(a uint64) unsafe.Pointer {
	if off := a - r.base; off < r.limit {
		return unsafe.Add(r.mem, off)
	}
	return nil
}

// setFast chooses the regions that the main loop reaches by itself: the first
// two, as far as they need no other check.
func (h *Hart) setFast() {
	h.fast = [2]fastRegion{}
	for i := range h.regions[:min(len(h.regions), len(h.fast))] {
		if r := &h.regions[i]; len(r.Mem) >= 8 && r.Perm&PermRW == PermRW && !r.Atomic && !h.StrictAlign {
			h.fast[i] = fastRegion{base: r.Base, limit: uint64(len(r.Mem)) - 7, mem: unsafe.Pointer(&r.Mem[0])}
		}
	}
}
