package load

import (
	"testing"

	"github.com/rivetbpf/rivet/internal/bpf"
)

var frameTests = []struct {
	name, code        string
	used, frame, args int
}{
	{"nothing", "exit", 0, 0, 0},
	{"one byte", "72 10 0 -1; exit", 1, 8, 0},
	{"direct", "7a 10 0 -24; exit", 24, 24, 0},
	{"above r10 is not ours", "7a 10 0 8; exit", 0, 0, 0},
	{"pointer", "bf 2 10; 07 2 0 0 -16; 7a 2; exit", 16, 16, 0},
	{"pointer minus", "bf 2 10; 17 2 0 0 20; 7a 2; exit", 20, 24, 0},
	{"pointer and offset", "bf 2 10; 07 2 0 0 -16; 7a 2 0 -8; exit", 24, 24, 0},
	{"pointer copied", "bf 2 10; bf 3 2; 07 3 0 0 -40; 79 4 3; exit", 40, 40, 0},
	{"pointer only made", "bf 2 10; 07 2 0 0 -32; exit", 32, 32, 0},
	{"key for a helper", "bf 2 10; 07 2 0 0 -4; 85 0 0 0 1; exit", 4, 8, 5},
	{"variable index", "bf 2 10; 07 2 0 0 -64; 0f 2 1; 72 2; exit", 64, 512, 1},
	{"variable index, r10 added", "b7 2; 0f 2 10; 72 2 0 -64; exit", 0, 512, 0},
	{"index not used", "bf 2 10; 07 2 0 0 -64; 0f 2 1; exit", 64, 64, 1},
	{"pointer and-ed", "bf 2 10; 57 2 0 0 -8; 72 2 0 -8; exit", 0, 512, 0},
	{"pointer stored", "bf 2 10; 07 2 0 0 -16; 7b 10 2 -8; exit", 16, 512, 0},
	{"pointer for a subprogram", "bf 1 10; 07 1 0 0 -16; 85 0 1 0 2; exit; 7a 1; exit", 16, 512, 0},
	{"overwritten pointer", "bf 2 10; b7 2 0 0 1; 0f 2 1; 72 2; exit", 0, 0, 1},
	{"32-bit copy is no pointer to rely on", "bc 2 10; 72 2 0 -8; exit", 0, 512, 0},
	{"either of two", "bf 2 10; 07 2 0 0 -8; 15 1 0 2 0; bf 2 10; 07 2 0 0 -16; 7a 2 0 -8; exit", 24, 24, 1},
	{"pointer or not", "bf 2 1; 15 1 0 2 0; bf 2 10; 07 2 0 0 -16; 7a 2 0 -8; exit", 24, 24, 1},
	{"walked upward", "bf 2 10; 07 2 0 0 -64; 72 2; 07 2 0 0 1; 5d 2 10 -3; exit", 64, 64, 0},
	{"walked downward", "bf 2 10; 07 2 0 0 -1; 72 2; 5d 2 1 -3; exit", 3, 512, 1},
	{"dead code", "05 0 0 1; 7a 10 0 -64; exit", 0, 0, 0},
	{"entered from below", "05 0 0 3; 7a 10 0 -64; b7 0; 95; 05 0 0 -4", 64, 64, 0},
	{"atomic", "db 10 1 -32; exit", 32, 32, 1},
	{"atomic fetch ends a pointer", "bf 2 10; db 1 2 0 1; 72 2 0 -9; exit", 0, 512, 1},
	{"load-acquire", "db 1 10 -48 0x100; exit", 48, 48, 0},
	{"cmpxchg", "b7 0; db 10 3 -8 0xf1; exit", 8, 8, 3},

	{"reads r1", "bf 0 1; 95", 0, 0, 1},
	{"reads r5", "bf 0 5; 95", 0, 0, 5},
	{"writes r1", "b7 1; bf 0 1; 95", 0, 0, 0},
	{"writes r1 on one path", "15 2 0 1 0; b7 1; bf 0 1; 95", 0, 0, 2},
	{"writes r3 on both paths", "15 2 0 2 0; b7 3; 05 0 0 1; b7 3; bf 0 3; 95", 0, 0, 2},
	{"stores r4", "7b 10 4 -8; exit", 8, 8, 4},
	{"compares r3", "1d 1 3; exit", 0, 0, 3},
	{"helper", "85 0 0 0 5; exit", 0, 0, 5},
	{"helper spoils registers", "b7 1; b7 2; b7 3; b7 4; b7 5; 85 0 0 0 5; bf 0 3; 95", 0, 0, 0},
	{"tail call", "18 2 1 0 0; 00; b7 3; 85 0 0 0 12; exit", 0, 0, 1},
	{"subprogram with two", "85 0 1 0 2; exit; bf 0 2; 95", 0, 0, 2},
	{"subprogram with none", "85 0 1 0 2; exit; exit", 0, 0, 0},
	{"callx", "b7 1; b7 2; b7 3; 8d 1; exit", 0, 0, 5},
	{"loop reads late", "b7 0; 07 0 0 0 1; bf 6 2; b7 2; a5 0 0 -4 9; exit", 0, 0, 2},
}

