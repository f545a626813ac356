package hart

import (
	"math/bits"
	"time"
	"unsafe"
)

// exec runs ops from place i on until a trap, or until PC lies outside ops, or,
// at a jump that is taken, until at least soft instructions have retired. It
// keeps to these rules for speed's sake:
//
//   - p, not a number, names the current op, and nothing is counted: the ops
//     between two places are the instructions between them. k is chosen so that
//     p+k is the number of instructions retired, times opSize; a jump that moves
//     p by d, and so retires one instruction, adds opSize-d to k.
//   - Registers are found by unsafe-free indexing of an array of 256.
//   - One comparison checks an access of the first region, of whatever size:
//     accesses in its last 7 bytes take the slow way, as those of other regions.
//   - A case that cannot go on breaks out of the loop with p at its op (behind
//     it, when it retired) and h.trap set.
func (h *Hart) exec(ops []op, i int, soft int64) {
	x := h.file()
	p := unsafe.Pointer(&ops[i])
	k := -int64(uintptr(p))
	soft *= opSize
	var mb, ml uint64
	mp := unsafe.Pointer(h)
	if len(h.regions) > 0 && !h.StrictAlign {
		if r := &h.regions[0]; len(r.Mem) >= 8 && r.Perm&PermRW == PermRW && !r.Atomic {
			mb, ml, mp = r.Base, uint64(len(r.Mem))-7, unsafe.Pointer(&r.Mem[0])
		}
	}
loop:
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
			if o.code == opJalr {
				x[o.rd] = h.code.base + uint64(uint32(o.aux))
			}
			c := h.code
			if off := (t - c.base) >> 1; off < uint64(len(c.index)) {
				if j := c.index[off]; j >= 0 {
					to := unsafe.Pointer(&c.ops[j])
					k += int64(uintptr(p)) + opSize - int64(uintptr(to))
					p = to
					if k+int64(uintptr(p)) > soft {
						break loop
					}
					continue
				}
			}
			h.leave(t, k+int64(uintptr(p))+opSize)
			return

		case opLb:
			a := x[o.rs1] + uint64(o.imm)
			if off := a - mb; off < ml {
				x[o.rd] = uint64(*(*int8)(unsafe.Add(mp, off)))
			} else if !h.slowLoad(o, a) {
				break loop
			}
		case opLbu:
			a := x[o.rs1] + uint64(o.imm)
			if off := a - mb; off < ml {
				x[o.rd] = uint64(*(*uint8)(unsafe.Add(mp, off)))
			} else if !h.slowLoad(o, a) {
				break loop
			}
		case opLh:
			a := x[o.rs1] + uint64(o.imm)
			if off := a - mb; off < ml {
				x[o.rd] = uint64(int16(get16(unsafe.Add(mp, off))))
			} else if !h.slowLoad(o, a) {
				break loop
			}
		case opLhu:
			a := x[o.rs1] + uint64(o.imm)
			if off := a - mb; off < ml {
				x[o.rd] = uint64(get16(unsafe.Add(mp, off)))
			} else if !h.slowLoad(o, a) {
				break loop
			}
		case opLw:
			a := x[o.rs1] + uint64(o.imm)
			if off := a - mb; off < ml {
				x[o.rd] = sext32(get32(unsafe.Add(mp, off)))
			} else if !h.slowLoad(o, a) {
				break loop
			}
		case opLwu:
			a := x[o.rs1] + uint64(o.imm)
			if off := a - mb; off < ml {
				x[o.rd] = uint64(get32(unsafe.Add(mp, off)))
			} else if !h.slowLoad(o, a) {
				break loop
			}
		case opLd:
			a := x[o.rs1] + uint64(o.imm)
			if off := a - mb; off < ml {
				x[o.rd] = get64(unsafe.Add(mp, off))
			} else if !h.slowLoad(o, a) {
				break loop
			}
		case opSb:
			a := x[o.rs1] + uint64(o.imm)
			if off := a - mb; off < ml {
				*(*uint8)(unsafe.Add(mp, off)) = uint8(x[o.rs2])
			} else if !h.slowStore(o, a) {
				break loop
			}
		case opSh:
			a := x[o.rs1] + uint64(o.imm)
			if off := a - mb; off < ml {
				put16(unsafe.Add(mp, off), uint16(x[o.rs2]))
			} else if !h.slowStore(o, a) {
				break loop
			}
		case opSw:
			a := x[o.rs1] + uint64(o.imm)
			if off := a - mb; off < ml {
				put32(unsafe.Add(mp, off), uint32(x[o.rs2]))
			} else if !h.slowStore(o, a) {
				break loop
			}
		case opSd:
			a := x[o.rs1] + uint64(o.imm)
			if off := a - mb; off < ml {
				put64(unsafe.Add(mp, off), x[o.rs2])
			} else if !h.slowStore(o, a) {
				break loop
			}

		case opLrW, opLrD, opScW, opScD, opAmoW, opAmoD:
			if !h.atomic(o) {
				break loop
			}
		case opFence:
			h.barrier()
		case opCsr:
			x[o.rd] = h.counter(o, uint64(k+int64(uintptr(p)))/opSize)
		case opEcall:
			h.trap.Kind = Ecall
			p = unsafe.Add(p, opSize)
			break loop
		case opEbreak:
			h.trap.Kind = Ebreak
			break loop
		case opIllegal:
			h.trap.Kind = Illegal
			break loop
		case opFetch:
			h.trap = Trap{Kind: FetchFault, Addr: uint64(o.imm)}
			break loop
		case opGoto, opBreak:
			break loop
		default:
			x[o.rd] = alu(o.code, x[o.rs1], x[o.rs2], o.imm)
		}
		p = unsafe.Add(p, opSize)
		continue
	taken:
		d := int64(o.aux)
		k += opSize - d
		p = unsafe.Add(p, d)
		if k+int64(uintptr(p)) > soft {
			break
		}
	}
	h.leave(h.address(ops, p), k+int64(uintptr(p)))
}

// address returns the PC of the op at p, which is one of ops or of h.code.
func (h *Hart) address(ops []op, p unsafe.Pointer) uint64 {
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

// leave records where the hart stopped and what it retired, times opSize.
func (h *Hart) leave(pc uint64, retired int64) {
	h.PC = pc
	h.Instret += uint64(retired) / opSize
	if h.trap.Kind == Illegal {
		h.trap.Addr = pc
	}
}

// counter reads cycle, time or instret. A cycle is an instruction, and time
// counts nanoseconds since the hart was made.
func (h *Hart) counter(o *op, retired uint64) uint64 {
	if o.imm == 1 {
		return uint64(time.Since(h.start))
	}
	return h.Instret + retired
}
