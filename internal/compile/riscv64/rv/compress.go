package rv

// Major opcodes, bits 6:0 of a 32-bit instruction (ISA manual, RV32/64G instruction set listings).
const (
	majorLoad   = 0x03
	majorOpImm  = 0x13
	majorOpImmW = 0x1b
	majorStore  = 0x23
	majorOp     = 0x33
	majorLUI    = 0x37
	majorOpW    = 0x3b
	majorBranch = 0x63
	majorJALR   = 0x67
	majorJAL    = 0x6f
	majorSystem = 0x73
)

// Compress returns the 16-bit form of a 32-bit instruction when the C
// extension has one that does the same (ISA manual, chapter 26). It never
// returns an encoding that the manual reserves or calls a hint: those are the
// conditions on zero immediates and on x0 below. A branch or jump is taken
// with the offset that it holds.
func Compress(w uint32) (uint16, bool) {
	switch w & 0x7f {
	case majorOpImm:
		return compressOpImm(w)
	case majorLoad:
		return compressLoad(w)
	case majorStore:
		return compressStore(w)
	case majorOp:
		return compressOp(w)
	case majorOpImmW:
		return compressAddiw(w)
	case majorOpW:
		return compressOpW(w)
	case majorBranch:
		return compressBranch(w)
	case majorLUI:
		return compressLUI(w)
	case majorJAL:
		return compressJAL(w)
	case majorJALR:
		return compressJALR(w)
	case majorSystem:
		if w == 0x00100073 {
			return 0x9002, true // c.ebreak
		}
	}
	return 0, false
}

// The fields of a 32-bit instruction.
func fieldRD(w uint32) uint32  { return w >> 7 & 31 }
func fieldRS1(w uint32) uint32 { return w >> 15 & 31 }
func fieldRS2(w uint32) uint32 { return w >> 20 & 31 }
func fieldI(w uint32) int32    { return int32(w) >> 20 }

// prime reports whether r is one of x8 to x15, which three bits name.
func prime(r uint32) bool { return r>>3 == 1 }

// fits6 reports whether imm fits the signed immediate of format CI.
func fits6(imm int32) bool { return uint32(imm+32) < 64 }

// ci packs format CI:
//
//	15  13  12   11    7 6      2 1 0
//	funct3 imm[5] rd/rs1 imm[4:0]  op
func ci(base, rd uint32, imm uint32) (uint16, bool) {
	return uint16(base | imm&0x20<<7 | rd<<7 | imm&31<<2), true
}

// cb packs the arithmetic of format CB, on x8 to x15:
//
//	15  13  12   11   10 9      7 6      2 1 0
//	funct3 imm[5] funct2 rd'/rs1' imm[4:0]  op
func cb(base, rd uint32, imm uint32) (uint16, bool) {
	return uint16(base | imm&0x20<<7 | rd&7<<7 | imm&31<<2), true
}

// ca packs format CA:
//
//	15  10 9      7 6    5 4  2 1 0
//	funct6 rd'/rs1' funct2 rs2'  op
func ca(base, rd, rs2 uint32) (uint16, bool) {
	return uint16(base | rd&7<<7 | rs2&7<<2), true
}

func compressOpImm(w uint32) (uint16, bool) {
	rd, rs1, imm := fieldRD(w), fieldRS1(w), fieldI(w)
	switch w >> 12 & 7 {
	case 0: // addi
		return compressAddi(rd, rs1, imm)
	case 1: // slli: c.slli; a shift by 0 is a hint
		if imm > 0 && imm < 64 && rd == rs1 && rd != 0 {
			return ci(0x0002, rd, uint32(imm))
		}
	case 5: // srli, srai: c.srli, c.srai; a shift by 0 is a hint
		shamt := uint32(imm) & 63
		if rd != rs1 || !prime(rd) || shamt == 0 {
			break
		}
		switch imm &^ 63 {
		case 0:
			return cb(0x8001, rd, shamt)
		case 0x400:
			return cb(0x8401, rd, shamt)
		}
	case 7: // andi: c.andi
		if rd == rs1 && prime(rd) && fits6(imm) {
			return cb(0x8801, rd, uint32(imm))
		}
	}
	return 0, false
}

