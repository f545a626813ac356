package ir_test

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/ir"
	"github.com/rivetbpf/rivet/internal/progen"
)

// roundTrip prints f, parses the text and compares the two functions.
func roundTrip(t testing.TB, f *ir.Func) {
	t.Helper()
	text := f.String()
	back, err := ir.Parse(text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if len(back) != 1 {
		t.Fatalf("%d functions came back for one", len(back))
	}
	if again := back[0].String(); again != text {
		t.Fatalf("printed again, it is:\n%s\ninstead of:\n%s", again, text)
	}
	if err := sameFunc(f, back[0]); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
}

// sameFunc compares all but Src and where operands lie in Extra.
func sameFunc(a, b *ir.Func) error {
	if a.Name != b.Name || a.Index != b.Index || len(a.Blocks) != len(b.Blocks) {
		return fmt.Errorf("header: %q %d %d, got %q %d %d", a.Name, a.Index, len(a.Blocks), b.Name, b.Index, len(b.Blocks))
	}
	for i := range a.Blocks {
		x, y := &a.Blocks[i], &b.Blocks[i]
		if !slices.Equal(x.Preds, y.Preds) || x.Succs != y.Succs || x.NumSuccs != y.NumSuccs ||
			x.Start != y.Start || x.Backward != y.Backward || len(x.Instrs) != len(y.Instrs) {
			return fmt.Errorf("b%d: %+v, got %+v", i, x, y)
		}
		for k, v := range x.Instrs {
			w := y.Instrs[k]
			if !slices.Equal(a.Operands(v), b.Operands(w)) {
				return fmt.Errorf("v%d: operands %v, got %v", v, a.Operands(v), b.Operands(w))
			}
			in, out := a.Instrs[v], b.Instrs[w]
			if a.Operands(v) != nil {
				in.N, out.N = 0, 0
			}
			if in != out || in.Type != ir.Void && in.Op != ir.OpBr && v != w {
				return fmt.Errorf("v%d: %+v, got v%d: %+v", v, in, w, out)
			}
		}
	}
	return nil
}

func TestFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/text/*.ir")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			funcs := parseFile(t, name)
			for _, f := range funcs {
				if err := ir.Verify(f); err != nil {
					t.Error(err)
				}
				roundTrip(t, f)
			}
		})
	}
}

// TestVerifyRefuses: the name of each function in testdata/bad is the error it must cause.
func TestVerifyRefuses(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.ir")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, name := range files {
		for _, f := range parseFile(t, name) {
			t.Run(f.Name, func(t *testing.T) {
				if err := ir.Verify(f); err == nil || !strings.Contains(err.Error(), ": "+f.Name) {
					t.Fatalf("%v\n%s", err, f)
				}
			})
		}
	}
}

// TestVerifyLinear: a block with tens of thousands of predecessors takes no quadratic time.
func TestVerifyLinear(t *testing.T) {
	const n = 100_000
	m := &bpf.Module{}
	f := &bpf.Func{Name: "wide"}
	f.Insns = append(f.Insns, bpf.Insn{Op: bpf.OpMovK, Dst: 0})
	for i := range n {
		left := n - i - 1
		f.Insns = append(f.Insns, bpf.Insn{Op: bpf.ClassJMP | bpf.JmpJEQ, Dst: 0, Imm: 5, Off: int16(min(2*left+1, 32_000))},
			bpf.Insn{Op: bpf.ClassALU64 | bpf.ALUAdd, Imm: 1})
	}
	f.Insns = append(f.Insns, bpf.Insn{Op: bpf.OpExit})
	fn := new(ir.Builder).Build(&ir.Env{Module: m}, f)
	start := time.Now()
	if err := ir.Verify(fn); err != nil {
		t.Fatal(err)
	}
	if d := time.Since(start); d > 20*time.Second {
		t.Errorf("%d blocks took %v", len(fn.Blocks), d)
	} else {
		t.Logf("%d blocks took %v", len(fn.Blocks), d)
	}
}

func parseFile(t testing.TB, name string) []*ir.Func {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	funcs, err := ir.Parse(string(text))
	if err != nil {
		t.Fatalf("%s:%v", name, err)
	}
	return funcs
}

// TestObjects builds every function of the objects in the tree that clang made,
// verifies it and reads its text back.
func TestObjects(t *testing.T) {
	files, err := filepath.Glob("../../bench/obj/*.o")
	if err != nil || len(files) == 0 {
		t.Fatalf("no objects: %v", err)
	}
	more, _ := filepath.Glob("../../examples/*/*.o")
	funcs := 0
	for _, name := range append(files, more...) {
		m := sectionFuncs(t, name)
		var b ir.Builder
		env := &ir.Env{Module: m, MapValue: func(int) uint64 { return 0x1000_0000 }}
		for _, fn := range m.Funcs {
			f := b.Build(env, fn)
			if err := ir.Verify(f); err != nil {
				t.Errorf("%s: %v\n%s", name, err, f)
				continue
			}
			roundTrip(t, f)
			funcs++
		}
	}
	t.Logf("%d functions of %d objects", funcs, len(files)+len(more))
}

