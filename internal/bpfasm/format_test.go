package bpfasm

import (
	"bytes"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/testenv"
)

// everyInsn lists every valid instruction in every form, with edge values.
func everyInsn() []bpf.Insn {
	var l []bpf.Insn
	imms := []int32{0, 1, -1, 5, 255, 0x7fffffff, -0x80000000}
	offs := []int16{0, 1, -1, 8, -8, 0x7fff, -0x8000}
	reg := 0
	next := func() uint8 { reg++; return uint8(reg % 10) }
	for _, r := range rows {
		in := r.insn
		switch r.form {
		case formALU:
			for _, imm := range imms {
				in.Dst, in.Imm = next(), imm
				l = append(l, in)
			}
			l = append(l, bpf.Insn{Op: in.Op | bpf.SrcX, Dst: next(), Src: next(), Off: in.Off})
		case formUnary:
			in.Dst = next()
			l = append(l, in)
		case formMovSX:
			in.Dst, in.Src = next(), next()
			l = append(l, in)
		case formLoad, formStoreReg:
			for _, off := range offs {
				in.Dst, in.Src, in.Off = next(), next(), off
				l = append(l, in)
			}
		case formStoreImm:
			for i := range offs {
				in.Dst, in.Off, in.Imm = next(), offs[i], imms[i]
				l = append(l, in)
			}
		case formJump:
			for i := range offs {
				l = append(l, bpf.Insn{Op: in.Op, Dst: next(), Off: offs[i], Imm: imms[i]},
					bpf.Insn{Op: in.Op | bpf.SrcX, Dst: next(), Src: next(), Off: offs[i]})
			}
		case formJA:
			for _, off := range offs {
				l = append(l, bpf.Insn{Op: in.Op, Off: off})
			}
		case formGotol:
			for _, imm := range imms {
				l = append(l, bpf.Insn{Op: in.Op, Imm: imm})
			}
		case formLDDW:
			for _, imm := range imms {
				l = append(l, bpf.Insn{Op: in.Op, Dst: next(), Imm: imm}, bpf.Insn{Imm: -imm})
			}
		case formNone:
			l = append(l, in)
		}
	}
	for _, op := range atomicOps {
		for _, size := range []uint8{bpf.OpAtomW, bpf.OpAtomDW} {
			for _, off := range offs {
				l = append(l, bpf.Insn{Op: size, Dst: next(), Src: next(), Off: off, Imm: op},
					bpf.Insn{Op: size, Dst: next(), Src: next(), Off: off, Imm: op | bpf.AtomicFetch})
			}
		}
	}
	return append(l, bpf.Insn{Op: bpf.OpCallX, Dst: 3})
}

// llvmKnows is false for what LLVM 19 cannot print yet.
func llvmKnows(in bpf.Insn) bool {
	return in.Class() != bpf.ClassSTX || in.Mode() != bpf.ModeAtomic ||
		(in.Imm != bpf.AtomicLoadAcq && in.Imm != bpf.AtomicStoreRel)
}

// objdumpLine is slot, bytes and text of one instruction.
var objdumpLine = regexp.MustCompile(`^\s*\d+:\t(?:[0-9a-f]{2} )+[0-9a-f]{2}\t(.*?)(?: <\S+>)?$`)

// objdump disassembles the .text of an object: one line an instruction, what
// follows a jump's target ("<f+0x8>") and relocations left out.
func objdump(t *testing.T, obj string) []string {
	t.Helper()
	testenv.NeedTool(t, "llvm-objdump-19")
	out, err := exec.Command("llvm-objdump-19", "-d", "--mcpu=v4", "--no-print-imm-hex", obj).Output()
	if err != nil {
		t.Fatalf("llvm-objdump-19: %v", err)
	}
	var lines []string
	for _, l := range strings.Split(string(out), "\n") {
		if m := objdumpLine.FindStringSubmatch(l); m != nil {
			lines = append(lines, m[1])
		}
	}
	return lines
}