func compressAddi(rd, rs1 uint32, imm int32) (uint16, bool) {
	u := uint32(imm)
	switch {
	case rd == 0:
		// c.nop; any other addi to x0 would be a hint.
		return 0x0001, rs1 == 0 && imm == 0
	case rs1 == 0: // c.li
		if fits6(imm) {
			return ci(0x4001, rd, u)
		}
	case imm == 0: // c.mv; c.addi with a zero immediate is a hint
		return uint16(0x8002 | rd<<7 | rs1<<2), true
	case rd == rs1 && fits6(imm): // c.addi
		return ci(0x0001, rd, u)
	case rd == 2 && rs1 == 2: // c.addi16sp: imm[9|4|6|8:7|5]
		if u&15 == 0 && imm >= -512 && imm < 512 {
			return uint16(0x6101 | u&0x200<<3 | u&0x10<<2 | u&0x40>>1 | u&0x180>>4 | u&0x20>>3), true
		}
	case rs1 == 2 && prime(rd): // c.addi4spn: imm[5:4|9:6|2|3]
		if u&3 == 0 && u < 1024 {
			return uint16(u&0x30<<7 | u&0x3c0<<1 | u&4<<4 | u&8<<2 | rd&7<<2), true
		}
	}
	return 0, false
}

// offW places a word offset below 128 as c.lw and c.sw have it:
// imm[5:3] in bits 12:10, imm[2] in 6, imm[6] in 5.
func offW(u uint32) uint32 { return u&0x38<<7 | u&4<<4 | u&0x40>>1 }

// offD places a doubleword offset below 256 as c.ld and c.sd have it:
// imm[5:3] in bits 12:10, imm[7:6] in 6:5.
func offD(u uint32) uint32 { return u&0x38<<7 | u&0xc0>>1 }

func compressLoad(w uint32) (uint16, bool) {
	rd, rs1, u := fieldRD(w), fieldRS1(w), uint32(fieldI(w))
	switch w >> 12 & 7 {
	case 2: // lw
		switch {
		case u&3 != 0:
		case rs1 == 2: // c.lwsp: imm[5] in 12, imm[4:2|7:6] in 6:2; reserved for x0
			if u < 256 && rd != 0 {
				return uint16(0x4002 | u&0x20<<7 | rd<<7 | u&0x1c<<2 | u&0xc0>>4), true
			}
		case u < 128 && prime(rs1) && prime(rd):
			return uint16(0x4000 | offW(u) | rs1&7<<7 | rd&7<<2), true
		}
	case 3: // ld
		switch {
		case u&7 != 0:
		case rs1 == 2: // c.ldsp: imm[5] in 12, imm[4:3|8:6] in 6:2; reserved for x0
			if u < 512 && rd != 0 {
				return uint16(0x6002 | u&0x20<<7 | rd<<7 | u&0x18<<2 | u&0x1c0>>4), true
			}
		case u < 256 && prime(rs1) && prime(rd):
			return uint16(0x6000 | offD(u) | rs1&7<<7 | rd&7<<2), true
		}
	}
	return 0, false
}

func compressStore(w uint32) (uint16, bool) {
	rs1, rs2 := fieldRS1(w), fieldRS2(w)
	u := uint32(int32(w)>>20)&^31 | fieldRD(w)
	switch w >> 12 & 7 {
	case 2: // sw
		switch {
		case u&3 != 0:
		case rs1 == 2: // c.swsp: imm[5:2|7:6] in 12:7
			if u < 256 {
				return uint16(0xc002 | u&0x3c<<7 | u&0xc0<<1 | rs2<<2), true
			}
		case u < 128 && prime(rs1) && prime(rs2):
			return uint16(0xc000 | offW(u) | rs1&7<<7 | rs2&7<<2), true
		}
	case 3: // sd
		switch {
		case u&7 != 0:
		case rs1 == 2: // c.sdsp: imm[5:3|8:6] in 12:7
			if u < 512 {
				return uint16(0xe002 | u&0x38<<7 | u&0x1c0<<1 | rs2<<2), true
			}
		case u < 256 && prime(rs1) && prime(rs2):
			return uint16(0xe000 | offD(u) | rs1&7<<7 | rs2&7<<2), true
		}
	}
	return 0, false
}

func compressOp(w uint32) (uint16, bool) {
	rd, rs1, rs2 := fieldRD(w), fieldRS1(w), fieldRS2(w)
	fn := w & 0xfe007000
	if fn == 0 { // add
		return compressAdd(rd, rs1, rs2)
	}
	if rd != rs1 {
		// All but sub commute.
		if rd != rs2 || fn>>30 != 0 {
			return 0, false
		}
		rs2 = rs1
	}
	if !prime(rd) || !prime(rs2) {
		return 0, false
	}
	switch fn {
	case 0x40000000:
		return ca(0x8c01, rd, rs2) // c.sub
	case 0x4000:
		return ca(0x8c21, rd, rs2) // c.xor
	case 0x6000:
		return ca(0x8c41, rd, rs2) // c.or
	case 0x7000:
		return ca(0x8c61, rd, rs2) // c.and
	}
	return 0, false
}

