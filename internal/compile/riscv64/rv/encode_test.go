package rv

import (
	"fmt"
	"strings"
	"testing"
)

// TestEncodeErrors pins what a caller is told: instruction, operand, value, range.
func TestEncodeErrors(t *testing.T) {
	for _, c := range []struct {
		op           Op
		rd, rs1, rs2 Reg
		imm          int64
		want         string
	}{
		{ADDI, A0, A1, 0, 2048, "rv: addi: immediate is 2048, expected -2048 to 2047"},
		{ADDI, A0, A1, 0, -2049, "rv: addi: immediate is -2049, expected -2048 to 2047"},
		{ADDI, A0, A1, A2, 0, "rv: addi: has no rs2, but it is a2"},
		{ADDI, 32, A1, 0, 0, "rv: addi: rd is register 32, expected 0 to 31"},
		{SLLI, A0, A1, 0, 64, "rv: slli: immediate is 64, expected 0 to 63"},
		{SLLIW, A0, A1, 0, 32, "rv: slliw: immediate is 32, expected 0 to 31"},
		{SRAI, A0, A1, 0, -1, "rv: srai: immediate is -1, expected 0 to 63"},
		{ADD, A0, A1, A2, 1, "rv: add: has no immediate, but it is 1"},
		{ADD, A0, A1, 200, 0, "rv: add: rs2 is register 200, expected 0 to 31"},
		{CLZ, A0, A1, A2, 0, "rv: clz: has no rs2, but it is a2"},
		{LD, A0, A1, 0, 1 << 40, "rv: ld: immediate is 1099511627776, expected -2048 to 2047"},
		{SD, 0, A1, A2, 4096, "rv: sd: immediate is 4096, expected -2048 to 2047"},
		{SD, A0, A1, A2, 0, "rv: sd: has no rd, but it is a0"},
		{BEQ, 0, A1, A2, 4096, "rv: beq: offset is 4096, expected a multiple of 2 from -4096 to 4094"},
		{BEQ, 0, A1, A2, 3, "rv: beq: offset is 3, expected a multiple of 2 from -4096 to 4094"},
		{JAL, RA, 0, 0, -1<<20 - 2, "rv: jal: offset is -1048578, expected a multiple of 2 from -1048576 to 1048574"},
		{LUI, A0, 0, 0, 1 << 20, "rv: lui: immediate is 1048576, expected -524288 to 1048575"},
		{LRW, A0, A1, A2, 0, "rv: lr.w: has no rs2, but it is a2"},
		{AMOADDW, A0, A1, A2, 4, "rv: amoadd.w: immediate is 4, expected 0 to 3"},
		{ECALL, 0, 0, 0, 1, "rv: ecall: has no immediate, but it is 1"},
		{numOps, 0, 0, 0, 0, fmt.Sprintf("rv: no instruction has number %d", numOps)},
	} {
		w, err := Encode(c.op, c.rd, c.rs1, c.rs2, c.imm)
		if err == nil || err.Error() != c.want {
			t.Errorf("Encode(%s, %d, %d, %d, %d) = %08x, %v\nwant %s", c.op, c.rd, c.rs1, c.rs2, c.imm, w, err, c.want)
		}
	}
}

// TestPackersPanic: an immediate that does not fit is a bug of the code
// generator, and never becomes another instruction.
func TestPackersPanic(t *testing.T) {
	for _, c := range []struct {
		name string
		f    func()
	}{
		{"I high", func() { I(ADDI, A0, A0, 2048) }},
		{"I low", func() { I(LD, A0, A0, -2049) }},
		{"shift", func() { I(SLLI, A0, A0, 64) }},
		{"shift of 32 bits", func() { I(SRAIW, A0, A0, 32) }},
		{"S", func() { S(SD, A0, A0, 2048) }},
		{"B far", func() { B(BEQ, A0, A0, 4096) }},
		{"B odd", func() { B(BEQ, A0, A0, 1) }},
		{"U", func() { U(LUI, A0, 1<<20) }},
		{"J far", func() { J(JAL, A0, 1<<20) }},
		{"J odd", func() { J(JAL, A0, 5) }},
	} {
		func() {
			defer func() {
				if msg := fmt.Sprint(recover()); !strings.HasPrefix(msg, "BUG: rv: ") {
					t.Errorf("%s: %s", c.name, msg)
				}
			}()
			c.f()
		}()
	}
}

// TestRowsDistinct: no two rows share an encoding, and no operand overlaps the
// bits of its row.
func TestRowsDistinct(t *testing.T) {
	for a := range numOps {
		ra := &rows[a]
		if ra.name == "" || ra.match&^ra.mask() != 0 || ra.match&3 != 3 {
			t.Errorf("row %d %q: match %08x, mask %08x", a, ra.name, ra.match, ra.mask())
		}
		for b := range a {
			rb := &rows[b]
			// fence.tso is a fence whose fm, in bits 31:28, is not zero.
			if (ra.match^rb.match)&ra.mask()&rb.mask() == 0 {
				t.Errorf("%s and %s share encodings", ra.name, rb.name)
			}
		}
	}
}

var sink uint32

func BenchmarkPackers(b *testing.B) {
	for _, c := range []struct {
		name string
		f    func(n int32) uint32
	}{
		{"R", func(n int32) uint32 { return R(ADD, A0, A1, Reg(n)) }},
		{"I", func(n int32) uint32 { return I(ADDI, A0, A1, n) }},
		{"S", func(n int32) uint32 { return S(SD, A0, A1, n) }},
		{"B", func(n int32) uint32 { return B(BEQ, A0, A1, n*2) }},
		{"U", func(n int32) uint32 { return U(LUI, A0, n) }},
		{"J", func(n int32) uint32 { return J(JAL, A0, n*2) }},
		{"A", func(n int32) uint32 { return A(AMOADDD, A0, A1, Reg(n), true, false) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			n := int32(0)
			for b.Loop() {
				sink = c.f(n & 31)
				n++
			}
		})
	}
	b.Run("Encode", func(b *testing.B) {
		for b.Loop() {
			sink, _ = Encode(ADDI, A0, A1, Zero, 5)
		}
	})
}
