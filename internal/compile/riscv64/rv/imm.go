package rv

import "math/bits"

// LoadImm appends to buf instructions that set rd to v.
func LoadImm(buf []uint32, rd Reg, v int64, ext Ext) []uint32 {
	if int64(int32(v)) == v {
		return loadImm32(buf, rd, v)
	}
	lo := v << 52 >> 52
	hi := v - lo
	shift := bits.TrailingZeros64(uint64(hi))
	buf = LoadImm(buf, rd, hi>>shift, ext)
	buf = append(buf, I(SLLI, rd, rd, int32(shift)))
	if lo != 0 {
		buf = append(buf, I(ADDI, rd, rd, int32(lo)))
	}
	return buf
}

func loadImm32(buf []uint32, rd Reg, v int64) []uint32 {
	lo := int32(v << 52 >> 52)
	hi := int32((v + 0x800) >> 12)
	if hi == 0 {
		return append(buf, I(ADDI, rd, Zero, lo))
	}
	buf = append(buf, U(LUI, rd, hi&0xfffff))
	if lo != 0 {
		buf = append(buf, I(ADDIW, rd, rd, lo))
	}
	return buf
}