// TestGenerated is TestObjects for random programs, whose control flow no compiler makes.
func TestGenerated(t *testing.T) {
	funcs := 0
	var b ir.Builder
	for seed := range uint64(500) {
		m, err := progen.Generate(seed, progen.Default()).Module()
		if err != nil {
			t.Fatal(err)
		}
		env := &ir.Env{Module: m, MapValue: func(int) uint64 { return 0x1000_0000 }}
		if seed%2 == 0 {
			env.HelperArgs = progen.HelperArgs
		}
		for _, fn := range m.Funcs {
			f := b.Build(env, fn)
			if err := ir.Verify(f); err != nil {
				t.Fatalf("seed %d: %v\n%s", seed, err, f)
			}
			roundTrip(t, f)
			funcs++
		}
	}
	t.Logf("%d functions", funcs)
}

// sectionFuncs cuts an object's code into functions by its symbols. References
// stay unresolved, which the builder does not mind: calls go to function 0, and
// 64-bit immediates are plain.
func sectionFuncs(t *testing.T, name string) *bpf.Module {
	t.Helper()
	obj, err := elf.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer obj.Close()
	syms, err := obj.Symbols()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	m := &bpf.Module{}
	for _, s := range syms {
		if elf.ST_TYPE(s.Info) != elf.STT_FUNC || int(s.Section) >= len(obj.Sections) {
			continue
		}
		code, err := obj.Sections[s.Section].Data()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		f := &bpf.Func{Name: s.Name, Index: len(m.Funcs), NumArgs: 5}
		f.Insns = decode(code[s.Value : s.Value+s.Size])
		m.Funcs = append(m.Funcs, f)
	}
	return m
}

func decode(code []byte) []bpf.Insn {
	var insns []bpf.Insn
	for ; len(code) >= 8; code = code[8:] {
		in := bpf.Insn{Op: code[0], Dst: code[1] & 15, Src: code[1] >> 4,
			Off: int16(binary.LittleEndian.Uint16(code[2:])), Imm: int32(binary.LittleEndian.Uint32(code[4:]))}
		switch {
		case in.IsLDDW():
			in.Src = bpf.LoadImm64
		case in.Op == bpf.OpCall && in.Src == bpf.CallSubprog:
			in.Imm = 0
		}
		insns = append(insns, in)
	}
	return insns
}

