package load

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/rivetbpf/rivet/internal/bpf"
)

// code reads instructions separated by ";": opcode in hexadecimal, then dst, src,
// off and imm, which may be left out at the end. "exit" stands for the two
// instructions that return 0.
func code(t testing.TB, text string) []bpf.Insn {
	t.Helper()
	var insns []bpf.Insn
	for _, one := range strings.Split(text, ";") {
		f := strings.Fields(one)
		if len(f) == 0 {
			continue
		}
		if f[0] == "exit" {
			insns = append(insns, bpf.Insn{Op: bpf.OpMovK}, bpf.Insn{Op: bpf.OpExit})
			continue
		}
		op, err := strconv.ParseUint(f[0], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		var n [4]int64
		for i, s := range f[1:] {
			if n[i], err = strconv.ParseInt(s, 0, 64); err != nil {
				t.Fatal(err)
			}
		}
		insns = append(insns, bpf.Insn{Op: uint8(op), Dst: uint8(n[0]), Src: uint8(n[1]), Off: int16(n[2]), Imm: int32(n[3])})
	}
	return insns
}

// encode gives the bytes of instructions.
func encode(insns []bpf.Insn) []byte {
	var b []byte
	for _, i := range insns {
		b = appendInsn(b, i)
	}
	return b
}

// testMaps are what programs of the tests may refer to by index.
func testMaps() []*bpf.Map {
	return []*bpf.Map{
		{Name: "jmp", Type: bpf.MapTypeProgArray, KeySize: 4, ValueSize: 4, MaxEntries: 4},
		{Name: "data", Type: bpf.MapTypeArray, KeySize: 4, ValueSize: 16, MaxEntries: 1},
		{Name: "many", Type: bpf.MapTypeArray, KeySize: 4, ValueSize: 16, MaxEntries: 2},
	}
}

// loadCode loads one program that may refer to testMaps.
func loadCode(insns []bpf.Insn) (*bpf.Module, error) {
	return Programs([]RawProgram{{Name: "prog", Type: "XDP", Insns: insns}}, testMaps(), nil)
}

// wantError checks that err contains text, or is nil when text is empty.
func wantError(t *testing.T, err error, text string) {
	t.Helper()
	switch {
	case text == "" && err != nil:
		t.Errorf("refused: %v", err)
	case text != "" && err == nil:
		t.Errorf("accepted; want an error with %q", text)
	case text != "" && !strings.Contains(err.Error(), text):
		t.Errorf("error %q\nwant    %q", err, text)
	}
}

// repeat makes n instructions of one.
func repeat(in bpf.Insn, n int) []bpf.Insn {
	insns := make([]bpf.Insn, n)
	for i := range insns {
		insns[i] = in
	}
	return insns
}

// frames makes a chain of functions, one calling the next, with the given
// bytes of stack each. The last tail-calls when tail is set.
func frames(tail bool, stack ...int) []bpf.Insn {
	const size = 4
	ret := []bpf.Insn{{Op: bpf.OpMovK}, {Op: bpf.OpExit}}
	var insns []bpf.Insn
	for i, bytes := range stack {
		store := bpf.Insn{Op: bpf.ClassST | bpf.ModeMEM | bpf.SizeB, Dst: bpf.R10, Off: int16(-bytes)}
		if bytes == 0 {
			store = bpf.Insn{Op: bpf.OpMovK}
		}
		insns = append(insns, store)
		switch {
		case i < len(stack)-1:
			insns = append(insns, bpf.Insn{Op: bpf.OpCall, Src: bpf.CallSubprog, Imm: size - 2})
		case tail:
			insns = append(insns,
				bpf.Insn{Op: bpf.OpLDDW, Dst: bpf.R2, Src: bpf.LoadMap}, bpf.Insn{},
				bpf.Insn{Op: bpf.OpMovK, Dst: bpf.R3},
				bpf.Insn{Op: bpf.OpCall, Imm: bpf.HelperTailCall})
		}
		insns = append(insns, ret...)
	}
	return insns
}

func describe(insns []bpf.Insn) string {
	var b strings.Builder
	for pc, i := range insns {
		if pc == 40 {
			b.WriteString("…\n")
			break
		}
		fmt.Fprintf(&b, "%4d: % x\n", pc, appendInsn(nil, i))
	}
	return b.String()
}
