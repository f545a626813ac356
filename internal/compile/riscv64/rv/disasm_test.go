package rv

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
)

// TestDisasmObjdump compares Disasm with GNU objdump, aliases and all, over the
// sweep and over every halfword.
func TestDisasmObjdump(t *testing.T) {
	var words []string
	var code [][]byte
	for _, s := range sweep(t) {
		if s.op.Ext()&(ExtZicond|ExtZacas) == 0 {
			words = append(words, fmt.Sprintf(".insn 4, %#x", s.word))
			code = append(code, binary.LittleEndian.AppendUint32(nil, s.word))
		}
	}
	for v := range 1 << 16 {
		if v&3 != 3 {
			words = append(words, fmt.Sprintf(".insn 2, %#x", v))
			code = append(code, binary.LittleEndian.AppendUint16(nil, uint16(v)))
		}
	}
	want := objdumpAliases(t, words)
	if len(want) != len(code) {
		t.Fatalf("%d lines for %d instructions", len(want), len(code))
	}
	pc, diff := uint64(0), map[string]int{}
	for i, c := range code {
		got, n, err := Disasm(c, pc)
		if err != nil || n != len(c) {
			t.Fatalf("% x: size %d, %v", c, n, err)
		}
		g, w := canonText(got), canonText(want[i])
		if g != w {
			k := strings.Fields(g)[0] + "|" + strings.Fields(w)[0]
			if diff[k]++; diff[k] < 3 {
				t.Logf("% x at %#x: %q, objdump %q", c, pc, g, w)
			}
		}
		pc += uint64(n)
	}
	t.Log(diff)
}

func objdumpAliases(t *testing.T, words []string) []string {
	return objdump(t, "riscv64-linux-gnu-objdump", words)
}

func canonText(s string) string {
	s, _, _ = strings.Cut(s, " <")
	return strings.Join(strings.Fields(s), " ")
}
