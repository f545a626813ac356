package imageelf_test

import (
	"bytes"
	"debug/dwarf"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rivetbpf/rivet"
	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/compile"
	"github.com/rivetbpf/rivet/internal/hart"
	"github.com/rivetbpf/rivet/internal/imageelf"
	"github.com/rivetbpf/rivet/internal/inspect"
	"github.com/rivetbpf/rivet/internal/testenv"
)

const root = "../.."

// written is an executable that was written, and what it was made from.
type written struct {
	name string
	mod  *bpf.Module
	im   *compile.Image
	data []byte
}

// write compiles an object and writes its image. The object is looked for as if it lay at the path at.
func write(t testing.TB, object, at string, opts rivet.CollectionOptions) *written {
	t.Helper()
	opts.Engine = rivet.EngineHart
	spec, err := rivet.LoadCollectionSpec(object)
	if err != nil {
		t.Fatal(err)
	}
	coll, err := rivet.NewCollectionWithOptions(spec, opts)
	if err != nil {
		t.Fatal(err)
	}
	defer coll.Close()
	w := &written{name: filepath.Base(object), mod: inspect.Module(coll)}
	w.im, _, _ = inspect.Image(coll)
	var b bytes.Buffer
	if err := imageelf.Write(&b, w.mod, w.im, imageelf.Options{March: opts.March, Sources: imageelf.FindSources(w.mod, at)}); err != nil {
		t.Fatal(err)
	}
	w.data = b.Bytes()
	return w
}

// save puts the executable into a file.
func (w *written) save(t testing.TB) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), w.name+".elf")
	if err := os.WriteFile(name, w.data, 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

// every gives f the executables of all objects in both schemes and two marches.
func every(t *testing.T, f func(t *testing.T, w *written)) {
	var objects []string
	for _, dir := range []string{"examples/*", "testdata/kernel", "testdata/cli", "bench/obj"} {
		l, err := filepath.Glob(filepath.Join(root, dir, "*.o"))
		if err != nil || len(l) == 0 {
			t.Fatalf("no objects in %s: %v", dir, err)
		}
		objects = append(objects, l...)
	}
	for _, o := range []rivet.CollectionOptions{{}, {TailCalls: rivet.TailCallsPropagated, March: "rv64gc_zba_zbb_zbs_zicond_zacas"}} {
		for _, object := range objects {
			t.Run(o.TailCalls.String()+"/"+filepath.Base(object), func(t *testing.T) { f(t, write(t, object, object, o)) })
		}
	}
}

// Go's own readers of ELF and DWARF see every function and, for all code of a BPF instruction, its source line.
func TestGoReadsIt(t *testing.T) {
	every(t, func(t *testing.T, w *written) {
		f, err := elf.NewFile(bytes.NewReader(w.data))
		if err != nil {
			t.Fatal(err)
		}
		text, err := f.Section(".text").Data()
		if err != nil || !bytes.Equal(text, w.im.Code) || f.Section(".text").Addr != w.im.Base {
			t.Errorf(".text is not the image's code: %v", err)
		}
		checkSymbols(t, w, f)
		d, err := f.DWARF()
		if err != nil {
			t.Fatal(err)
		}
		r := d.Reader()
		unit, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		checkLines(t, w, d, unit)
	})
}

func checkSymbols(t *testing.T, w *written, f *elf.File) {
	t.Helper()
	symbols, err := f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{}
	for i, c := range w.im.Funcs {
		want[fmt.Sprintf("%s %#x %d", w.mod.Funcs[i].Name, w.im.Base+uint64(c.Entry), c.End-c.Entry)] = true
	}
	size := uint64(0)
	for _, s := range symbols {
		if elf.ST_TYPE(s.Info) == elf.STT_FUNC {
			size += s.Size
			delete(want, fmt.Sprintf("%s %#x %d", s.Name, s.Value, s.Size))
		}
	}
	if len(want) > 0 {
		t.Errorf("no symbols for %q", slices.Sorted(maps.Keys(want)))
	}
	if size != uint64(len(w.im.Code)) {
		t.Errorf("symbols cover %d bytes of %d", size, len(w.im.Code))
	}
}

func checkLines(t *testing.T, w *written, d *dwarf.Data, unit *dwarf.Entry) {
	t.Helper()
	lr, err := d.LineReader(unit)
	if err != nil {
		t.Fatal(err)
	}
	rows := []dwarf.LineEntry{}
	for {
		var e dwarf.LineEntry
		if err := lr.Next(&e); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, e)
	}
	if last := rows[len(rows)-1]; !last.EndSequence || last.Address != w.im.Base+uint64(len(w.im.Code)) {
		t.Errorf("the sequence ends at %#x, EndSequence %v", last.Address, last.EndSequence)
	}
	lines := w.im.Lines()
	for i, e := range lines {
		if e.Insn < 0 || i+1 < len(lines) && lines[i+1].PC == e.PC {
			continue
		}
		want, ok := w.mod.Funcs[e.Func].LineAt(int(e.Insn))
		if !ok {
			t.Fatalf("no line for %s insn %d", w.mod.Funcs[e.Func].Name, e.Insn)
		}
		addr := w.im.Base + uint64(e.PC)
		n, exact := slices.BinarySearchFunc(rows, addr, func(r dwarf.LineEntry, a uint64) int { return int(r.Address) - int(a) })
		if !exact {
			n--
		}
		if got := rows[n]; got.Line != want.Num || !strings.HasSuffix(got.File.Name, filepath.Clean(want.File)) {
			t.Errorf("%#x is %s:%d, want %s:%d", addr, got.File.Name, got.Line, want.File, want.Num)
		}
	}
}

