package rv

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// asm writes a sample for an assembler: targets are relative to the
// instruction, since each stands at another address.
func (s sample) asm() string {
	switch rows[s.op].form {
	case fmtB:
		return fmt.Sprintf("%s %s,%s,.%+d", s.op, s.rs1, s.rs2, s.imm)
	case fmtJ:
		return fmt.Sprintf("%s %s,.%+d", s.op, s.rd, s.imm)
	case fmtFence:
		if s.imm>>4 == 0 || s.imm&15 == 0 {
			return fmt.Sprintf(".4byte %#x", s.word) // a hint, without a text of its own
		}
	}
	return s.op.text(s.word, 0)
}

// TestSweepAssembler holds every encoding against llvm-mc, which assembles the
// operands by name.
func TestSweepAssembler(t *testing.T) {
	samples := sweep(t)
	lines := []string{".option norvc", ".option norelax"}
	for _, s := range samples {
		if f := rows[s.op].form; f == fmtB || f == fmtJ {
			continue
		}
		lines = append(lines, s.asm())
	}
	text := assemble(t, llvmBase, lines)
	for _, s := range samples {
		if f := rows[s.op].form; f == fmtB || f == fmtJ {
			continue // llvm-mc leaves relocations; TestSweepObjdump has them
		}
		if len(text) < 4 {
			t.Fatalf("%v: the assembler wrote fewer instructions", s)
		}
		if w := binary.LittleEndian.Uint32(text); w != s.word {
			t.Fatalf("%v: %q assembles to %08x", s, s.asm(), w)
		}
		text = text[4:]
	}
	t.Logf("%d encodings", len(samples))
}

// TestSweepObjdump holds every encoding against both disassemblers. GNU
// objdump 2.40 has neither Zicond nor Zacas; llvm-objdump-19 has all.
func TestSweepObjdump(t *testing.T) {
	samples := sweep(t)
	for _, tool := range []struct {
		name string
		args []string
		lack Ext
	}{
		{"riscv64-linux-gnu-objdump", []string{"-M", "no-aliases"}, ExtZicond | ExtZacas},
		{"llvm-objdump-19", []string{"-M", "no-aliases", "--mattr=" + llvmBase}, 0},
	} {
		t.Run(tool.name, func(t *testing.T) {
			var words []string
			var want []sample
			for _, s := range samples {
				if s.op.Ext()&tool.lack == 0 {
					want = append(want, s)
					words = append(words, fmt.Sprintf(".insn 4, %#x", s.word))
				}
			}
			got := objdump(t, tool.name, words, tool.args...)
			if len(got) != len(want) {
				t.Fatalf("%d lines for %d instructions", len(got), len(want))
			}
			bad := 0
			for i, s := range want {
				pc := uint64(4 * i)
				w, g := canon(s.op.text(s.word, pc), pc), canon(got[i], pc)
				if w != g && !sameFence(w, g) {
					t.Errorf("%v: want %q, %s says %q", s, w, tool.name, g)
					if bad++; bad > 10 {
						t.FailNow()
					}
				}
			}
		})
	}
}

// canon makes one text out of the ways to write an instruction: one blank,
// numbers in decimal, the names of counters, absolute targets.
func canon(text string, pc uint64) string {
	text, _, _ = strings.Cut(text, " <")
	name, ops, _ := strings.Cut(strings.ReplaceAll(text, "\t", " "), " ")
	var out []string
	for f := range strings.SplitSeq(strings.ReplaceAll(ops, "(", ",("), ",") {
		f = strings.TrimSpace(f)
		target := strings.HasPrefix(name, "b") && len(out) == 2 && len(name) <= 4 && name != "bclr" && name != "bext" && name != "binv" && name != "bset" || name == "jal" && len(out) == 1
		switch n, err := strconv.ParseInt(f, 0, 64); {
		case target: // GNU objdump writes hex without 0x
			u, err := strconv.ParseUint(strings.TrimPrefix(f, "0x"), 16, 64)
			if err == nil {
				f = fmt.Sprintf("pc%+d", int64(u-pc))
			}
		case err == nil:
			f = strconv.FormatInt(n, 10)
		}
		out = append(out, f)
	}
	return name + " " + strings.Join(out, ",")
}

// sameFence allows for fences that order nothing, which the disassemblers
// write in ways of their own.
func sameFence(want, got string) bool {
	return strings.HasPrefix(want, "fence ") && (strings.Contains(want, "0") || strings.HasPrefix(got, "fence"))
}