func compressAdd(rd, rs1, rs2 uint32) (uint16, bool) {
	if rd == 0 {
		return 0, false // a hint
	}
	if rs1 == 0 || rs2 == 0 {
		if rs1|rs2 == 0 {
			return ci(0x4001, rd, 0) // c.li; c.mv from x0 would be c.jr
		}
		return uint16(0x8002 | rd<<7 | (rs1|rs2)<<2), true // c.mv
	}
	switch rd {
	case rs1:
		return uint16(0x9002 | rd<<7 | rs2<<2), true // c.add
	case rs2:
		return uint16(0x9002 | rd<<7 | rs1<<2), true
	}
	return 0, false
}

func compressAddiw(w uint32) (uint16, bool) {
	rd, rs1, imm := fieldRD(w), fieldRS1(w), fieldI(w)
	if w>>12&7 != 0 || rd == 0 || !fits6(imm) {
		return 0, false // c.addiw to x0 is reserved
	}
	switch rs1 {
	case rd:
		return ci(0x2001, rd, uint32(imm))
	case 0: // c.li
		return ci(0x4001, rd, uint32(imm))
	}
	return 0, false
}

func compressOpW(w uint32) (uint16, bool) {
	rd, rs1, rs2 := fieldRD(w), fieldRS1(w), fieldRS2(w)
	if !prime(rd) || !prime(rs1) || !prime(rs2) {
		return 0, false
	}
	switch w & 0xfe007000 {
	case 0x40000000: // c.subw
		if rd == rs1 {
			return ca(0x9c01, rd, rs2)
		}
	case 0: // c.addw
		switch rd {
		case rs1:
			return ca(0x9c21, rd, rs2)
		case rs2:
			return ca(0x9c21, rd, rs1)
		}
	}
	return 0, false
}

func compressLUI(w uint32) (uint16, bool) {
	rd, imm := fieldRD(w), int32(w)>>12
	// c.lui: 0 is reserved, to x0 a hint, and to sp c.addi16sp.
	if rd == 0 || rd == 2 || imm == 0 || !fits6(imm) {
		return 0, false
	}
	return ci(0x6001, rd, uint32(imm))
}

// compressBranch finds c.beqz and c.bnez: imm[8|4:3] in bits 12:10,
// imm[7:6|2:1|5] in 6:2.
func compressBranch(w uint32) (uint16, bool) {
	fn := w >> 12 & 7
	r := fieldRS1(w) | fieldRS2(w)
	if fn > 1 || fieldRS1(w) != 0 && fieldRS2(w) != 0 || !prime(r) {
		return 0, false
	}
	u := uint32(branchOffset(w))
	if u+256 >= 512 {
		return 0, false
	}
	return uint16(0xc001 | fn<<13 | u&0x100<<4 | u&0x18<<7 | r&7<<7 | u&0xc0>>1 | u&6<<2 | u&0x20>>3), true
}

// compressJAL finds c.j: imm[11|4|9:8|10|6|7|3:1|5] in bits 12:2. RV64 has no
// c.jal.
func compressJAL(w uint32) (uint16, bool) {
	if fieldRD(w) != 0 {
		return 0, false
	}
	u := uint32(jumpOffset(w))
	if u+2048 >= 4096 {
		return 0, false
	}
	return uint16(0xa001 | u&0x800<<1 | u&0x10<<7 | u&0x300<<1 | u&0x400>>2 |
		u&0x40<<1 | u&0x80>>1 | u&0xe<<2 | u&0x20>>3), true
}

// shortJumpOffset is the offset of a c.j.
func shortJumpOffset(c uint32) int64 {
	u := c>>1&0x800 | c>>7&0x10 | c>>1&0x300 | c<<2&0x400 | c>>1&0x40 | c<<1&0x80 | c>>2&0xe | c<<3&0x20
	return int64(int32(u<<20) >> 20)
}

func compressJALR(w uint32) (uint16, bool) {
	rd, rs1 := fieldRD(w), fieldRS1(w)
	if w>>12&7 != 0 || fieldI(w) != 0 || rs1 == 0 || rd > 1 {
		return 0, false // c.jr x0 is reserved, c.jalr x0 is c.ebreak
	}
	return uint16(0x8002 | rd<<12 | rs1<<7), true
}
