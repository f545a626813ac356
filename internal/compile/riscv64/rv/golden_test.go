package rv

import (
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the goldens in testdata")

// TestGolden reads testdata/encode.txt, whose lines are a packer's arguments,
// the word, its 16-bit form if any, and the text:
//
//	ADDI S0, S0, -1 // fff40413 147d addi s0,s0,-1
//
// Packer, Encode, Compress and Disasm must agree with it. The sweeps hold the
// same rows against outside tools; the goldens run without them.
func TestGolden(t *testing.T) {
	const file = "testdata/encode.txt"
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	seen := map[Op]bool{}
	for n, line := range strings.Split(strings.TrimSuffix(string(data), "\n"), "\n") {
		src, _, _ := strings.Cut(line, " // ")
		if src == "" || src[0] == '#' {
			fmt.Fprintln(&out, line)
			continue
		}
		op, w := packLine(t, src)
		seen[op] = true
		got := fmt.Sprintf("%s // %08x %s", src, w, wordText(t, w))
		fmt.Fprintln(&out, got)
		if got != line && !*update {
			t.Errorf("%s:%d:\nwant %s\ngot  %s", file, n+1, line, got)
		}
	}
	for op := range numOps {
		if !seen[op] {
			t.Errorf("%s has no line for %s", file, op)
		}
	}
	if *update {
		if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// wordText is the 16-bit form of w and its text, and the text of the 16-bit
// form where that is another instruction with the same result.
func wordText(t *testing.T, w uint32) string {
	t.Helper()
	const pc = 0x10000
	text, size, err := Disasm(binary.LittleEndian.AppendUint32(nil, w), pc)
	if err != nil || size != 4 {
		t.Errorf("Disasm(%08x): size %d, %v", w, size, err)
	}
	c, ok := Compress(w)
	if !ok {
		return "---- " + text
	}
	short, size, err := Disasm(binary.LittleEndian.AppendUint16(nil, c), pc)
	if err != nil || size != 2 {
		t.Errorf("Disasm(%04x): size %d, %v", c, size, err)
	}
	if short != text {
		text += " = " + short
	}
	return fmt.Sprintf("%04x %s", c, text)
}

// packLine calls the packer of the instruction and Encode.
func packLine(t *testing.T, src string) (Op, uint32) {
	t.Helper()
	name, rest, _ := strings.Cut(src, " ")
	op := numOps
	for i := range numOps {
		if strings.ToUpper(strings.ReplaceAll(rows[i].name, ".", "")) == name {
			op = i
		}
	}
	if op == numOps {
		t.Fatalf("%q: no instruction", src)
	}
	var regs []Reg
	var imm int64
	for arg := range strings.SplitSeq(rest, ", ") {
		if n, err := strconv.ParseInt(arg, 0, 64); err == nil {
			imm = n
			continue
		}
		for r := X0; r <= X31; r++ {
			if strings.EqualFold(r.String(), arg) {
				regs = append(regs, r)
			}
		}
	}
	regs = append(regs, Zero, Zero, Zero)
	a, b, c := regs[0], regs[1], regs[2]
	var packed, encoded uint32
	var err error
	switch rows[op].form {
	case fmtR, fmtUnary:
		packed = R(op, a, b, c)
		encoded, err = Encode(op, a, b, c, 0)
	case fmtS:
		packed = S(op, a, b, int32(imm))
		encoded, err = Encode(op, Zero, b, a, imm)
	case fmtB:
		packed = B(op, a, b, int32(imm))
		encoded, err = Encode(op, Zero, a, b, imm)
	case fmtU:
		packed = U(op, a, int32(imm))
		encoded, err = Encode(op, a, Zero, Zero, imm)
	case fmtJ:
		packed = J(op, a, int32(imm))
		encoded, err = Encode(op, a, Zero, Zero, imm)
	case fmtAMO, fmtLR:
		packed = A(op, a, b, c, imm&2 != 0, imm&1 != 0)
		encoded, err = Encode(op, a, c, b, imm)
	default:
		packed = I(op, a, b, int32(imm))
		encoded, err = Encode(op, a, b, Zero, imm)
	}
	if err != nil || packed != encoded {
		t.Errorf("%q: packed %08x, Encode %08x, %v", src, packed, encoded, err)
	}
	return op, packed
}
