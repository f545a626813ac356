package hart

import (
	"time"
	"unsafe"
)

// exec runs ops from place i on until a trap, or until PC lies outside ops, or,
// at a jump that is taken, until more than soft instructions have retired.
func (h *Hart) exec(ops []op, i int, soft int64) {
	p := unsafe.Pointer(&ops[i])
	k := -int64(uintptr(p))
	for {
		var full bool
		p, k, full = h.hot(p, k, soft*opSize)
		if full {
			break
		}
		o := (*op)(p)
		ok := h.cold(o, uint64(k+int64(uintptr(p)))/opSize)
		if ok || o.code == opEcall {
			p = unsafe.Add(p, opSize)
		}
		if !ok {
			break
		}
	}
	h.Instret += uint64(k+int64(uintptr(p))) / opSize
	h.PC = h.address(p)
	if h.trap.Kind == Illegal {
		h.trap.Addr = h.PC
	}
}

// cold executes an op that hot left. It returns false, with h.trap set if it
// is a trap, when the run cannot go on.
func (h *Hart) cold(o *op, retired uint64) bool {
	switch firstOf(o.code) {
	case opLb, opLbu, opLh, opLhu, opLw, opLwu, opLd:
		return h.coldLoad(o)
	case opSb, opSh, opSw, opSd:
		return h.coldStore(o)
	case opLrW, opLrD, opScW, opScD, opAmoW, opAmoD:
		return h.atomic(o)
	case opFence:
		h.barrier()
	case opCsr:
		h.file()[o.rd] = h.counter(o, retired)
	case opEcall:
		h.trap.Kind = Ecall
		return false
	case opEbreak:
		h.trap.Kind = Ebreak
		return false
	case opIllegal:
		h.trap.Kind = Illegal // exec sets Addr
		return false
	case opFetch:
		h.trap = Trap{Kind: FetchFault, Addr: uint64(o.imm)}
		return false
	case opGoto, opBreak:
		return false
	default:
		h.file()[o.rd] = alu(o.code, h.X[o.rs1&31], h.X[o.rs2&31], o.imm)
	}
	return true
}

// address returns the PC of the op at p.
func (h *Hart) address(p unsafe.Pointer) uint64 {
	o := (*op)(p)
	if o.code == opGoto {
		return uint64(o.imm)
	}
	off := uintptr(p) - uintptr(unsafe.Pointer(&h.code.ops[0]))
	if i := off / opSize; i < uintptr(len(h.code.starts)) {
		return h.code.base + uint64(h.code.starts[i])
	}
	return h.PC // the op in the window, where exec began
}

// counter reads cycle, time or instret. A cycle is an instruction, and time
// counts nanoseconds since the hart was made.
func (h *Hart) counter(o *op, retired uint64) uint64 {
	if o.imm == 1 {
		return uint64(time.Since(h.start))
	}
	return h.Instret + retired
}