func TestParseErrors(t *testing.T) {
	const head = "func \"f\" #0 {\nb0: @0\n"
	tests := []struct{ name, text, want string }{
		{"empty", "", `1:1: expected a function: func "name" #index {, found the end of the text`},
		{"not a function", "  hello", `1:3: expected a function: func "name" #index {, found "hello"`},
		{"no name", "func f", `1:6: expected the function's name in double quotes, found "f"`},
		{"open name", "func \"f", `1:6: expected the function's name in double quotes, found "\""`},
		{"no index", `func "f" {`, `1:10: expected "#", found "{"`},
		{"no block", "func \"f\" #0 {\n}", `2:2: function "f" has no block`},
		{"block order", head + "b2: @0\n}", "3:1: b2 is out of order: the next block is b1"},
		{"unknown op", head + "  v1:i64 r0 = frob v1 @0\n}", `3:15: expected an operation, found "frob"`},
		{"unknown type", head + "  v1:i16 r0 = const 0 @0\n}", `3:6: expected a type: i32 or i64, found "i16"`},
		{"no register", head + "  v1:i64 r11 = const 0 @0\n}", "3:10: r11 is out of range: the limit here is r10"},
		{"v0", head + "  v0:i64 r1 = const 0 @0\n}", "3:3: v0 is no value: numbers start at v1"},
		{"twice", head + "  v1:i64 r1 = const 0 @0\n  v1:i64 r1 = const 0 @0\n}", "4:3: v1 is defined twice"},
		{"huge number", head + "  v2000000000:i64 r1 = const 0 @0\n}", "3:3: v2000000000 is out of range: the limit here is v119"},
		{"undefined", head + "  exit v9 @0\n}", "3:8: v9 is defined nowhere in this function"},
		{"no such block", head + "  jump b3 @0\n}", "3:8: b3 does not exist: the function has 1 blocks"},
		{"no position", head + "  jump b0\n}", `3:10: expected "@", found the end of the line`},
		{"number too wide", head + "  v1:i64 r0 = const 18446744073709551616 @0\n}", `3:21: expected a number of 64 bits, found "18446744073709551616"`},
		{"value expected", head + "  v1:i64 r0 = neg 5 @0\n}", `3:19: expected a value: v1, v2, …, found "5"`},
		{"no offset", head + "  v1:i64 r0 = load.u8 v1 @0\n}", `3:26: expected an offset: +0, -8, …, found "@"`},
		{"size", head + "  v1:i64 r0 = load.u9 v1+0 @0\n}", `3:20: expected a size: u8, u16, u32, u64, s8, s16 or s32, found "u9"`},
		{"phi arity", head + "  v1:i64 r0 = phi v1 @0\n}", "3:19: the phi has 1 operands, its block 0 predecessors"},
		{"many operands", head + "  v1:i64 r0 = helper 1(v1, v1, v1, v1, v1, v1) @0\n}", `3:44: expected ")": a call has at most 5 operands here, found "v1"`},
		{"few operands", head + "  tailcall any() @0\n}", `3:18: expected 3 operands before the parenthesis, found "@"`},
		{"value of an exit", head + "  v1:i64 r0 = exit v1 @0\n}", ""},
		{"no value", head + "  const 5 @0\n}", ""},
		{"open function", head, `3:1: expected a block: b1:, or }, found the end of the text`},
		{"rest of line", head + "  jump b0 @0 x\n}", `3:14: expected the end of the line, found "x"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			funcs, err := ir.Parse(tt.text)
			if tt.want == "" { // well formed; what is wrong is for Verify
				if err != nil {
					t.Fatal(err)
				}
				if ir.Verify(funcs[0]) == nil {
					t.Fatal("verified")
				}
				return
			}
			if err == nil || err.Error() != tt.want {
				t.Fatalf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

// FuzzParseIR: no text makes the parser, the printer or the verifier panic, and
// what was parsed comes back from its own text.
func FuzzParseIR(f *testing.F) {
	for _, pattern := range []string{"testdata/text/*.ir", "testdata/bad/*.ir"} {
		files, _ := filepath.Glob(pattern)
		for _, name := range files {
			text, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(string(text))
			for _, part := range bytes.Split(text, []byte("\n\n")) {
				f.Add(string(part))
			}
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		funcs, err := ir.Parse(text)
		if err != nil {
			if !strings.Contains(err.Error(), ":") {
				t.Fatalf("the error has no position: %v", err)
			}
			return
		}
		for _, fn := range funcs {
			if ir.Verify(fn) != nil {
				_ = fn.String()
				continue
			}
			roundTrip(t, fn)
		}
	})
}
