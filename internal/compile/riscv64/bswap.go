package riscv64

import (
	"github.com/rivetbpf/rivet/internal/compile/riscv64/rv"
	"github.com/rivetbpf/rivet/internal/ir"
)

// bswap swaps the bytes of the low 16, 32 or 64 bits and clears those above.
func (l *lower) bswap(op ir.Op, rd, ra rv.Reg, u upper) {
	if l.ext.Has(rv.ExtZbb) {
		l.r(rv.REV8, rd, ra, rv.Zero)
		switch op {
		case ir.OpBswap16:
			l.i(rv.SRLI, rd, rd, 48)
		case ir.OpBswap32:
			l.i(rv.SRLI, rd, rd, 32)
		}
		return
	}
	switch op {
	case ir.OpBswap16:
		l.bswap16(rd, ra, u)
	case ir.OpBswap32:
		l.bswap32(rd, ra)
	default:
		l.bswap64(rd, ra)
	}
}

// bswap16 brings the low byte to bits 15:8 and what lies above it to 7:0.
func (l *lower) bswap16(rd, ra rv.Reg, u upper) {
	l.i(rv.SLLI, rv.T0, ra, 56)
	l.i(rv.SRLI, rv.T0, rv.T0, 48)
	l.i(rv.SRLI, rd, ra, 8)
	if u.bits() > 16 {
		l.i(rv.ANDI, rd, rd, 0xff)
	}
	l.r(rv.OR, rd, rd, rv.T0)
}

// bswap32 swaps 0xAABBCCDD: the outer bytes by shifts, the inner by a mask.
func (l *lower) bswap32(rd, ra rv.Reg) {
	l.li(rv.T1, 0xff00)
	l.i(rv.SRLIW, rv.T0, ra, 8)      // 00AABBCC
	l.r(rv.AND, rv.T0, rv.T0, rv.T1) // 0000BB00
	l.i(rv.SRLIW, rv.T3, ra, 24)     // 000000AA
	l.r(rv.OR, rv.T0, rv.T0, rv.T3)
	l.r(rv.AND, rv.T1, ra, rv.T1) // 0000CC00
	l.i(rv.SLLI, rv.T1, rv.T1, 8) // 00CC0000
	l.r(rv.OR, rv.T0, rv.T0, rv.T1)
	l.i(rv.SLLI, rd, ra, 56) // the low byte, at the top
	l.i(rv.SRLI, rd, rd, 32) // DD000000, zero-extended
	l.r(rv.OR, rd, rd, rv.T0)
}

// bswap64 swaps neighbouring bytes, then neighbouring halfwords, then words.
func (l *lower) bswap64(rd, ra rv.Reg) {
	l.li(rv.T1, 0x00ff00ff)
	l.i(rv.SLLI, rv.T0, rv.T1, 32)
	l.r(rv.ADD, rv.T1, rv.T1, rv.T0) // 00ff00ff00ff00ff
	l.swapFields(rd, ra, 8)
	l.li(rv.T1, 0xffff)
	l.i(rv.SLLI, rv.T0, rv.T1, 32)
	l.r(rv.ADD, rv.T1, rv.T1, rv.T0) // 0000ffff0000ffff
	l.swapFields(rd, rd, 16)
	l.i(rv.SLLI, rv.T0, rd, 32)
	l.i(rv.SRLI, rd, rd, 32)
	l.r(rv.OR, rd, rd, rv.T0)
}

// swapFields swaps neighbouring fields of n bits; t1 masks the lower ones.
func (l *lower) swapFields(rd, ra rv.Reg, n int32) {
	l.i(rv.SRLI, rv.T0, ra, n)
	l.r(rv.AND, rv.T0, rv.T0, rv.T1)
	l.r(rv.AND, rd, ra, rv.T1)
	l.i(rv.SLLI, rd, rd, n)
	l.r(rv.OR, rd, rd, rv.T0)
}
