package hart

import (
	"math/bits"
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

// hot runs ops until one that it leaves to [Hart.cold], or that ends the run. It
// keeps to these rules for speed's sake:
//
//   - p, not a number, names the current op, and nothing is counted: the ops
//     between two places are the instructions between them. k is chosen so that
//     p+k is the number of instructions retired, times opSize; a jump that moves
//     p by d, and so retires one instruction, adds opSize-d to k.
//   - It calls nothing, so that the compiler keeps everything in registers.
//   - An index of 8 bits into an array of 256 registers needs no bounds check.
//   - One comparison checks an access of the first two regions, of whatever
//     size: accesses in their last 7 bytes go to cold, as those of other regions do.
func (h *Hart) hot(p unsafe.Pointer, k, soft int64) (at unsafe.Pointer, count int64, full bool) {
	x := h.file()
	m, n := &h.fast[0], &h.fast[1]
	mb, ml, mp := m.base, m.limit, m.mem
	for {
		o := (*op)(p)
		switch o.code {
		case opNop:
		case opLi:
			x[o.rd] = uint64(o.imm)
		case opMv:
			x[o.rd] = x[o.rs1]
		case opAddi:
			x[o.rd] = x[o.rs1] + uint64(o.imm)
		case opSlti:
			x[o.rd] = b2u(int64(x[o.rs1]) < o.imm)
		case opSltiu:
			x[o.rd] = b2u(x[o.rs1] < uint64(o.imm))
		case opXori:
			x[o.rd] = x[o.rs1] ^ uint64(o.imm)
		case opOri:
			x[o.rd] = x[o.rs1] | uint64(o.imm)
		case opAndi:
			x[o.rd] = x[o.rs1] & uint64(o.imm)
		case opSlli:
			x[o.rd] = x[o.rs1] << (o.imm & 63)
		case opSrli:
			x[o.rd] = x[o.rs1] >> (o.imm & 63)
		case opSrai:
			x[o.rd] = uint64(int64(x[o.rs1]) >> (o.imm & 63))
		case opAdd:
			x[o.rd] = x[o.rs1] + x[o.rs2]
		case opSub:
			x[o.rd] = x[o.rs1] - x[o.rs2]
		case opSll:
			x[o.rd] = x[o.rs1] << (x[o.rs2] & 63)
		case opSlt:
			x[o.rd] = b2u(int64(x[o.rs1]) < int64(x[o.rs2]))
		case opSltu:
			x[o.rd] = b2u(x[o.rs1] < x[o.rs2])
		case opXor:
			x[o.rd] = x[o.rs1] ^ x[o.rs2]
		case opSrl:
			x[o.rd] = x[o.rs1] >> (x[o.rs2] & 63)
		case opSra:
			x[o.rd] = uint64(int64(x[o.rs1]) >> (x[o.rs2] & 63))
		case opOr:
			x[o.rd] = x[o.rs1] | x[o.rs2]
		case opAnd:
			x[o.rd] = x[o.rs1] & x[o.rs2]
		case opAddiw:
			x[o.rd] = uint64(int32(x[o.rs1]) + int32(o.imm))
		case opSlliw:
			x[o.rd] = uint64(int32(x[o.rs1]) << (o.imm & 31))
		case opSrliw:
			x[o.rd] = sext32(uint32(x[o.rs1]) >> (o.imm & 31))
		case opSraiw:
			x[o.rd] = uint64(int32(x[o.rs1]) >> (o.imm & 31))
		case opAddw:
			x[o.rd] = uint64(int32(x[o.rs1]) + int32(x[o.rs2]))
		case opSubw:
			x[o.rd] = uint64(int32(x[o.rs1]) - int32(x[o.rs2]))
		case opSllw:
			x[o.rd] = uint64(int32(x[o.rs1]) << (x[o.rs2] & 31))
		case opSrlw:
			x[o.rd] = sext32(uint32(x[o.rs1]) >> (x[o.rs2] & 31))
		case opSraw:
			x[o.rd] = uint64(int32(x[o.rs1]) >> (x[o.rs2] & 31))
		case opMul:
			x[o.rd] = x[o.rs1] * x[o.rs2]
		case opMulw:
			x[o.rd] = uint64(int32(x[o.rs1]) * int32(x[o.rs2]))
		case opMulhu:
			x[o.rd], _ = bits.Mul64(x[o.rs1], x[o.rs2])
		case opAddUw:
			x[o.rd] = uint64(uint32(x[o.rs1])) + x[o.rs2]
		case opSh1add:
			x[o.rd] = x[o.rs1]<<1 + x[o.rs2]
		case opSh2add:
			x[o.rd] = x[o.rs1]<<2 + x[o.rs2]
		case opSh3add:
			x[o.rd] = x[o.rs1]<<3 + x[o.rs2]
		case opSh1addUw:
			x[o.rd] = uint64(uint32(x[o.rs1]))<<1 + x[o.rs2]
		case opSh2addUw:
			x[o.rd] = uint64(uint32(x[o.rs1]))<<2 + x[o.rs2]
		case opSh3addUw:
			x[o.rd] = uint64(uint32(x[o.rs1]))<<3 + x[o.rs2]
		case opSlliUw:
			x[o.rd] = uint64(uint32(x[o.rs1])) << (o.imm & 63)
		case opAndn:
			x[o.rd] = x[o.rs1] &^ x[o.rs2]
		case opOrn:
			x[o.rd] = x[o.rs1] | ^x[o.rs2]
		case opXnor:
			x[o.rd] = x[o.rs1] ^ ^x[o.rs2]
		case opMax:
			x[o.rd] = uint64(max(int64(x[o.rs1]), int64(x[o.rs2])))
		case opMaxu:
			x[o.rd] = max(x[o.rs1], x[o.rs2])
		case opMin:
			x[o.rd] = uint64(min(int64(x[o.rs1]), int64(x[o.rs2])))
		case opMinu:
			x[o.rd] = min(x[o.rs1], x[o.rs2])
		case opSextB:
			x[o.rd] = uint64(int8(x[o.rs1]))
		case opSextH:
			x[o.rd] = uint64(int16(x[o.rs1]))
		case opZextH:
			x[o.rd] = uint64(uint16(x[o.rs1]))
		case opZextW:
			x[o.rd] = uint64(uint32(x[o.rs1]))
		case opRori:
			x[o.rd] = bits.RotateLeft64(x[o.rs1], -int(o.imm))
		case opRev8:
			x[o.rd] = bits.ReverseBytes64(x[o.rs1])
		case opCzeroEqz:
			v := x[o.rs1]
			if x[o.rs2] == 0 {
				v = 0
			}
			x[o.rd] = v
		case opCzeroNez:
			v := x[o.rs1]
			if x[o.rs2] != 0 {
				v = 0
			}
			x[o.rd] = v

		case opBeq:
			if x[o.rs1] == x[o.rs2] {
				goto taken
			}
		case opBne:
			if x[o.rs1] != x[o.rs2] {
				goto taken
			}
		case opBlt:
			if int64(x[o.rs1]) < int64(x[o.rs2]) {
				goto taken
			}
		case opBge:
			if int64(x[o.rs1]) >= int64(x[o.rs2]) {
				goto taken
			}
		case opBltu:
			if x[o.rs1] < x[o.rs2] {
				goto taken
			}
		case opBgeu:
			if x[o.rs1] >= x[o.rs2] {
				goto taken
			}
		case opJal:
			x[o.rd] = uint64(o.imm)
			goto taken
		case opJ:
			goto taken
		case opJalr, opJr, opRet:
			t := (x[o.rs1] + uint64(o.imm)) &^ 1
			c := h.code
			if o.code == opJalr {
				x[o.rd] = c.base + uint64(uint32(o.aux))
			}
			to := unsafe.Pointer(&h.window[3])
			if off := (t - c.base) >> 1; off < uint64(len(c.index)) && c.index[off] >= 0 {
				to = unsafe.Pointer(&c.ops[c.index[off]])
			} else {
				h.window[3].imm = int64(t)
			}
			k += int64(uintptr(p)) + opSize - int64(uintptr(to))
			p = to
			if k+int64(uintptr(p)) > soft {
				return p, k, true
			}
			continue

		case opLb:
			a := x[o.rs1] + uint64(o.imm)
			var q unsafe.Pointer
			if off := a - mb; off < ml {
				q = unsafe.Add(mp, off)
			} else if off := a - n.base; off < n.limit {
				q = unsafe.Add(n.mem, off)
			} else {
				return p, k, false
			}
			x[o.rd] = uint64(*(*int8)(q))
		case opLbu:
			a := x[o.rs1] + uint64(o.imm)
			var q unsafe.Pointer
			if off := a - mb; off < ml {
				q = unsafe.Add(mp, off)
			} else if off := a - n.base; off < n.limit {
				q = unsafe.Add(n.mem, off)
			} else {
				return p, k, false
			}
			x[o.rd] = uint64(*(*uint8)(q))
		case opLh:
			a := x[o.rs1] + uint64(o.imm)
			var q unsafe.Pointer
			if off := a - mb; off < ml {
				q = unsafe.Add(mp, off)
			} else if off := a - n.base; off < n.limit {
				q = unsafe.Add(n.mem, off)
			} else {
				return p, k, false
			}
			x[o.rd] = uint64(int16(get16(q)))
		case opLhu:
			a := x[o.rs1] + uint64(o.imm)
			var q unsafe.Pointer
			if off := a - mb; off < ml {
				q = unsafe.Add(mp, off)
			} else if off := a - n.base; off < n.limit {
				q = unsafe.Add(n.mem, off)
			} else {
				return p, k, false
			}
			x[o.rd] = uint64(get16(q))
		case opLw:
			a := x[o.rs1] + uint64(o.imm)
			var q unsafe.Pointer
			if off := a - mb; off < ml {
				q = unsafe.Add(mp, off)
			} else if off := a - n.base; off < n.limit {
				q = unsafe.Add(n.mem, off)
			} else {
				return p, k, false
			}
			x[o.rd] = sext32(get32(q))
		case opLwu:
			a := x[o.rs1] + uint64(o.imm)
			var q unsafe.Pointer
			if off := a - mb; off < ml {
				q = unsafe.Add(mp, off)
			} else if off := a - n.base; off < n.limit {
				q = unsafe.Add(n.mem, off)
			} else {
				return p, k, false
			}
			x[o.rd] = uint64(get32(q))
		case opLd:
			a := x[o.rs1] + uint64(o.imm)
			var q unsafe.Pointer
			if off := a - mb; off < ml {
				q = unsafe.Add(mp, off)
			} else if off := a - n.base; off < n.limit {
				q = unsafe.Add(n.mem, off)
			} else {
				return p, k, false
			}
			x[o.rd] = get64(q)
		case opSb:
			a := x[o.rs1] + uint64(o.imm)
			var q unsafe.Pointer
			if off := a - mb; off < ml {
				q = unsafe.Add(mp, off)
			} else if off := a - n.base; off < n.limit {
				q = unsafe.Add(n.mem, off)
			} else {
				return p, k, false
			}
			*(*uint8)(q) = uint8(x[o.rs2])
		case opSh:
			a := x[o.rs1] + uint64(o.imm)
			var q unsafe.Pointer
			if off := a - mb; off < ml {
				q = unsafe.Add(mp, off)
			} else if off := a - n.base; off < n.limit {
				q = unsafe.Add(n.mem, off)
			} else {
				return p, k, false
			}
			put16(q, uint16(x[o.rs2]))
		case opSw:
			a := x[o.rs1] + uint64(o.imm)
			var q unsafe.Pointer
			if off := a - mb; off < ml {
				q = unsafe.Add(mp, off)
			} else if off := a - n.base; off < n.limit {
				q = unsafe.Add(n.mem, off)
			} else {
				return p, k, false
			}
			put32(q, uint32(x[o.rs2]))
		case opSd:
			a := x[o.rs1] + uint64(o.imm)
			var q unsafe.Pointer
			if off := a - mb; off < ml {
				q = unsafe.Add(mp, off)
			} else if off := a - n.base; off < n.limit {
				q = unsafe.Add(n.mem, off)
			} else {
				return p, k, false
			}
			put64(q, x[o.rs2])

		default:
			return p, k, false
		}
		p = unsafe.Add(p, opSize)
		continue
	taken:
		d := int64(o.aux)
		k += opSize - d
		p = unsafe.Add(p, d)
		if k+int64(uintptr(p)) > soft {
			return p, k, true
		}
	}
}

// cold executes an op that hot left. It returns false, with h.trap set if it
// is a trap, when the run cannot go on.
func (h *Hart) cold(o *op, retired uint64) bool {
	switch o.code {
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
