package rv

import (
	"fmt"
	"testing"
)

// goldens hold words as llvm-mc-19 assembles them.
var goldens = []struct {
	text string
	got  uint32
	want uint32
}{
	{"ADDI T0, T1, 2047", I(ADDI, T0, T1, 2047), 0x7ff30293},
	{"LUI A0, 0xfffff", U(LUI, A0, -1), 0xfffff537},
}

func TestGolden(t *testing.T) {
	for _, g := range goldens {
		if g.got != g.want {
			t.Errorf("%s // got %08x, want %08x", g.text, g.got, g.want)
		}
	}
	_ = fmt.Sprint
}
