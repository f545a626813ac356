package riscv64

import (
	"encoding/binary"

	"github.com/rivetbpf/rivet/internal/compile/riscv64/rv"
)

// EncodeJump implements compile.Target.
func (t *Target) EncodeJump(dst []byte, kind uint8, form int, word uint32, dist int64) []byte {
	size := t.forms[kind][form].Size
	switch kind {
	case jumpCall:
		return encodeLink(dst, size, rv.RA, rv.RA, dist)
	case jumpFault:
		return encodeLink(dst, size, RegFaultPC, RegFaultPC, dist)
	case jumpAlways:
		return encodeLink(dst, size, rv.Zero, regFar, dist)
	}
	return encodeCond(dst, size, word, dist)
}

// encodeLink appends a jump that links rd; scratch is free to use.
func encodeLink(dst []byte, size uint8, rd, scratch rv.Reg, dist int64) []byte {
	switch size {
	case 2:
		return append16(dst, rv.J(rv.JAL, rd, int32(dist)))
	case 4:
		return append32(dst, rv.J(rv.JAL, rd, int32(dist)))
	}
	hi, lo := splitFar(dist)
	dst = append32(dst, rv.U(rv.AUIPC, scratch, hi))
	return append32(dst, rv.I(rv.JALR, rd, scratch, lo))
}

func encodeCond(dst []byte, size uint8, word uint32, dist int64) []byte {
	switch size {
	case 2:
		return append16(dst, withBranchOffset(word, int32(dist)))
	case 4:
		return append32(dst, withBranchOffset(word, int32(dist)))
	}
	// Bit 12 turns a condition into its opposite: beq and bne, blt and bge, bltu and bgeu.
	dst = append32(dst, withBranchOffset(word^1<<12, int32(size)))
	return encodeLink(dst, size-4, rv.Zero, regFar, dist-4)
}

// withBranchOffset fills in the offset of a branch instruction that has none.
func withBranchOffset(word uint32, off int32) uint32 {
	return word | rv.B(rv.BEQ, 0, 0, off)&^rv.B(rv.BEQ, 0, 0, 0)
}

// splitFar splits a distance for auipc and jalr. The low 12 bits are
// sign-extended, so the upper part is rounded (RISC-V ISA manual, 2.4).
func splitFar(dist int64) (hi, lo int32) {
	hi = int32((dist + 0x800) >> 12)
	return hi, int32(dist - int64(hi)<<12)
}

func append32(dst []byte, w uint32) []byte { return binary.LittleEndian.AppendUint32(dst, w) }

// append16 appends the 16-bit form of a jump whose distance fits it.
func append16(dst []byte, w uint32) []byte {
	h, ok := rv.Compress(w)
	if !ok {
		panic("BUG: jump without a 16-bit form")
	}
	return binary.LittleEndian.AppendUint16(dst, h)
}
