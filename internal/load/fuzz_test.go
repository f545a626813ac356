package load

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/rivetbpf/rivet/internal/bpf"
)

// checkModule checks what package load promises of every module, in a way of
// its own: slot by slot, without its tables.
func checkModule(t *testing.T, m *bpf.Module) {
	t.Helper()
	for _, p := range m.Programs {
		if p.Func < 0 || p.Func >= len(m.Funcs) || !m.Funcs[p.Func].Entry {
			t.Fatalf("program %q: function %d", p.Name, p.Func)
		}
	}
	for i, f := range m.Funcs {
		if f.Index != i || len(f.Insns) == 0 {
			t.Fatalf("function %d: index %d, %d instructions", i, f.Index, len(f.Insns))
		}
		if f.FrameSize%8 != 0 || f.FrameSize < f.StackUsed || f.StackUsed < 0 || f.StackUsed > bpf.MaxStack || f.NumArgs < 0 || f.NumArgs > 5 {
			t.Fatalf("%s: stack %d, frame %d, arguments %d", f.Name, f.StackUsed, f.FrameSize, f.NumArgs)
		}
		checkInsns(t, m, f)
		checkCallees(t, m, f)
	}
}

func checkInsns(t *testing.T, m *bpf.Module, f *bpf.Func) {
	t.Helper()
	second := make([]bool, len(f.Insns)+1)
	for pc := 0; pc < len(f.Insns); pc++ {
		if f.Insns[pc].IsLDDW() {
			pc++
			second[pc] = true
		}
	}
	for pc, in := range f.Insns {
		index, limit := 0, 1
		switch {
		case second[pc]:
			if in.Op != 0 || in.Dst != 0 || in.Src != 0 || in.Off != 0 {
				t.Fatalf("%s: slot %d: %+v", f.Name, pc, in)
			}
		case in.Op == bpf.OpCall && in.Src == bpf.CallSubprog, in.IsLDDW() && in.Src == bpf.LoadFunc:
			index, limit = int(in.Imm), len(m.Funcs)
			if m.Funcs[index].Entry {
				t.Fatalf("%s: slot %d calls an entry point", f.Name, pc)
			}
		case in.Op == bpf.OpCall && in.Src == bpf.CallKfunc:
			index, limit = int(in.Imm), len(m.Kfuncs)
		case in.IsLDDW() && in.Src != bpf.LoadImm64:
			index, limit = int(in.Imm), len(m.Maps)
		case in.Op == bpf.OpCall, in.Op == bpf.OpCallX, in.Op == bpf.OpExit:
		case in.Class() == bpf.ClassJMP, in.Class() == bpf.ClassJMP32:
			index, limit = in.JumpTarget(pc), len(f.Insns)
			if index >= 0 && index < limit && second[index] {
				t.Fatalf("%s: slot %d jumps into an immediate", f.Name, pc)
			}
		}
		if index < 0 || index >= limit {
			t.Fatalf("%s: slot %d names %d of %d", f.Name, pc, index, limit)
		}
	}
	switch f.Insns[len(f.Insns)-1].Op {
	case bpf.OpExit, bpf.OpJA, bpf.OpGotol:
	default:
		t.Fatalf("%s falls off its end", f.Name)
	}
}

func checkCallees(t *testing.T, m *bpf.Module, f *bpf.Func) {
	t.Helper()
	reach := f.HasTailCall
	last := -1
	for _, c := range f.Callees {
		if c <= last || c >= len(m.Funcs) {
			t.Fatalf("%s: callees %v", f.Name, f.Callees)
		}
		last = c
		reach = reach || m.Funcs[c].ReachTailCall
	}
	if reach != f.ReachTailCall {
		t.Fatalf("%s: reaches a tail call %v, want %v", f.Name, f.ReachTailCall, reach)
	}
}

func FuzzELF(f *testing.F) {
	objects, err := filepath.Glob("testdata/*.o")
	if err != nil || len(objects) == 0 {
		f.Fatal("no objects in testdata")
	}
	for _, name := range objects {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		spec, err := ELF(bytes.NewReader(b))
		if err != nil {
			return
		}
		for _, s := range spec.Maps {
			if s == nil {
				return
			}
		}
		opts := Options{KeepGoing: true, KernelTypes: spec.Types, Kconfig: map[string]string{"CONFIG_RIVET": "y"}}
		if m, _, err := CollectionWithOptions(spec, opts); err == nil {
			checkModule(t, m)
		}
		opts.KernelTypes = nil
		if m, _, err := CollectionWithOptions(spec, opts); err == nil {
			checkModule(t, m)
		}
	})
}

func FuzzRaw(f *testing.F) {
	for _, c := range ruleTests {
		f.Add(encode(code(f, c.code)))
	}
	for _, c := range depthTests() {
		f.Add(encode(c.insns))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		insns := decode(b)
		if m, err := loadCode(insns); err == nil {
			checkModule(t, m)
		}
		if m, err := Raw("p", "XDP", b); err == nil {
			checkModule(t, m)
		}
	})
}
