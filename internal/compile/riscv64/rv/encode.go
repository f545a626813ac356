// Package rv writes RV64 machine code: it packs instructions, finds their
// 16-bit forms, materialises constants and prints code.
//
// It has three layers. The rows (rows.go) are all that is known of an
// instruction: name, format, bits, extension. The packers [R], [I], [S], [B],
// [U], [J] and [A] place operands in a format, a table look-up and a range
// check; a code generator calls them, and an operand that does not fit is its
// bug. [Encode] does the same for operands of unknown origin and reports what
// is wrong with them. Only [Compress] and [LoadImm] choose between encodings.
//
// The packers do not check that the target has an instruction's extension, nor
// that an instruction has their format: the code generator knows the one from
// its [Ext], and the other is a constant in its source.
//
// References are to the RISC-V unprivileged ISA manual, version 20240411.
package rv

import (
	"fmt"
	"strconv"
)

// pack is the part of a row that the packers need, kept together so that a
// packer touches one cache line.
type pack struct {
	match  uint32
	lo, hi int32
}

var packs = func() (p [numOps]pack) {
	for op, r := range rows {
		l := formats[r.form]
		p[op] = pack{r.match, l.lo, l.hi}
	}
	return p
}()

// R packs a register-register instruction. For an instruction of one source
// (CLZ, SEXTB, REV8, ...) rs2 is Zero.
//
//	31    25 24 20 19 15 14    12 11 7 6      0
//	 funct7   rs2   rs1   funct3   rd   opcode
func R(op Op, rd, rs1, rs2 Reg) uint32 {
	return packs[op].match | uint32(rd)<<7 | uint32(rs1)<<15 | uint32(rs2)<<20
}

// I packs an instruction of one register and an immediate: ALU operations,
// loads (rs1 is the base), shifts (imm is the shift amount), JALR, CSRRS (imm
// is the number of the register) and FENCE (imm is pred<<4 | succ).
//
//	31     20 19 15 14    12 11 7 6      0
//	imm[11:0]  rs1   funct3   rd   opcode
func I(op Op, rd, rs1 Reg, imm int32) uint32 {
	p := &packs[op]
	if imm < p.lo || imm > p.hi {
		badImm(op, imm)
	}
	return p.match | uint32(rd)<<7 | uint32(rs1)<<15 | uint32(imm)<<20
}

// S packs a store of rs2 to base+off.
//
//	31     25 24 20 19 15 14    12 11     7 6      0
//	imm[11:5]  rs2   rs1   funct3  imm[4:0]  opcode
func S(op Op, rs2, base Reg, off int32) uint32 {
	p := &packs[op]
	if off < p.lo || off > p.hi {
		badImm(op, off)
	}
	o := uint32(off)
	return p.match | o<<20&0xfe000000 | o&31<<7 | uint32(base)<<15 | uint32(rs2)<<20
}

// B packs a conditional branch to pc+off.
//
//	31     30      25 24 20 19 15 14    12 11      8 7       6      0
//	imm[12] imm[10:5]  rs2   rs1   funct3  imm[4:1]  imm[11]  opcode
func B(op Op, rs1, rs2 Reg, off int32) uint32 {
	p := &packs[op]
	if off < p.lo || off > p.hi || off&1 != 0 {
		badImm(op, off)
	}
	return p.match | uint32(rs1)<<15 | uint32(rs2)<<20 | branchBits(uint32(off))
}

func branchBits(o uint32) uint32 {
	return o<<19&0x80000000 | o<<20&0x7e000000 | o<<7&0xf00 | o>>4&0x80
}

// U packs LUI and AUIPC. The immediate is the value of bits 31:12, signed or
// unsigned: -1 and 0xfffff are the same.
//
//	31       12 11 7 6      0
//	imm[31:12]   rd   opcode
func U(op Op, rd Reg, imm20 int32) uint32 {
	p := &packs[op]
	if imm20 < p.lo || imm20 > p.hi {
		badImm(op, imm20)
	}
	return p.match | uint32(rd)<<7 | uint32(imm20)<<12
}

