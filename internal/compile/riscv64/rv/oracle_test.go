package rv

import (
	"bytes"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rivetbpf/rivet/internal/testenv"
)

const (
	llvmBase = "+m,+a,+zba,+zbb,+zbs,+zicond,+experimental-zacas"
	llvmC    = llvmBase + ",+c"
)

// assemble runs llvm-mc-19 over lines and returns the bytes of .text.
func assemble(t *testing.T, mattr string, lines []string) []byte {
	t.Helper()
	mc := testenv.NeedTool(t, "llvm-mc-19")
	dir := t.TempDir()
	src, obj := filepath.Join(dir, "a.s"), filepath.Join(dir, "a.o")
	if err := os.WriteFile(src, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, mc, "-triple=riscv64", "-mattr="+mattr, "-filetype=obj", src, "-o", obj)
	f, err := elf.Open(obj)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	text, err := f.Section(".text").Data()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// objdump disassembles words with tool, one line for each.
func objdump(t *testing.T, tool string, directives []string, args ...string) []string {
	t.Helper()
	mc := testenv.NeedTool(t, "llvm-mc-19")
	path := testenv.NeedTool(t, tool)
	dir := t.TempDir()
	src, obj := filepath.Join(dir, "a.s"), filepath.Join(dir, "a.o")
	head := ".attribute arch, \"rv64imac_zicsr_zifencei_zba_zbb_zbs\"\n"
	if err := os.WriteFile(src, []byte(head+strings.Join(directives, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, mc, "-triple=riscv64", "-filetype=obj", src, "-o", obj)
	out := run(t, path, append(args, "-d", "-z", "--no-show-raw-insn", obj)...)
	var lines []string
	for line := range strings.Lines(out) {
		addr, text, ok := strings.Cut(line, ":")
		if !ok || strings.TrimLeft(strings.TrimSpace(addr), "0123456789abcdef") != "" {
			continue
		}
		text, _, _ = strings.Cut(text, "#")
		lines = append(lines, strings.TrimSpace(text))
	}
	return lines
}

func run(t *testing.T, path string, args ...string) string {
	t.Helper()
	cmd := exec.Command(path, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		msg := stderr.String()
		t.Fatalf("%s: %v\n%s", path, err, msg[:min(len(msg), 2000)])
	}
	return string(out)
}

// sample is one instruction of the sweep with the operands that it was made from.
type sample struct {
	op           Op
	rd, rs1, rs2 Reg
	imm          int64
	word         uint32
}

func (s sample) String() string {
	return fmt.Sprintf("Encode(%s, %s, %s, %s, %d) = %08x", s.op, s.rd, s.rs1, s.rs2, s.imm, s.word)
}

// sweep encodes every instruction with corner registers and immediates.
func sweep(t *testing.T) []sample {
	t.Helper()
	var all []sample
	corners := []Reg{Zero, RA, SP, S0, S5, T6} // 0, single bits, 10101, all ones
	for op := range numOps {
		l := formats[rows[op].form]
		rds, rs1s, rs2s := []Reg{Zero}, []Reg{Zero}, []Reg{Zero}
		if l.rd {
			rds = corners
		}
		if l.rs1 {
			rs1s = corners
		}
		if l.rs2 {
			rs2s = corners
		}
		for _, rd := range rds {
			for _, rs1 := range rs1s {
				for _, rs2 := range rs2s {
					for _, imm := range immCorners(l) {
						w, err := Encode(op, rd, rs1, rs2, imm)
						if err != nil {
							t.Fatal(err)
						}
						all = append(all, sample{op, rd, rs1, rs2, imm, w})
					}
				}
			}
		}
	}
	return all
}

// immCorners returns what an immediate may be at its ends, around zero, and
// with each single bit, which shows every bit that a format scatters.
func immCorners(l limits) []int64 {
	seen := map[int64]bool{}
	var out []int64
	add := func(v int64) {
		step := max(int64(l.align), 1)
		if v >= int64(l.lo) && v <= int64(l.hi) && v%step == 0 && !seen[v] {
			seen[v] = true
			out = append(out, v)
		}
	}
	add(0)
	add(int64(l.lo))
	add(int64(l.hi))
	if l == formats[fmtCSR] {
		// The counters; a custom read-write and a custom read-only register,
		// which no disassembler has a name for.
		return []int64{0xc00, 0xc01, 0xc02, 0x800, 0xcc0}
	}
	for bit := int64(1); bit <= int64(max(l.hi, -l.lo)); bit <<= 1 {
		add(bit)
		add(-bit)
		add(bit - 1)
	}
	return out
}
