package interp

import (
	"errors"
	"fmt"
	"sync/atomic"
	"unsafe"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/engine"
)

// checkAtomic refuses what is no atomic operation (RFC 9669, section 5.3).
func checkAtomic(in bpf.Insn) error {
	if in.Class() != bpf.ClassSTX {
		return unknown(in)
	}
	switch in.Imm {
	case bpf.AtomicLoadAcq, bpf.AtomicStoreRel:
		return nil
	case bpf.AtomicAdd, bpf.AtomicOr, bpf.AtomicAnd, bpf.AtomicXor,
		bpf.AtomicAdd | bpf.AtomicFetch, bpf.AtomicOr | bpf.AtomicFetch,
		bpf.AtomicAnd | bpf.AtomicFetch, bpf.AtomicXor | bpf.AtomicFetch,
		bpf.AtomicXchg, bpf.AtomicCmpXchg:
		if in.Size() >= 4 {
			return nil
		}
	}
	return fmt.Errorf("unknown atomic operation %#x of %d bytes", in.Imm, in.Size())
}

// atomic executes the atomic instruction at slot pc.
func (m *machine) atomic(fn *code, pc int, r *[numRegs]uint64) error {
	in := m.e.mod.Funcs[fn.index].Insns[pc]
	reg := in.Dst
	if in.Imm == bpf.AtomicLoadAcq {
		reg = in.Src
	}
	addr := r[reg] + uint64(int64(in.Off))
	off, n := addr-m.e.ar.Base(), in.Size()
	if off >= m.e.ar.Size() {
		return m.outside(fn, pc, off)
	}
	if addr%uint64(n) != 0 {
		return &engine.Fault{Kind: engine.FaultMisalign, Func: fn.index, Insn: pc, Addr: addr, Size: n}
	}
	p := unsafe.Add(unsafe.Pointer(unsafe.SliceData(m.e.ar.Mem())), off)
	switch {
	case in.Imm == bpf.AtomicLoadAcq:
		r[in.Dst] = loadAcquire(p, off, n)
	case in.Imm == bpf.AtomicStoreRel:
		storeRelease(p, off, n, r[in.Src])
	case in.Imm == bpf.AtomicCmpXchg && n == 8:
		r[0] = cmpxchg((*uint64)(p), r[0], r[in.Src])
	case in.Imm == bpf.AtomicCmpXchg:
		r[0] = uint64(cmpxchg((*uint32)(p), uint32(r[0]), uint32(r[in.Src])))
	default:
		var old uint64
		if n == 8 {
			old = update((*uint64)(p), in.Imm, r[in.Src])
		} else {
			old = uint64(update((*uint32)(p), in.Imm, uint32(r[in.Src])))
		}
		if in.Imm&bpf.AtomicFetch != 0 {
			r[in.Src] = old
		}
	}
	return nil
}

type word interface{ uint32 | uint64 }

// swap is compare-and-swap on a word of either width.
func swap[T word](p *T, old, v T) bool {
	switch p := any(p).(type) {
	case *uint32:
		return atomic.CompareAndSwapUint32(p, uint32(old), uint32(v))
	case *uint64:
		return atomic.CompareAndSwapUint64(p, uint64(old), uint64(v))
	}
	return false
}

func load[T word](p *T) T {
	switch p := any(p).(type) {
	case *uint32:
		return T(atomic.LoadUint32(p))
	case *uint64:
		return T(atomic.LoadUint64(p))
	}
	return 0
}

// update applies a read-modify-write operation and returns what was there before.
func update[T word](p *T, op int32, v T) (old T) {
	for {
		old = load(p)
		if swap(p, old, apply(op, old, v)) {
			return old
		}
	}
}

func apply[T word](op int32, old, v T) T {
	switch op &^ bpf.AtomicFetch {
	case bpf.AtomicAdd:
		return old + v
	case bpf.AtomicOr:
		return old | v
	case bpf.AtomicAnd:
		return old & v
	case bpf.AtomicXor:
		return old ^ v
	}
	return v // exchange
}

// cmpxchg stores v where want is found, and returns what was there before.
func cmpxchg[T word](p *T, want, v T) (old T) {
	for {
		old = load(p)
		if old != want || swap(p, old, v) {
			return old
		}
	}
}

// loadAcquire loads n bytes. Bytes and halfwords are taken from the aligned
// word around them, which the arena's alignment and slack keep inside it.
func loadAcquire(p unsafe.Pointer, off uint64, n int) uint64 {
	if n == 8 {
		return atomic.LoadUint64((*uint64)(p))
	}
	in := off & 3
	w := atomic.LoadUint32((*uint32)(unsafe.Add(p, -int(in))))
	return uint64(w) >> (in * 8) & (1<<(n*8) - 1)
}

// storeRelease stores n bytes, narrow ones by replacing the word around them.
func storeRelease(p unsafe.Pointer, off uint64, n int, v uint64) {
	if n == 8 {
		atomic.StoreUint64((*uint64)(p), v)
		return
	}
	in := off & 3
	w := (*uint32)(unsafe.Add(p, -int(in)))
	mask := uint32(1<<(n*8)-1) << (in * 8)
	for {
		old := atomic.LoadUint32(w)
		if atomic.CompareAndSwapUint32(w, old, old&^mask|uint32(v)<<(in*8)&mask) {
			return
		}
	}
}

var errNotCode = errors.New("execution left the function's instructions")

func (m *machine) notCode(fn *code, pc int) error {
	return &engine.Fault{Kind: engine.FaultMachine, Func: fn.index, Insn: pc, Err: errNotCode}
}
