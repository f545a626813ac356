package rv

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// TestSweepXArch holds every encoding against golang.org/x/arch: its text with
// all operands, and that Disasm accepts it.
func TestSweepXArch(t *testing.T) {
	bad := 0
	unknown := map[Op]bool{}
	for _, s := range sweep(t) {
		var code [4]byte
		binary.LittleEndian.PutUint32(code[:], s.word)
		if _, size, err := Disasm(code[:], 0x1000); err != nil || size != 4 {
			t.Fatalf("%v: Disasm: size %d, %v", s, size, err)
		}
		inst, err := decode(code[:])
		if err != nil {
			unknown[s.op] = true
			continue
		}
		var args []string
		for _, a := range inst.Args {
			if a != nil {
				args = append(args, abiNames(strings.ToLower(a.String())))
			}
		}
		got := fmt.Sprintf("%s %s", strings.ToLower(inst.Op.String()), strings.Join(args, ","))
		if formats[rows[s.op].form].align == 2 {
			got = relative(got)
		}
		got = canon(got, 0)
		if want := canon(s.op.text(s.word, 0), 0); got != want && !xarchDiffers(s) {
			t.Errorf("%v: want %q, x/arch says %q", s, want, got)
			if bad++; bad > 200 {
				t.FailNow()
			}
		}
	}
	if len(unknown) != 0 {
		t.Errorf("x/arch does not know %v; TestDisasm covers what it does not know", unknown)
	}
}

// xarchDiffers lists what x/arch (v0.32) writes in its own way: fence.tso and
// fences that order nothing by their bits, and a csr without a name as CSR(n).
func xarchDiffers(s sample) bool {
	switch s.op {
	case FENCE:
		return s.imm>>4 == 0 || s.imm&15 == 0
	case FENCETSO:
		return true
	case CSRRS:
		return s.imm != 0xc00 && s.imm != 0xc01 && s.imm != 0xc02
	}
	return false
}

// relative marks the last operand of a branch as canon does.
func relative(text string) string {
	cut := strings.LastIndexByte(text, ',') + 1
	off, err := strconv.ParseInt(text[cut:], 10, 64)
	if err != nil {
		return text
	}
	return fmt.Sprintf("%spc%+d", text[:cut], off)
}