// J packs JAL to pc+off.
//
//	31      30      21 20      19       12 11 7 6      0
//	imm[20] imm[10:1]  imm[11] imm[19:12]   rd   opcode
func J(op Op, rd Reg, off int32) uint32 {
	p := &packs[op]
	if off < p.lo || off > p.hi || off&1 != 0 {
		badImm(op, off)
	}
	return p.match | uint32(rd)<<7 | jumpBits(uint32(off))
}

func jumpBits(o uint32) uint32 {
	return o<<11&0x80000000 | o<<20&0x7fe00000 | o<<9&0x100000 | o&0xff000
}

// A packs an atomic on the memory at addr: an AMO, LR (rs2 is Zero) or SC.
//
//	31 27  26 25 24 20 19 15 14    12 11 7 6      0
//	funct5 aq rl  rs2  addr   funct3   rd   opcode
func A(op Op, rd, rs2, addr Reg, aq, rl bool) uint32 {
	w := packs[op].match | uint32(rd)<<7 | uint32(addr)<<15 | uint32(rs2)<<20
	if aq {
		w |= 1 << 26
	}
	if rl {
		w |= 1 << 25
	}
	return w
}

// badImm stays out of line so that the packers are small enough to inline.
//
//go:noinline
func badImm(op Op, imm int32) {
	r := &rows[op]
	panic("BUG: " + immError(r.name, formats[r.form], int64(imm)).Error())
}

// Encode packs op with operands of unknown origin. Operands that op does not
// have must be Zero and 0. The immediate is what the packer of op's format
// takes; for an atomic it is aq<<1 | rl.
func Encode(op Op, rd, rs1, rs2 Reg, imm int64) (uint32, error) {
	if op >= numOps {
		return 0, fmt.Errorf("rv: no instruction has number %d", op)
	}
	r := &rows[op]
	l := formats[r.form]
	for _, o := range [...]struct {
		name string
		reg  Reg
		has  bool
	}{{"rd", rd, l.rd}, {"rs1", rs1, l.rs1}, {"rs2", rs2, l.rs2}} {
		if o.reg > X31 {
			return 0, fmt.Errorf("rv: %s: %s is register %d, expected 0 to 31", r.name, o.name, o.reg)
		}
		if !o.has && o.reg != Zero {
			return 0, fmt.Errorf("rv: %s: has no %s, but it is %s", r.name, o.name, o.reg)
		}
	}
	if imm < int64(l.lo) || imm > int64(l.hi) || l.align != 0 && imm%int64(l.align) != 0 {
		return 0, immError(r.name, l, imm)
	}
	return r.encode(rd, rs1, rs2, uint32(imm)), nil
}

func (r *row) encode(rd, rs1, rs2 Reg, imm uint32) uint32 {
	w := r.match | uint32(rd)<<7 | uint32(rs1)<<15 | uint32(rs2)<<20
	switch r.form {
	case fmtI, fmtShift6, fmtShift5, fmtLoad, fmtJALR, fmtCSR, fmtFence:
		w |= imm << 20
	case fmtS:
		w |= imm<<20&0xfe000000 | imm&31<<7
	case fmtB:
		w |= branchBits(imm)
	case fmtU:
		w |= imm << 12
	case fmtJ:
		w |= jumpBits(imm)
	case fmtAMO, fmtLR:
		w |= imm << 25
	}
	return w
}

// branchOffset and jumpOffset undo branchBits and jumpBits.
func branchOffset(w uint32) int64 {
	u := uint32(int32(w)>>31)<<12 | w<<4&0x800 | w>>20&0x7e0 | w>>7&0x1e
	return int64(int32(u))
}

func jumpOffset(w uint32) int64 {
	u := uint32(int32(w)>>31)<<20 | w&0xff000 | w>>9&0x800 | w>>20&0x7fe
	return int64(int32(u))
}

func immError(name string, l limits, imm int64) error {
	switch {
	case l.lo == 0 && l.hi == 0:
		return fmt.Errorf("rv: %s: has no immediate, but it is %d", name, imm)
	case l.align > 1:
		return fmt.Errorf("rv: %s: offset is %d, expected a multiple of %d from %d to %d", name, imm, l.align, l.lo, l.hi)
	}
	return fmt.Errorf("rv: %s: immediate is %d, expected %d to %d", name, imm, l.lo, l.hi)
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