// clang assembles BPF assembly to an object.
func clang(t *testing.T, source string, lines []string) string {
	t.Helper()
	testenv.NeedTool(t, "clang-19")
	dir := t.TempDir()
	src, obj := filepath.Join(dir, "a."+source), filepath.Join(dir, "a.o")
	if err := os.WriteFile(src, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("clang-19", "--target=bpf", "-mcpu=v4", "-O2", "-c", src, "-o", obj).CombinedOutput()
	if err != nil {
		t.Fatalf("clang-19: %v\n%s", err, out)
	}
	return obj
}

// TestFormatAgainstObjdump prints every instruction as llvm-objdump does.
func TestFormatAgainstObjdump(t *testing.T) {
	var insns []bpf.Insn
	source := []string{".text", "f:"}
	for _, in := range everyInsn() {
		if llvmKnows(in) {
			insns = append(insns, in)
			source = append(source, ".byte "+strings.Join(strings.Fields(strings.Trim(fmt.Sprint(Bytes([]bpf.Insn{in})), "[]")), ","))
		}
	}
	want := objdump(t, clang(t, "s", source))
	fn := &bpf.Func{Insns: insns}
	n := 0
	for pc := range insns {
		got := Format(nil, fn, pc)
		if got == "" {
			continue
		}
		if n >= len(want) || got != want[n] {
			t.Fatalf("insn %d %+v: printed %q, llvm-objdump prints %q", pc, insns[pc], got, want[min(n, len(want)-1)])
		}
		n++
	}
	if n != len(want) || n < 500 {
		t.Fatalf("compared %d instructions of %d", n, len(want))
	}
}

// TestEncodingAgainstClang lets clang assemble what Format prints: it must
// arrive at the same bytes.
func TestEncodingAgainstClang(t *testing.T) {
	var insns []bpf.Insn
	source := []string{".text", "f:"}
	for _, in := range everyInsn() {
		if in.Op == bpf.OpGotol && in.Imm != int32(int16(in.Imm)) {
			continue // clang's assembler takes 16 bits here, its disassembler 32
		}
		if llvmKnows(in) && in.Op != 0 {
			at := len(insns)
			insns = append(insns, in)
			if in.IsLDDW() {
				insns = append(insns, bpf.Insn{Imm: -in.Imm})
			}
			source = append(source, Format(nil, &bpf.Func{Insns: insns}, at))
		}
	}
	f, err := elf.Open(clang(t, "s", source))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, err := f.Section(".text").Data()
	if err != nil {
		t.Fatal(err)
	}
	decoded, err := Decode(got)
	if err != nil {
		t.Fatal(err)
	}
	for i := range insns {
		if i >= len(decoded) || decoded[i] != insns[i] {
			t.Fatalf("slot %d: clang made %+v of %q, the instruction is %+v", i, decoded[i],
				Format(nil, &bpf.Func{Insns: insns}, i), insns[i])
		}
	}
	if want := Bytes(insns); !bytes.Equal(got, want) {
		t.Errorf("bytes differ")
	}
}

// TestFormatCompiledC prints a function that clang compiled as llvm-objdump does.
func TestFormatCompiledC(t *testing.T) {
	obj := clang(t, "c", []string{
		"struct s { char a; short b; int c; long d; };",
		"long f(struct s *p, long n) {",
		"  long sum = 0;",
		"  for (long i = 0; i < n; i++) {",
		"    sum += p[i].a * p[i].b / (p[i].c | 1) % (int)(p[i].d | 3);",
		"    p[i].d = __builtin_bswap64(sum) ^ (sum >> 3);",
		"    __sync_fetch_and_add(&p[i].d, sum); p[i].b = -sum; p[i].a = 7;",
		"    if ((int)sum < 0 && (unsigned)sum > 77 || sum & 8) sum <<= 2;",
		"  }",
		"  return sum + 0x123456789abcdefL;",
		"}"})
	want := objdump(t, obj)
	f, err := elf.Open(obj)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	text, err := f.Section(".text").Data()
	if err != nil {
		t.Fatal(err)
	}
	insns, err := Decode(text)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for pc := range insns {
		if s := Format(nil, &bpf.Func{Insns: insns}, pc); s != "" {
			got = append(got, s)
		}
	}
	if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w || len(got) < 30 {
		t.Errorf("printed:\n%s\nllvm-objdump prints:\n%s", g, w)
	}
}

func TestFormatNames(t *testing.T) {
	mod := &bpf.Module{
		Funcs:  []*bpf.Func{{Name: "entry"}, {Name: "parse"}},
		Maps:   []*bpf.Map{{Name: "jmp_table"}, {Name: ".bss"}},
		Kfuncs: []string{"bpf_rdonly_cast"},
	}
	for _, c := range []struct {
		in   bpf.Insn
		hi   int32
		want string
	}{
		{bpf.Insn{Op: bpf.OpCall, Imm: 1}, 0, "call bpf_map_lookup_elem"},
		{bpf.Insn{Op: bpf.OpCall, Imm: 12}, 0, "call bpf_tail_call"},
		{bpf.Insn{Op: bpf.OpCall, Imm: 99999}, 0, "call 99999"},
		{bpf.Insn{Op: bpf.OpCall, Src: bpf.CallSubprog, Imm: 1}, 0, "call parse"},
		{bpf.Insn{Op: bpf.OpCall, Src: bpf.CallKfunc}, 0, "call bpf_rdonly_cast"},
		{bpf.Insn{Op: bpf.OpLDDW, Dst: 2, Src: bpf.LoadMap}, 0, "r2 = map[jmp_table] ll"},
		{bpf.Insn{Op: bpf.OpLDDW, Dst: 2, Src: bpf.LoadMapValue, Imm: 1}, 24, "r2 = map[.bss][0]+24 ll"},
		{bpf.Insn{Op: bpf.OpLDDW, Dst: 2, Src: bpf.LoadFunc, Imm: 1}, 0, "r2 = subprog[parse] ll"},
		{bpf.Insn{Op: bpf.ClassSTX | bpf.ModeAtomic | bpf.SizeB, Dst: 1, Src: 2, Off: 4, Imm: bpf.AtomicLoadAcq}, 0,
			"w1 = load_acquire((u8 *)(r2 + 4))"},
		{bpf.Insn{Op: bpf.OpAtomDW, Dst: 1, Src: 2, Off: -4, Imm: bpf.AtomicStoreRel}, 0,
			"store_release((u64 *)(r1 - 4), r2)"},
		{bpf.Insn{Op: 0x8c}, 0, "<unknown>"},
	} {
		if got := Format(mod, &bpf.Func{Insns: []bpf.Insn{c.in, {Imm: c.hi}}}, 0); got != c.want {
			t.Errorf("%+v: printed %q, want %q", c.in, got, c.want)
		}
	}
}
