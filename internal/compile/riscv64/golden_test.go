package riscv64_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/bpfasm"
	"github.com/rivetbpf/rivet/internal/compile"
	"github.com/rivetbpf/rivet/internal/compile/riscv64"
	"github.com/rivetbpf/rivet/internal/engine"
)

var update = flag.Bool("update", false, "rewrite the golden files of testdata")

// Where things are for code that is looked at, not run.
const (
	base      = 0x40_0000
	arenaBase = 0x1000_0000
	values    = 0x1001_0000 // of map i: values + i<<12
	slots     = 0x7000_0000 // of map i: slots + i<<8
	descs     = 0x7800_0000
	functions = 0x7801_0000
)

var schemes = []engine.Scheme{engine.Shared, engine.Propagated}

func options(scheme engine.Scheme) *compile.Options {
	return &compile.Options{Scheme: scheme, Base: base, ArenaBase: arenaBase, ArenaSize: 1 << 20, InlineLookup: true, HelperArgs: helperArgs,
		MapValue: func(i int) uint64 { return values + uint64(i)<<12 },
		Slots:    func(i int) uint64 { return slots + uint64(i)<<8 },
		Descs:    descs, FuncTable: functions}
}

// helperArgs knows the arguments of bpf_map_lookup_elem and bpf_get_prandom_u32.
func helperArgs(kind uint8, id int32) int {
	switch {
	case kind == bpf.CallHelper && id == 1:
		return 2
	case kind == bpf.CallHelper && id == 7:
		return 0
	}
	return 5
}

func assemble(t *testing.T, text string) *bpf.Module {
	t.Helper()
	u, err := bpfasm.Assemble(text)
	if err != nil {
		t.Fatal(err)
	}
	mod, err := u.Module()
	if err != nil {
		t.Fatal(err)
	}
	return mod
}

func compiled(t *testing.T, mod *bpf.Module, march string, scheme engine.Scheme) (*compile.Image, *riscv64.Target) {
	t.Helper()
	target, err := riscv64.New(march, riscv64.GateTrap)
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range mod.Maps {
		m.Values = values + uint64(i)<<12
		m.CPUValues, m.CPUSpan = m.Values, (m.Stride()*uint64(m.MaxEntries)+63)&^63
	}
	im, err := compile.Compile(mod, target, options(scheme))
	if err != nil {
		t.Fatal(err)
	}
	return im, target
}

// TestGolden compiles the program at the top of each file of testdata and
// compares the listings below it. A line "# march A B" names the targets. A
// listing that is the same in several settings is there once.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, file, string(b))
		})
	}
}

const separator = "\n==== "

func golden(t *testing.T, file, text string) {
	source, _, _ := strings.Cut(text, separator)
	source = strings.TrimRight(source, "\n") + "\n"
	var out strings.Builder
	out.WriteString(source)
	var heads, texts []string
	for _, march := range marches(source) {
		for _, s := range schemes {
			mod := assemble(t, source)
			im, target := compiled(t, mod, march, s)
			head, text := march+" "+s.String(), listing(mod, im, target)
			if k := slices.Index(texts, text); k >= 0 {
				heads[k] += ", " + head
				continue
			}
			heads, texts = append(heads, head), append(texts, text)
		}
	}
	for k := range heads {
		fmt.Fprintf(&out, "%s%s\n%s", separator, heads[k], texts[k])
	}
	if *update {
		if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if d := cmp.Diff(text, out.String()); d != "" {
		t.Errorf("%s differs (-want +got); where that is right, go test -update rewrites it\n%s", file, d)
	}
}

func marches(source string) []string {
	for _, line := range strings.Split(source, "\n") {
		if list, ok := strings.CutPrefix(line, "# march "); ok {
			return strings.Fields(list)
		}
	}
	return []string{"rv64gc", "rv64gc_zba_zbb"}
}

// listing shows BPF, place in the function, bytes and mnemonic side by side.
func listing(mod *bpf.Module, im *compile.Image, target *riscv64.Target) string {
	var b strings.Builder
	for i, f := range im.Funcs {
		fmt.Fprintf(&b, "%s:\n", mod.Funcs[i].Name)
		last := ""
		for pc := f.Entry; pc < f.End; {
			text, size := target.Disasm(im.Code[pc:f.End], uint64(pc-f.Entry))
			left := label(mod, im, i, pc, pc+uint32(size))
			shown := left
			if left == last {
				shown = ""
			}
			last = left
			fmt.Fprintf(&b, "%-50s %3x: %-8s  %s\n", shown, pc-f.Entry, word(im.Code[pc:][:size]), places(mod, im, f, text))
			pc += uint32(size)
		}
	}
	return b.String()
}

// label says what the code from pc to end is for.
func label(mod *bpf.Module, im *compile.Image, fn int, pc, end uint32) string {
	e, _ := im.LineAt(pc)
	f := mod.Funcs[fn]
	switch {
	case e.Insn == compile.LineStubs:
		if s, ok := im.SiteAt(end); ok {
			text := fmt.Sprintf("  fault at %d: %v", s.Insn, s.Fault)
			if s.Size > 0 {
				text += fmt.Sprintf(", %d", s.Size)
			}
			return text
		}
		return "  out of line"
	case e.Insn < 0 && pc < im.Funcs[fn].Body:
		return "  entry"
	case e.Insn < 0:
		return "  prologue"
	}
	return fmt.Sprintf("%3d: %s", e.Insn, bpfasm.Format(mod, f, int(e.Insn)))
}

// places gives the target of a jump out of the function its name, since where
// other functions lie does not matter.
func places(mod *bpf.Module, im *compile.Image, f compile.FuncCode, text string) string {
	op, args, _ := strings.Cut(text, " ")
	if op != "jal" && op != "j" {
		return text
	}
	i := strings.LastIndexByte(args, ',') + 1
	to, err := strconv.ParseUint(strings.TrimPrefix(args[i:], "0x"), 16, 64)
	if err != nil {
		return text
	}
	pc := uint32(to) + f.Entry
	switch {
	case pc == im.FaultPC:
		return op + " " + args[:i] + "<fault>"
	case pc >= f.Entry && pc < f.End:
		return text
	}
	for k, g := range im.Funcs {
		if pc == g.Body {
			return op + " " + args[:i] + "<" + mod.Funcs[k].Name + ">"
		}
	}
	return text
}

// word is an instruction as the number that it is.
func word(b []byte) string {
	if len(b) == 2 {
		return fmt.Sprintf("%04x", uint32(b[0])|uint32(b[1])<<8)
	}
	return fmt.Sprintf("%08x", uint32(b[0])|uint32(b[1])<<8|uint32(b[2])<<16|uint32(b[3])<<24)
}
