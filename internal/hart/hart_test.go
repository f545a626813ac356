package hart

import (
	"encoding/binary"
	"testing"
)

// text lays out 32-bit instructions.
func text(words ...uint32) []byte {
	var b []byte
	for _, w := range words {
		b = binary.LittleEndian.AppendUint32(b, w)
	}
	return b
}

// TestSum runs a loop that adds the numbers from 10 down to 1.
func TestSum(t *testing.T) {
	code := NewCode(0x400000, text(
		0x00a00513, // addi a0, x0, 10
		0x00000593, // addi a1, x0, 0
		0x00a585b3, // add  a1, a1, a0
		0xfff50513, // addi a0, a0, -1
		0xfe051ce3, // bne  a0, x0, -8
		0x00000073, // ecall
		0x00b60023, // sb   a1, 0(a2)
	))
	h := New(code)
	if trap := h.Run(0); trap.Kind != Ecall || h.X[11] != 55 || h.PC != 0x400018 || h.Instret != 2+30+1 {
		t.Fatalf("got %v, a1 %d, pc %#x, retired %d", trap, h.X[11], h.PC, h.Instret)
	}
	want := Trap{Kind: StoreFault, Addr: 0, Size: 1}
	if trap := h.Run(0); trap != want || h.PC != 0x400018 || h.Instret != 33 {
		t.Fatalf("got %v, pc %#x, retired %d", trap, h.PC, h.Instret)
	}
	for max := uint64(1); max < 34; max++ {
		h := New(code)
		trap := h.Run(max)
		if want := (Trap{Kind: Limit}); h.Instret != max || max < 33 && trap != want {
			t.Fatalf("limit %d: got %v, retired %d", max, trap, h.Instret)
		}
	}
}
