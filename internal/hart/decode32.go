package hart

// byMajor holds the rows of each pair of major opcode (bits 6:2) and funct3, so
// that a word is compared with a handful of rows. A row that leaves funct3 free
// is in eight buckets.
var byMajor = func() (t [256][]row) {
	for _, r := range rows {
		for f3 := range uint32(8) {
			if r.mask&0x7000 == 0 || r.match>>12&7 == f3 {
				k := bucket(r.match&^0x7000 | f3<<12)
				t[k] = append(t[k], r)
			}
		}
	}
	return t
}()

func bucket(w uint32) uint32 { return w>>2&0x1f<<3 | w>>12&7 }

// decode32 decodes a word whose low two bits are 11. What is not an instruction
// of ext is opIllegal.
func decode32(w uint32, ext Ext) insn {
	if w&3 == 3 {
		for i := range byMajor[bucket(w)] {
			r := &byMajor[bucket(w)][i]
			if w&r.mask == r.match && r.ext&^ext == 0 {
				return operands(w, r)
			}
		}
	}
	return insn{code: opIllegal, size: 4}
}

// operands picks the fields of w that r's format names.
func operands(w uint32, r *row) insn {
	in := insn{code: r.code, size: 4, name: r.name}
	rd, rs1, rs2 := uint8(w>>7&31), uint8(w>>15&31), uint8(w>>20&31)
	s := int32(w) // arithmetic shifts of s copy the sign, which is always bit 31
	switch r.format {
	case fmtR:
		in.rd, in.rs1, in.rs2 = rd, rs1, rs2
	case fmtUnary:
		in.rd, in.rs1 = rd, rs1
	case fmtI:
		in.rd, in.rs1, in.imm = rd, rs1, int64(s>>20)
	case fmtSh6:
		in.rd, in.rs1, in.imm = rd, rs1, int64(w>>20&63)
	case fmtSh5:
		in.rd, in.rs1, in.imm = rd, rs1, int64(w>>20&31)
	case fmtS:
		in.rs1, in.rs2, in.imm = rs1, rs2, int64(s>>25<<5|s>>7&31)
	case fmtB:
		in.rs1, in.rs2 = rs1, rs2
		in.imm = int64(s>>31<<12 | s<<4&0x800 | s>>20&0x7e0 | s>>7&0x1e)
	case fmtU:
		in.rd, in.imm = rd, int64(s&^0xfff)
	case fmtJ:
		in.rd = rd
		in.imm = int64(s>>31<<20 | s&0xff000 | s>>9&0x800 | s>>20&0x7fe)
	case fmtAmo:
		in.rd, in.rs1, in.rs2, in.imm = rd, rs1, rs2, int64(w>>27)
	case fmtCsr:
		in.rd, in.imm = rd, int64(w>>20&3)
		if in.imm == 3 { // hpmcounter3
			return insn{code: opIllegal, size: 4}
		}
	case fmtFence:
		in.imm = int64(w >> 20 & 0xff)
	}
	return in
}