// TestFrames checks how much stack and how many arguments a function is found to use.
func TestFrames(t *testing.T) {
	for _, c := range frameTests {
		t.Run(c.name, func(t *testing.T) {
			m, err := loadCode(code(t, c.code))
			if err != nil {
				t.Fatal(err)
			}
			f := m.Funcs[m.Programs[0].Func]
			if f.StackUsed != c.used || f.FrameSize != c.frame || f.NumArgs != c.args {
				t.Errorf("stack %d, frame %d, arguments %d; want %d, %d, %d\n%s",
					f.StackUsed, f.FrameSize, f.NumArgs, c.used, c.frame, c.args, describe(f.Insns))
			}
		})
	}
}

// TestWildJumps bounds the analysis: a chain of backward jumps, each reached
// only through the one before, would need a pass per jump.
func TestWildJumps(t *testing.T) {
	const n = 1000
	insns := []bpf.Insn{{Op: bpf.OpJA, Off: 2 * (n - 1)}}
	for i := range n {
		store := bpf.Insn{Op: bpf.ClassST | bpf.ModeMEM | bpf.SizeB, Dst: bpf.R10, Off: int16(-1 - i%100)}
		next := bpf.Insn{Op: bpf.OpJA, Off: -4}
		if i == 0 {
			next = bpf.Insn{Op: bpf.OpExit}
		}
		insns = append(insns, store, next)
	}
	m, err := RawInsns(insns)
	if err != nil {
		t.Fatal(err)
	}
	if f := m.Funcs[0]; f.StackUsed != 100 || f.FrameSize != 512 || f.NumArgs != 5 {
		t.Errorf("stack %d, frame %d, arguments %d; want 100, 512, 5", f.StackUsed, f.FrameSize, f.NumArgs)
	}
}

// TestCallGraph checks what is known of functions from the whole module.
func TestCallGraph(t *testing.T) {
	main := code(t, "85 0 1 0 6; 18 1 4 0 7; 00; 7b 10 1 -8; 85 0 0 0 5; exit; exit;"+
		"18 2 1 0 0; 00; b7 3; 85 0 0 0 12; exit")
	other := code(t, "79 1 10 -8; 8d 1; exit")
	m, err := Programs([]RawProgram{
		{Name: "main", Type: "XDP", Insns: main, Names: map[int]string{7: "plain", 9: "tails"}},
		{Name: "other", Type: "XDP", Insns: other},
		{Name: "again", Type: "XDP", Insns: main, Names: map[int]string{7: "plain", 9: "tails"}},
	}, testMaps(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Funcs) != 5 {
		t.Fatalf("%d functions, want 5: equal subprograms are kept once", len(m.Funcs))
	}
	type facts struct{ entry, has, reach, addr bool }
	want := map[string]facts{
		"main":  {true, false, true, false},
		"again": {true, false, true, false},
		"other": {true, false, true, false}, // by callx
		"plain": {false, false, false, false},
		"tails": {false, true, true, true},
	}
	for i, f := range m.Funcs {
		if f.Index != i {
			t.Errorf("%s has index %d at %d", f.Name, f.Index, i)
		}
		if got := (facts{f.Entry, f.HasTailCall, f.ReachTailCall, f.AddrTaken}); got != want[f.Name] {
			t.Errorf("%s: %+v, want %+v", f.Name, got, want[f.Name])
		}
	}
	for _, p := range m.Programs {
		for _, c := range m.Funcs[p.Func].Callees {
			if name := m.Funcs[c].Name; name != "plain" && name != "tails" {
				t.Errorf("%s calls %s", p.Name, name)
			}
		}
	}
}
