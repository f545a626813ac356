package hart

// The C extension (RISC-V ISA manual, volume I, "C"): each parcel means
// exactly one 32-bit instruction, and is decoded to it. HINTs, which are
// encodings that would write x0 or shift by 0, decode to what they look like
// and so do nothing; reserved encodings and those of floating point are illegal.

const (
	ra = 1
	sp = 2
)

// decode16 decodes a parcel whose low two bits are not 11.
func decode16(p uint16) insn {
	var in insn
	switch p & 3 {
	case 0:
		in = quadrant0(p)
	case 1:
		in = quadrant1(p)
	case 2:
		in = quadrant2(p)
	}
	in.size = 2
	return in
}

// field takes n bits of p from bit at and puts them at bit to.
func field(p uint16, at, n, to uint) int64 { return int64(p>>at&(1<<n-1)) << to }

// imm6 is the signed immediate of the CI format.
func imm6(p uint16) int64 { return (field(p, 12, 1, 5) | field(p, 2, 5, 0)) << 58 >> 58 }

func quadrant0(p uint16) insn {
	// CL and CS formats name x8 to x15 with three bits.
	r1, r2 := uint8(p>>7&7+8), uint8(p>>2&7+8)
	word := field(p, 10, 3, 3) | field(p, 6, 1, 2) | field(p, 5, 1, 6)
	double := field(p, 10, 3, 3) | field(p, 5, 2, 6)
	switch p >> 13 {
	case 0:
		imm := field(p, 11, 2, 4) | field(p, 7, 4, 6) | field(p, 6, 1, 2) | field(p, 5, 1, 3)
		if imm != 0 {
			return insn{code: opAddi, name: "c.addi4spn", rd: r2, rs1: sp, imm: imm}
		}
	case 2:
		return insn{code: opLw, name: "c.lw", rd: r2, rs1: r1, imm: word}
	case 3:
		return insn{code: opLd, name: "c.ld", rd: r2, rs1: r1, imm: double}
	case 6:
		return insn{code: opSw, name: "c.sw", rs1: r1, rs2: r2, imm: word}
	case 7:
		return insn{code: opSd, name: "c.sd", rs1: r1, rs2: r2, imm: double}
	}
	return insn{}
}

func quadrant1(p uint16) insn {
	rd := uint8(p >> 7 & 31)
	r1 := uint8(p>>7&7 + 8)
	branch := (field(p, 12, 1, 8) | field(p, 10, 2, 3) | field(p, 5, 2, 6) | field(p, 3, 2, 1) | field(p, 2, 1, 5)) << 55 >> 55
	switch p >> 13 {
	case 0:
		return insn{code: opAddi, name: "c.addi", rd: rd, rs1: rd, imm: imm6(p)}
	case 1:
		if rd != 0 {
			return insn{code: opAddiw, name: "c.addiw", rd: rd, rs1: rd, imm: imm6(p)}
		}
	case 2:
		return insn{code: opAddi, name: "c.li", rd: rd, imm: imm6(p)}
	case 3:
		return luiOrSp(p, rd)
	case 4:
		return arith(p, r1)
	case 5:
		imm := field(p, 12, 1, 11) | field(p, 11, 1, 4) | field(p, 9, 2, 8) | field(p, 8, 1, 10) |
			field(p, 7, 1, 6) | field(p, 6, 1, 7) | field(p, 3, 3, 1) | field(p, 2, 1, 5)
		return insn{code: opJal, name: "c.j", imm: imm << 52 >> 52}
	case 6:
		return insn{code: opBeq, name: "c.beqz", rs1: r1, imm: branch}
	case 7:
		return insn{code: opBne, name: "c.bnez", rs1: r1, imm: branch}
	}
	return insn{}
}

func luiOrSp(p uint16, rd uint8) insn {
	if rd == sp {
		imm := (field(p, 12, 1, 9) | field(p, 6, 1, 4) | field(p, 5, 1, 6) | field(p, 3, 2, 7) | field(p, 2, 1, 5)) << 54 >> 54
		if imm != 0 {
			return insn{code: opAddi, name: "c.addi16sp", rd: sp, rs1: sp, imm: imm}
		}
	} else if imm6(p) != 0 {
		return insn{code: opLui, name: "c.lui", rd: rd, imm: imm6(p) << 12}
	}
	return insn{}
}

// arith decodes the MISC-ALU rows of quadrant 1.
func arith(p uint16, rd uint8) insn {
	shamt := imm6(p) & 63
	rs2 := uint8(p>>2&7 + 8)
	switch p >> 10 & 3 {
	case 0:
		return insn{code: opSrli, name: "c.srli", rd: rd, rs1: rd, imm: shamt}
	case 1:
		return insn{code: opSrai, name: "c.srai", rd: rd, rs1: rd, imm: shamt}
	case 2:
		return insn{code: opAndi, name: "c.andi", rd: rd, rs1: rd, imm: imm6(p)}
	}
	two := [8]struct {
		name string
		code code
	}{{"c.sub", opSub}, {"c.xor", opXor}, {"c.or", opOr}, {"c.and", opAnd}, {"c.subw", opSubw}, {"c.addw", opAddw}}[p>>10&4|p>>5&3]
	if two.code == opIllegal {
		return insn{}
	}
	return insn{code: two.code, name: two.name, rd: rd, rs1: rd, rs2: rs2}
}

func quadrant2(p uint16) insn {
	rd, rs2 := uint8(p>>7&31), uint8(p>>2&31)
	switch p >> 13 {
	case 0:
		return insn{code: opSlli, name: "c.slli", rd: rd, rs1: rd, imm: imm6(p) & 63}
	case 2:
		if rd != 0 {
			return insn{code: opLw, name: "c.lwsp", rd: rd, rs1: sp, imm: field(p, 12, 1, 5) | field(p, 4, 3, 2) | field(p, 2, 2, 6)}
		}
	case 3:
		if rd != 0 {
			return insn{code: opLd, name: "c.ldsp", rd: rd, rs1: sp, imm: field(p, 12, 1, 5) | field(p, 5, 2, 3) | field(p, 2, 3, 6)}
		}
	case 4:
		return jumpOrMove(p>>12&1 != 0, rd, rs2)
	case 6:
		return insn{code: opSw, name: "c.swsp", rs1: sp, rs2: rs2, imm: field(p, 9, 4, 2) | field(p, 7, 2, 6)}
	case 7:
		return insn{code: opSd, name: "c.sdsp", rs1: sp, rs2: rs2, imm: field(p, 10, 3, 3) | field(p, 7, 3, 6)}
	}
	return insn{}
}

// jumpOrMove decodes the CR rows of quadrant 2.
func jumpOrMove(bit12 bool, rd, rs2 uint8) insn {
	switch {
	case rs2 != 0 && !bit12:
		return insn{code: opAdd, name: "c.mv", rd: rd, rs2: rs2}
	case rs2 != 0:
		return insn{code: opAdd, name: "c.add", rd: rd, rs1: rd, rs2: rs2}
	case rd == 0 && bit12:
		return insn{code: opEbreak, name: "c.ebreak"}
	case rd == 0:
		return insn{}
	case bit12:
		return insn{code: opJalr, name: "c.jalr", rd: ra, rs1: rd}
	}
	return insn{code: opJalr, name: "c.jr", rs1: rd}
}
