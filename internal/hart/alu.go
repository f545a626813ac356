package hart

import (
	"math"
	"math/bits"
)

func reverse64(v uint64) uint64 { return bits.ReverseBytes64(v) }

func b2u(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// sext32 is the 64-bit form of a 32-bit result: RV64 keeps them sign-extended.
func sext32(v uint32) uint64 { return uint64(int32(v)) }

// Division never traps (RISC-V ISA manual, volume I, table "Semantics for
// division by zero and division overflow").

func div(a, b int64) int64 {
	switch {
	case b == 0:
		return -1
	case a == math.MinInt64 && b == -1:
		return a
	}
	return a / b
}

func rem(a, b int64) int64 {
	switch {
	case b == 0:
		return a
	case b == -1: // also the overflow
		return 0
	}
	return a % b
}

func divu(a, b uint64) uint64 {
	if b == 0 {
		return math.MaxUint64
	}
	return a / b
}

func remu(a, b uint64) uint64 {
	if b == 0 {
		return a
	}
	return a % b
}

func mulhu(a, b uint64) uint64 {
	hi, _ := bits.Mul64(a, b)
	return hi
}

// mulh and mulhsu take the unsigned product's high half and subtract the other
// operand for each operand whose sign bit weighs -2^63 instead of 2^63.

func mulh(a, b uint64) uint64 {
	return mulhu(a, b) - uint64(int64(a)>>63)&b - uint64(int64(b)>>63)&a
}

func mulhsu(a, b uint64) uint64 { return mulhu(a, b) - uint64(int64(a)>>63)&b }

// orcB turns each byte that is not zero into 0xff.
func orcB(v uint64) uint64 {
	const low7 = 0x7f7f7f7f7f7f7f7f
	high := ((v & low7) + low7 | v) &^ low7 // bit 7 of each byte: not zero
	return high >> 7 * 0xff
}

// alu computes the register operations that are too rare for the main loop.
func alu(c code, a, b uint64, imm int64) uint64 {
	switch c {
	case opMulh:
		return mulh(a, b)
	case opMulhsu:
		return mulhsu(a, b)
	case opMulhu:
		return mulhu(a, b)
	case opDiv:
		return uint64(div(int64(a), int64(b)))
	case opDivu:
		return divu(a, b)
	case opRem:
		return uint64(rem(int64(a), int64(b)))
	case opRemu:
		return remu(a, b)
	case opDivw:
		return sext32(uint32(div(int64(int32(a)), int64(int32(b)))))
	case opDivuw:
		return sext32(uint32(divu(uint64(uint32(a)), uint64(uint32(b)))))
	case opRemw:
		return sext32(uint32(rem(int64(int32(a)), int64(int32(b)))))
	case opRemuw:
		return sext32(uint32(remu(uint64(uint32(a)), uint64(uint32(b)))))
	case opClz:
		return uint64(bits.LeadingZeros64(a))
	case opCtz:
		return uint64(bits.TrailingZeros64(a))
	case opCpop:
		return uint64(bits.OnesCount64(a))
	case opClzw:
		return uint64(bits.LeadingZeros32(uint32(a)))
	case opCtzw:
		return uint64(bits.TrailingZeros32(uint32(a)))
	case opCpopw:
		return uint64(bits.OnesCount32(uint32(a)))
	case opOrcB:
		return orcB(a)
	case opRol:
		return bits.RotateLeft64(a, int(b&63))
	case opRolw:
		return sext32(bits.RotateLeft32(uint32(a), int(b&31)))
	case opRor:
		return bits.RotateLeft64(a, -int(b&63))
	case opRorw:
		return sext32(bits.RotateLeft32(uint32(a), -int(b&31)))
	case opRoriw:
		return sext32(bits.RotateLeft32(uint32(a), -int(imm)))
	case opBclr:
		return a &^ (1 << (b & 63))
	case opBclri:
		return a &^ (1 << (imm & 63))
	case opBext:
		return a >> (b & 63) & 1
	case opBexti:
		return a >> (imm & 63) & 1
	case opBinv:
		return a ^ 1<<(b&63)
	case opBinvi:
		return a ^ 1<<(imm&63)
	case opBset:
		return a | 1<<(b&63)
	case opBseti:
		return a | 1<<(imm&63)
	}
	return 0
}
