package hart

import (
	"math/bits"
	"unsafe"
)

// hot runs ops until one that it leaves to [Hart.cold], or that ends the run. It
// keeps to these rules for speed's sake:
//
//   - p, not a number, names the next op, and nothing is counted: the ops
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
		p = unsafe.Add(p, opSize)
		q := (*op)(p) // the second op of a pair
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
			k += int64(uintptr(p)) - int64(uintptr(to))
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
			} else if q = n.at(a); q == nil {
				return unsafe.Pointer(o), k, false
			}
			x[o.rd] = uint64(*(*int8)(q))
		case opLbu:
			a := x[o.rs1] + uint64(o.imm)
			var q unsafe.Pointer
			if off := a - mb; off < ml {
				q = unsafe.Add(mp, off)
			} else if q = n.at(a); q == nil {
				return unsafe.Pointer(o), k, false
			}
			x[o.rd] = uint64(*(*uint8)(q))
		case opLh:
			a := x[o.rs1] + uint64(o.imm)
			var q unsafe.Pointer
			if off := a - mb; off < ml {
				q = unsafe.Add(mp, off)
			} else if q = n.at(a); q == nil {
				return unsafe.Pointer(o), k, false
			}
			x[o.rd] = uint64(int16(get16(q)))
		case opLhu:
			a := x[o.rs1] + uint64(o.imm)
			var q unsafe.Pointer
			if off := a - mb; off < ml {
				q = unsafe.Add(mp, off)
			} else if q = n.at(a); q == nil {
				return unsafe.Pointer(o), k, false
			}
			x[o.rd] = uint64(get16(q))
		case opLw:
			a := x[o.rs1] + uint64(o.imm)
			var q unsafe.Pointer
			if off := a - mb; off < ml {
				q = unsafe.Add(mp, off)
			} else if q = n.at(a); q == nil {
				return unsafe.Pointer(o), k, false
			}
			x[o.rd] = sext32(get32(q))
		case opLwu:
			a := x[o.rs1] + uint64(o.imm)
			var q unsafe.Pointer
			if off := a - mb; off < ml {
				q = unsafe.Add(mp, off)
			} else if q = n.at(a); q == nil {
				return unsafe.Pointer(o), k, false
			}
			x[o.rd] = uint64(get32(q))
		case opLd:
			a := x[o.rs1] + uint64(o.imm)
			var q unsafe.Pointer
			if off := a - mb; off < ml {
				q = unsafe.Add(mp, off)
			} else if q = n.at(a); q == nil {
				return unsafe.Pointer(o), k, false
			}
			x[o.rd] = get64(q)
		case opSb:
			a := x[o.rs1] + uint64(o.imm)
			var q unsafe.Pointer
			if off := a - mb; off < ml {
				q = unsafe.Add(mp, off)
			} else if q = n.at(a); q == nil {
				return unsafe.Pointer(o), k, false
			}
			*(*uint8)(q) = uint8(x[o.rs2])
		case opSh:
			a := x[o.rs1] + uint64(o.imm)
			var q unsafe.Pointer
			if off := a - mb; off < ml {
				q = unsafe.Add(mp, off)
			} else if q = n.at(a); q == nil {
				return unsafe.Pointer(o), k, false
			}
			put16(q, uint16(x[o.rs2]))
		case opSw:
			a := x[o.rs1] + uint64(o.imm)
			var q unsafe.Pointer
			if off := a - mb; off < ml {
				q = unsafe.Add(mp, off)
			} else if q = n.at(a); q == nil {
				return unsafe.Pointer(o), k, false
			}
			put32(q, uint32(x[o.rs2]))
		case opSd:
			a := x[o.rs1] + uint64(o.imm)
			var q unsafe.Pointer
			if off := a - mb; off < ml {
				q = unsafe.Add(mp, off)
			} else if q = n.at(a); q == nil {
				return unsafe.Pointer(o), k, false
			}
			put64(q, x[o.rs2])

		// Pairs.
		case opSlliXor:
			v := x[o.rs1] << (o.imm & 63)
			x[o.rd] = v
			x[q.rd] = x[q.rs1] ^ v
			p = unsafe.Add(p, opSize)
		case opSlliOr:
			v := x[o.rs1] << (o.imm & 63)
			x[o.rd] = v
			x[q.rd] = x[q.rs1] | v
			p = unsafe.Add(p, opSize)
		case opSlliAdd:
			v := x[o.rs1] << (o.imm & 63)
			x[o.rd] = v
			x[q.rd] = x[q.rs1] + v
			p = unsafe.Add(p, opSize)
		case opSrliXor:
			v := x[o.rs1] >> (o.imm & 63)
			x[o.rd] = v
			x[q.rd] = x[q.rs1] ^ v
			p = unsafe.Add(p, opSize)
		case opSrliOr:
			v := x[o.rs1] >> (o.imm & 63)
			x[o.rd] = v
			x[q.rd] = x[q.rs1] | v
			p = unsafe.Add(p, opSize)
		case opSrliAdd:
			v := x[o.rs1] >> (o.imm & 63)
			x[o.rd] = v
			x[q.rd] = x[q.rs1] + v
			p = unsafe.Add(p, opSize)
		case opSlliSrli:
			v := x[o.rs1] << (o.imm & 63)
			x[o.rd] = v
			x[q.rd] = v >> (q.imm & 63)
			p = unsafe.Add(p, opSize)
		case opXorSlli:
			v := x[o.rs1] ^ x[o.rs2]
			x[o.rd] = v
			x[q.rd] = v << (q.imm & 63)
			p = unsafe.Add(p, opSize)
		case opXorSrli:
			v := x[o.rs1] ^ x[o.rs2]
			x[o.rd] = v
			x[q.rd] = v >> (q.imm & 63)
			p = unsafe.Add(p, opSize)
		case opXorAndi:
			v := x[o.rs1] ^ x[o.rs2]
			x[o.rd] = v
			x[q.rd] = v & uint64(q.imm)
			p = unsafe.Add(p, opSize)
		case opXorMul:
			v := x[o.rs1] ^ x[o.rs2]
			x[o.rd] = v
			x[q.rd] = x[q.rs1] * v
			p = unsafe.Add(p, opSize)
		case opAddSub:
			v := x[o.rs1] + x[o.rs2]
			x[o.rd] = v
			x[q.rd] = v - x[q.rs2]
			p = unsafe.Add(p, opSize)
		case opAddSrli:
			v := x[o.rs1] + x[o.rs2]
			x[o.rd] = v
			x[q.rd] = v >> (q.imm & 63)
			p = unsafe.Add(p, opSize)
		case opAddAdd:
			x[o.rd] = x[o.rs1] + x[o.rs2]
			x[q.rd] = x[q.rs1] + x[q.rs2]
			p = unsafe.Add(p, opSize)
		case opAddLbu:
			v := x[o.rs1] + x[o.rs2]
			x[o.rd] = v
			p = unsafe.Add(p, opSize)
			a := v + uint64(q.imm)
			var at unsafe.Pointer
			if off := a - mb; off < ml {
				at = unsafe.Add(mp, off)
			} else if at = n.at(a); at == nil {
				return unsafe.Pointer(q), k, false
			}
			x[q.rd] = uint64(*(*uint8)(at))
		case opAddLd:
			v := x[o.rs1] + x[o.rs2]
			x[o.rd] = v
			p = unsafe.Add(p, opSize)
			a := v + uint64(q.imm)
			var at unsafe.Pointer
			if off := a - mb; off < ml {
				at = unsafe.Add(mp, off)
			} else if at = n.at(a); at == nil {
				return unsafe.Pointer(q), k, false
			}
			x[q.rd] = get64(at)
		case opSubBgeu:
			v := x[o.rs1] - x[o.rs2]
			x[o.rd] = v
			o, p = q, unsafe.Add(p, opSize)
			if v >= x[q.rs2] {
				goto taken
			}
		case opAddiBne:
			v := x[o.rs1] + uint64(o.imm)
			x[o.rd] = v
			o, p = q, unsafe.Add(p, opSize)
			if v != x[q.rs2] {
				goto taken
			}
		case opAddiBlt:
			v := x[o.rs1] + uint64(o.imm)
			x[o.rd] = v
			o, p = q, unsafe.Add(p, opSize)
			if int64(v) < int64(x[q.rs2]) {
				goto taken
			}
		case opAddiwBne:
			v := uint64(int32(x[o.rs1]) + int32(o.imm))
			x[o.rd] = v
			o, p = q, unsafe.Add(p, opSize)
			if v != x[q.rs2] {
				goto taken
			}
		case opAddBne:
			v := x[o.rs1] + x[o.rs2]
			x[o.rd] = v
			o, p = q, unsafe.Add(p, opSize)
			if v != x[q.rs2] {
				goto taken
			}
		case opAndiBne:
			v := x[o.rs1] & uint64(o.imm)
			x[o.rd] = v
			o, p = q, unsafe.Add(p, opSize)
			if v != x[q.rs2] {
				goto taken
			}
		case opAndiBeq:
			v := x[o.rs1] & uint64(o.imm)
			x[o.rd] = v
			o, p = q, unsafe.Add(p, opSize)
			if v == x[q.rs2] {
				goto taken
			}
		case opAndiAdd:
			v := x[o.rs1] & uint64(o.imm)
			x[o.rd] = v
			x[q.rd] = x[q.rs1] + v
			p = unsafe.Add(p, opSize)
		case opAndiXor:
			v := x[o.rs1] & uint64(o.imm)
			x[o.rd] = v
			x[q.rd] = x[q.rs1] ^ v
			p = unsafe.Add(p, opSize)
		case opLiBne:
			v := uint64(o.imm)
			x[o.rd] = v
			o, p = q, unsafe.Add(p, opSize)
			if x[q.rs1] != v {
				goto taken
			}
		case opLiBeq:
			v := uint64(o.imm)
			x[o.rd] = v
			o, p = q, unsafe.Add(p, opSize)
			if x[q.rs1] == v {
				goto taken
			}
		case opLiBltu:
			v := uint64(o.imm)
			x[o.rd] = v
			o, p = q, unsafe.Add(p, opSize)
			if x[q.rs1] < v {
				goto taken
			}
		case opMvMv:
			x[o.rd] = x[o.rs1]
			x[q.rd] = x[q.rs1]
			p = unsafe.Add(p, opSize)
		case opMvAddi:
			x[o.rd] = x[o.rs1]
			x[q.rd] = x[q.rs1] + uint64(q.imm)
			p = unsafe.Add(p, opSize)
		case opMvLi:
			x[o.rd] = x[o.rs1]
			x[q.rd] = uint64(q.imm)
			p = unsafe.Add(p, opSize)
		case opLiMv:
			x[o.rd] = uint64(o.imm)
			x[q.rd] = x[q.rs1]
			p = unsafe.Add(p, opSize)
		case opAddiAdd:
			v := x[o.rs1] + uint64(o.imm)
			x[o.rd] = v
			x[q.rd] = x[q.rs1] + v
			p = unsafe.Add(p, opSize)
		case opAddiAddi:
			x[o.rd] = x[o.rs1] + uint64(o.imm)
			x[q.rd] = x[q.rs1] + uint64(q.imm)
			p = unsafe.Add(p, opSize)
		case opAddiwAdd:
			v := uint64(int32(x[o.rs1]) + int32(o.imm))
			x[o.rd] = v
			x[q.rd] = x[q.rs1] + v
			p = unsafe.Add(p, opSize)
		case opAddiwMv:
			x[o.rd] = uint64(int32(x[o.rs1]) + int32(o.imm))
			x[q.rd] = x[q.rs1]
			p = unsafe.Add(p, opSize)
		case opMulAddiw:
			v := x[o.rs1] * x[o.rs2]
			x[o.rd] = v
			x[q.rd] = uint64(int32(v) + int32(q.imm))
			p = unsafe.Add(p, opSize)
		case opMulAdd:
			v := x[o.rs1] * x[o.rs2]
			x[o.rd] = v
			x[q.rd] = x[q.rs1] + v
			p = unsafe.Add(p, opSize)
		case opLdAdd:
			a := x[o.rs1] + uint64(o.imm)
			var at unsafe.Pointer
			if off := a - mb; off < ml {
				at = unsafe.Add(mp, off)
			} else if at = n.at(a); at == nil {
				return unsafe.Pointer(o), k, false
			}
			v := get64(at)
			x[o.rd] = v
			x[q.rd] = x[q.rs1] + v
			p = unsafe.Add(p, opSize)
		case opLbuXor:
			a := x[o.rs1] + uint64(o.imm)
			var at unsafe.Pointer
			if off := a - mb; off < ml {
				at = unsafe.Add(mp, off)
			} else if at = n.at(a); at == nil {
				return unsafe.Pointer(o), k, false
			}
			v := uint64(*(*uint8)(at))
			x[o.rd] = v
			x[q.rd] = x[q.rs1] ^ v
			p = unsafe.Add(p, opSize)
		case opLdLd:
			var a uint64
			var at unsafe.Pointer
			a = x[o.rs1] + uint64(o.imm)
			if off := a - mb; off < ml {
				at = unsafe.Add(mp, off)
			} else if at = n.at(a); at == nil {
				return unsafe.Pointer(o), k, false
			}
			x[o.rd] = get64(at)
			p = unsafe.Add(p, opSize)
			a = x[q.rs1] + uint64(q.imm)
			if off := a - mb; off < ml {
				at = unsafe.Add(mp, off)
			} else if at = n.at(a); at == nil {
				return unsafe.Pointer(q), k, false
			}
			x[q.rd] = get64(at)
		case opSdSd:
			var a uint64
			var at unsafe.Pointer
			a = x[o.rs1] + uint64(o.imm)
			if off := a - mb; off < ml {
				at = unsafe.Add(mp, off)
			} else if at = n.at(a); at == nil {
				return unsafe.Pointer(o), k, false
			}
			put64(at, x[o.rs2])
			p = unsafe.Add(p, opSize)
			a = x[q.rs1] + uint64(q.imm)
			if off := a - mb; off < ml {
				at = unsafe.Add(mp, off)
			} else if at = n.at(a); at == nil {
				return unsafe.Pointer(q), k, false
			}
			put64(at, x[q.rs2])
		case opLis:
			x[o.rd] = uint64(o.imm)
			p = unsafe.Add(unsafe.Pointer(o), int64(o.aux))
		default:
			return unsafe.Pointer(o), k, false
		}
		continue
	taken:
		d := int64(o.aux)
		k += opSize - d
		p = unsafe.Add(unsafe.Pointer(o), d)
		if k+int64(uintptr(p)) > soft {
			return p, k, true
		}
	}
}
