package rv

import (
	"encoding/binary"
	"fmt"
	"strings"
	"sync"
	"testing"
)

// TestDisasmObjdump compares Disasm with GNU objdump, aliases and all, over the
// sweep and over every halfword.
func TestDisasmObjdump(t *testing.T) {
	var words []string
	var code [][]byte
	for _, s := range sweep(t) {
		if s.op.Ext()&(ExtZicond|ExtZacas) == 0 { // binutils 2.40 has neither
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
	want := objdump(t, "riscv64-linux-gnu-objdump", words)
	if len(want) != len(code) {
		t.Fatalf("%d lines for %d instructions", len(want), len(code))
	}
	pc, same, differ := uint64(0), 0, 0
	for i, c := range code {
		got, n, err := Disasm(c, pc)
		if err != nil || n != len(c) {
			t.Fatalf("% x: size %d, %v", c, n, err)
		}
		w, _, _ := strings.Cut(strings.Join(strings.Fields(want[i]), " "), " <")
		switch {
		case gnuForm(got) == w:
			same++
		case !gnuDiffers(c, got, w):
			if differ++; differ < 20 {
				t.Errorf("% x at %#x: %q, objdump %q", c, pc, got, w)
			}
		}
		pc += uint64(n)
	}
	t.Logf("%d of %d texts are the same", same, len(code))
}

// gnuForm writes text as GNU objdump does: its aliases have the register
// form's name for an immediate too, its targets no 0x.
func gnuForm(text string) string {
	name, ops, _ := strings.Cut(text, " ")
	switch name {
	case "addi", "andi", "ori", "xori", "slli", "srli", "srai", "rori", "bclri", "bexti", "binvi", "bseti":
		name = strings.TrimSuffix(name, "i")
	case "addiw", "slliw", "srliw", "sraiw", "roriw":
		name = strings.TrimSuffix(name, "iw") + "w"
	case "j", "jal", "beq", "bne", "blt", "bge", "bltu", "bgeu", "beqz", "bnez", "bltz", "bgez", "blez", "bgtz":
		cut := strings.LastIndexByte(ops, ',') + 1
		ops = ops[:cut] + strings.TrimPrefix(ops[cut:], "0x")
	}
	return strings.TrimSpace(name + " " + ops)
}

// gnuDiffers lists, with the reason, what the two write in ways of their own.
func gnuDiffers(code []byte, got, want string) bool {
	if len(code) == 2 {
		w := binary.LittleEndian.Uint16(code)
		_, float := map[uint16]bool{0x2000: true, 0x2002: true, 0xa000: true, 0xa002: true}[w&0xe003]
		switch {
		case float: // the attribute of the object has no D
			return true
		case strings.HasPrefix(got, ".2byte"): // reserved encodings and hints, which we never write
			return strings.HasPrefix(want, "c.") || strings.HasPrefix(want, ".2byte") || strings.HasSuffix(want, ",0") || want == "unimp"
		}
		return got == "nop" && strings.HasPrefix(want, "c.nop") // with an immediate: a hint
	}
	w := binary.LittleEndian.Uint32(code)
	op, _ := lookup(w)
	switch form := rows[op].form; {
	case form == fmtFence: // a fence that orders nothing
		return strings.Contains(want, "unknown")
	case form == fmtCSR: // a register without a name
		return strings.Contains(got, "csr(")
	case op == JALR: // objdump leaves out ra, and an offset of 0
		return strings.HasPrefix(got, "jalr ") && strings.HasPrefix(want, "jalr ")
	case op == ADD && fieldRS1(w) == 0: // mv, as which objdump knows only addi
		return strings.HasPrefix(got, "mv ")
	case formats[form].rd && fieldRD(w) == 0: // hints, and prefetches that binutils 2.40 lacks
		return true
	}
	// Of two aliases, each takes another: bgez zero or blez zero, sltz or sgtz.
	return (op == BGE || op == SLT) && strings.Contains(got, " ") && fieldRS2(w) == 0
}

func TestDisasm(t *testing.T) {
	for _, c := range []struct {
		code []byte
		text string
		size int
		err  string
	}{
		{[]byte{0x00, 0x00}, "unimp", 2, ""},
		{[]byte{0x01, 0x60}, ".2byte 0x6001", 2, ""},
		{[]byte{0xff, 0xff, 0xff, 0xff}, ".4byte 0xffffffff", 4, ""},
		{[]byte{0x13, 0x05}, "", 0, "rv: code ends after 2 of the 4 bytes of the instruction at 0x1000"},
		{nil, "", 0, "rv: code ends after 0 of the 2 bytes of the instruction at 0x1000"},
		{[]byte{0x01, 0xa0, 0xff}, "j 0x1000", 2, ""},
		{[]byte{0x05, 0xa0}, "j 0x1020", 2, ""},
		{[]byte{0x3b, 0x05, 0x05, 0x08}, "zext.w a0,a0", 4, ""},
		{[]byte{0xfd, 0x75}, "lui a1,0xfffff", 2, ""},
	} {
		text, size, err := Disasm(c.code, 0x1000)
		msg := ""
		if err != nil {
			msg = err.Error()
		}
		if text != c.text || size != c.size || msg != c.err {
			t.Errorf("% x: %q, %d, %q; want %q, %d, %q", c.code, text, size, msg, c.text, c.size, c.err)
		}
	}
}

// TestDisasmConcurrent fails under -race without the lock around x/arch.
func TestDisasmConcurrent(t *testing.T) {
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 100 {
				if text, _, _ := Disasm([]byte{0x13, 0x05, 0x15, 0x00}, 0); text != "addi a0,a0,1" {
					t.Error(text)
				}
			}
		})
	}
	wg.Wait()
}