// run runs a tool and fails the test when it has anything to say on standard error.
func run(t *testing.T, tool string, args ...string) string {
	t.Helper()
	cmd := exec.Command(testenv.NeedTool(t, tool), args...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil || errs.Len() > 0 {
		t.Errorf("%s %q: %v: %s", tool, args, err, errs.String())
	}
	return string(out)
}

func TestVerifiersAcceptIt(t *testing.T) {
	dir := t.TempDir()
	var files []string
	every(t, func(t *testing.T, w *written) {
		name := filepath.Join(dir, fmt.Sprint(len(files), w.name))
		if err := os.WriteFile(name, w.data, 0o644); err != nil {
			t.Fatal(err)
		}
		files = append(files, name)
	})
	if len(files) < 100 {
		t.Errorf("%d executables were looked at, there must be more", len(files))
	}
	out := run(t, "llvm-dwarfdump-19", append([]string{"--verify"}, files...)...)
	if n := strings.Count(out, "No errors."); n != len(files) || strings.Contains(out, "warning") {
		t.Errorf("llvm-dwarfdump finds no errors in %d of %d:\n%s", n, len(files), out)
	}
	out = run(t, "riscv64-linux-gnu-readelf", append([]string{"-aW"}, files...)...)
	if n := strings.Count(out, "RVC, soft-float ABI"); n != len(files) {
		t.Errorf("readelf shows the flags of %d of %d:\n%s", n, len(files), out)
	}
}

// shown says which source lines of a program a disassembly must show: those of all BPF instructions that have code.
func (w *written) shown() map[string]bool {
	texts := map[string]bool{}
	lines := w.im.Lines()
	for i, e := range lines {
		if e.Insn >= 0 && (i+1 == len(lines) || lines[i+1].PC != e.PC) {
			if l, ok := w.mod.Funcs[e.Func].LineAt(int(e.Insn)); ok {
				texts[strings.TrimSpace(l.Text)] = true
			}
		}
	}
	return texts
}

func checkShown(t *testing.T, w *written, out string) {
	t.Helper()
	have := map[string]bool{}
	for _, line := range strings.Split(out, "\n") {
		have[strings.TrimSpace(strings.TrimPrefix(line, ";"))] = true
	}
	for text := range w.shown() {
		if !have[text] {
			t.Errorf("not shown: %s", text)
		}
	}
	if t.Failed() {
		t.Logf("%s", out)
	}
}

func TestDisassemblersShowSource(t *testing.T) {
	for _, object := range []string{"examples/tailcalls/tailcalls.o", "examples/dispatch/dispatch.o", "bench/obj/siphash.o"} {
		w := write(t, filepath.Join(root, object), filepath.Join(root, object), rivet.CollectionOptions{})
		name := w.save(t)
		t.Run(w.name+"/GNU", func(t *testing.T) { checkShown(t, w, run(t, "riscv64-linux-gnu-objdump", "-d", "-S", "-l", name)) })
		t.Run(w.name+"/LLVM", func(t *testing.T) { checkShown(t, w, run(t, "llvm-objdump-19", "-d", "-S", "--line-numbers", name)) })
	}
}

// Without the source file the text comes from the executable itself.
func TestDisassemblerShowsHeldSource(t *testing.T) {
	alone := filepath.Join(t.TempDir(), "x.o")
	w := write(t, filepath.Join(root, "examples/dispatch/dispatch.o"), alone, rivet.CollectionOptions{})
	name := w.save(t)
	checkShown(t, w, run(t, "llvm-objdump-19", "-d", "-S", name))
	if out := run(t, "llvm-dwarfdump-19", "--verify", name); !strings.Contains(out, "No errors.") {
		t.Errorf("llvm-dwarfdump:\n%s", out)
	}
}

func TestGDBShowsSource(t *testing.T) {
	object := filepath.Join(root, "examples/tailcalls/tailcalls.o")
	w := write(t, object, object, rivet.CollectionOptions{TailCalls: rivet.TailCallsPropagated})
	out := run(t, "gdb-multiarch", "-nx", "-batch", "-ex", "set width 0", "-ex", "info line foo", "-ex", "break tailcalls.c:52", "-ex", "disassemble /s foo2", "-ex", "info functions", w.save(t))
	for _, want := range []string{"starts at address 0x40", "<foo>", "Breakpoint 1 at 0x", "line 52.", "return 2;", "static void subprog();"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

// The hart loads the executable too: entered without a run's state, a program ends at the gate.
func TestHartLoadsIt(t *testing.T) {
	w := write(t, filepath.Join(root, "testdata/cli/one.o"), "one.o", rivet.CollectionOptions{})
	h, err := hart.LoadELF(bytes.NewReader(w.data), hart.ExtAll)
	if err != nil {
		t.Fatal(err)
	}
	if want := w.im.Base + uint64(w.im.Funcs[0].Entry); h.PC != want {
		t.Errorf("entry point %#x, want %#x", h.PC, want)
	}
}

// Without line information there are symbols alone.
func TestNoLines(t *testing.T) {
	w := write(t, filepath.Join(root, "testdata/cli/one.o"), "one.o", rivet.CollectionOptions{})
	for _, f := range w.mod.Funcs {
		f.Lines = nil
	}
	var b bytes.Buffer
	if err := imageelf.Write(&b, w.mod, w.im, imageelf.Options{Sources: imageelf.FindSources(w.mod, "one.o")}); err != nil {
		t.Fatal(err)
	}
	f, err := elf.NewFile(bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if f.Section(".debug_line") != nil {
		t.Error("there is a line table")
	}
	checkSymbols(t, w, f)
}

// Line information that no compiler writes makes no file that readers choke on, and opens nothing but files.
func TestStrangeLines(t *testing.T) {
	w := write(t, filepath.Join(root, "examples/tailcalls/tailcalls.o"), "x.o", rivet.CollectionOptions{})
	strange := []bpf.Line{{Insn: 0, File: "/dev/zero", Num: 1 << 30, Text: "a"}, {Insn: 1, File: "", Num: 3}, {Insn: 2, File: "/", Num: 0},
		{Insn: 3, File: "../..", Num: 5, Text: "b"}, {Insn: 4, File: ".", Num: 1, Text: "c\r\n"}}
	for _, f := range w.mod.Funcs {
		f.Lines = strange
	}
	var b bytes.Buffer
	if err := imageelf.Write(&b, w.mod, w.im, imageelf.Options{Sources: imageelf.FindSources(w.mod, "x.o")}); err != nil {
		t.Fatal(err)
	}
	w.data = b.Bytes()
	name := w.save(t)
	run(t, "llvm-objdump-19", "-d", "--line-numbers", name)
	if out := run(t, "llvm-dwarfdump-19", "--verify", name); !strings.Contains(out, "No errors.") {
		t.Errorf("llvm-dwarfdump:\n%s", out)
	}
}
