package hartrun_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/bpfasm"
	"github.com/rivetbpf/rivet/internal/engine"
	"github.com/rivetbpf/rivet/internal/engines"
)

// both is a program on the interpreter and on the hart, each in a world of its
// own; the worlds are equal.
type both struct {
	t        testing.TB
	ref, dut *rig
}

func newBoth(t testing.TB, text string, c engines.Config) *both {
	t.Helper()
	interp, err := engines.Get("interp")
	if err != nil {
		t.Fatal(err)
	}
	hart, err := engines.Get("hart")
	if err != nil {
		t.Fatal(err)
	}
	return &both{t, newRig(t, text, interp, c), newRig(t, text, hart, c)}
}

// run runs both and compares all that they leave. It returns the fault, if any.
func (b *both) run(args ...uint64) *engine.Fault {
	b.t.Helper()
	want, wantErr := b.ref.run(args...)
	got, err := b.dut.run(args...)
	var f, g *engine.Fault
	errors.As(wantErr, &f)
	errors.As(err, &g)
	switch {
	case (f == nil) != (wantErr == nil) || (g == nil) != (err == nil):
		b.t.Errorf("arguments %#x: errors %v and %v are no faults", args, wantErr, err)
	case (f == nil) != (g == nil):
		b.t.Errorf("arguments %#x: %v, the interpreter: %v", args, err, wantErr)
	case f == nil && want != got:
		b.t.Errorf("arguments %#x: r0 %#x, the interpreter: %#x", args, got, want)
	case f != nil && (f.Kind != g.Kind || f.Func != g.Func || f.Insn != g.Insn || f.Addr != g.Addr || f.Size != g.Size):
		b.t.Errorf("arguments %#x: %v, the interpreter: %v", args, err, wantErr)
	}
	if !bytes.Equal(b.ref.arena.Mem(), b.dut.arena.Mem()) {
		b.t.Errorf("arguments %#x: memory differs from the interpreter's", args)
	}
	return f
}

// accesses are instructions that access memory at R2+OFF, by size.
var accesses = map[string]int{
	"ldxb %r3, [%r2OFF]": 1, "ldxh %r3, [%r2OFF]": 2, "ldxw %r3, [%r2OFF]": 4, "ldxdw %r3, [%r2OFF]": 8,
	"ldxsb %r3, [%r2OFF]": 1, "ldxsh %r3, [%r2OFF]": 2, "ldxsw %r3, [%r2OFF]": 4, "ldxdw %r2, [%r2OFF]": 8,
	"stb [%r2OFF], 1": 1, "sth [%r2OFF], 2": 2, "stw [%r2OFF], 3": 4, "stdw [%r2OFF], 0": 8,
	"stxb [%r2OFF], %r3": 1, "stxh [%r2OFF], %r3": 2, "stxw [%r2OFF], %r3": 4, "stxdw [%r2OFF], %r2": 8,
	"lock add [%r2OFF], %r3": 8, "lock fetch or32 [%r2OFF], %r3": 4, "lock xchg [%r2OFF], %r2": 8, "lock fetch and [%r2OFF], %r3": 8,
	"lock cmpxchg [%r2OFF], %r3": 8, "lock cmpxchg32 [%r2OFF], %r3": 4, "lock xor32 [%r2OFF], %r3": 4,
	"load_acquire8 %r3, [%r2OFF]": 1, "load_acquire16 %r3, [%r2OFF]": 2, "load_acquire32 %r3, [%r2OFF]": 4, "load_acquire64 %r3, [%r2OFF]": 8,
	"store_release8 [%r2OFF], %r3": 1, "store_release16 [%r2OFF], %r3": 2, "store_release32 [%r2OFF], %r3": 4, "store_release64 [%r2OFF], %r3": 8,
}

var offsets = []int{0, 1, 8, 2047, 2048, -2048, -2049, 32767, -32768}

// TestFaultsOfEveryAccess accesses memory around both ends of the arena, and
// far from it, in every way.
func TestFaultsOfEveryAccess(t *testing.T) {
	faults := map[engine.FaultKind]int{}
	for access, size := range accesses {
		for _, off := range offsets {
			text := "mov %r0, 5\nmov %r3, 7\n" + strings.Replace(access, "OFF", fmt.Sprintf("%+d", off), 1) + "\nadd %r0, %r3\nexit\n"
			b := newBoth(t, text, engines.Config{})
			start, end := b.ref.arena.Base(), b.ref.arena.Base()+b.ref.arena.Size()
			for _, addr := range []uint64{start - 8, start - 1, start, start + 1, start + 4, end - 8, end - 7, end - 1, end, end + 7, end + 8,
				0, 7, ^uint64(0), 1<<32 + start, 1<<63 + start, bpf.MapHandle(0), 0x40_0000, 0x7c00_0000} {
				f := b.run(addr - uint64(off))
				if f == nil {
					continue
				}
				faults[f.Kind]++
				if f.Insn != 2 || f.Addr != addr || f.Size != size {
					t.Errorf("%s at %#x: %v", text, addr, f)
				}
			}
		}
	}
	t.Logf("faults by kind: %v", faults)
	if faults[engine.FaultAccess] == 0 || faults[engine.FaultMisalign] == 0 {
		t.Error("one kind of fault did not happen")
	}
}

// TestFaultsNameTheirPlace faults in entries, subprograms, programs that were
// tail-called, and behind those: function, instruction and line are right.
func TestFaultsNameTheirPlace(t *testing.T) {
	const text = `
		.map jump prog_array 4 4 1
		.slot jump 0 target
		.program main
		mov %r6, %r2
		mov %r7, %r3
		jne %r6, 0, +1
		ldxw %r0, [%r7+1]
		mov %r1, %r6
		mov %r2, %r7
		call local outer
		jne %r6, 1, +1
		ldxh %r0, [%r7+2]
		exit
		outer:
		mov %r8, %r1
		mov %r9, %r2
		stxdw [%r10-8], %r1
		call local inner
		jne %r8, 2, +1
		ldxb %r0, [%r9+3]
		exit
		inner:
		stxdw [%r10-16], %r2
		jne %r1, 3, +1
		stdw [%r2+4], 1
		lddw %r3, map(jump)
		stxdw [%r10-8], %r1
		mov %r1, %r2
		ldxdw %r4, [%r10-8]
		mov %r2, %r3
		mov %r3, 0
		jeq %r4, 4, +1
		call 12
		call local last
		exit
		last:
		ldxdw %r0, [%r1+5]
		exit
		.program target
		mov %r6, %r1
		call local leaf
		ldxw %r0, [%r6+6]
		exit
		leaf:
		mov %r0, 0
		exit`
	places := []struct {
		fn   string
		off  int
		size int
	}{{"main", 1, 4}, {"target", 6, 4}, {"target", 6, 4}, {"inner", 4, 8}, {"last", 5, 8}}
	for _, s := range schemes {
		b := newBoth(t, text, engines.Config{Scheme: s})
		for way, want := range places {
			const wild = 0x1234_5678_9abc
			f := b.run(uint64(way), wild)
			if f == nil {
				t.Errorf("way %d: no fault", way)
				continue
			}
			fn := b.ref.mod.Funcs[f.Func]
			in := fn.Insns[f.Insn]
			if fn.Name != want.fn || int(in.Off) != want.off || f.Size != want.size || f.Addr != wild+uint64(want.off) {
				t.Errorf("way %d: %v at %s: %s", way, f, fn.Name, bpfasm.Format(b.ref.mod, fn, f.Insn))
			}
			fn.Lines = []bpf.Line{{Insn: 0, File: "a.c", Num: 1}, {Insn: f.Insn, File: "a.c", Num: 42}, {Insn: f.Insn + 1, File: "a.c", Num: 43}}
			if where := b.dut.mod.Where(f.Func, f.Insn); !strings.HasPrefix(where, want.fn) {
				t.Errorf("way %d: %s", way, where)
			}
			if where := b.ref.mod.Where(f.Func, f.Insn); !strings.HasSuffix(where, "a.c:42)") {
				t.Errorf("way %d: %s", way, where)
			}
		}
	}
}

// TestRepeatedChecksHideNoFault runs random sequences of accesses, many of
// them from the same base, at addresses around both ends of the arena: a check
// that the compiler leaves out, since it was made before, must be one that
// could not fail.
func TestRepeatedChecksHideNoFault(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	faults := 0
	for range 250 {
		text, offs := sequence(rnd)
		b := newBoth(t, text, engines.Config{})
		start, end := b.ref.arena.Base(), b.ref.arena.Base()+b.ref.arena.Size()
		for range 40 {
			edge := start
			if rnd.IntN(2) == 0 {
				edge = end
			}
			// One of the accesses is at the edge, or near it.
			addr := edge - uint64(offs[rnd.IntN(len(offs))]) + uint64(rnd.IntN(19)-9)
			if f := b.run(addr, uint64(rnd.IntN(3))); f != nil {
				faults++
			}
			if t.Failed() {
				t.Fatal(text)
			}
		}
	}
	if faults < 1000 {
		t.Errorf("only %d faults", faults)
	}
}

// sequence makes a program of accesses at offsets from R2, and returns these.
func sequence(rnd *rand.Rand) (text string, offs []int) {
	var b strings.Builder
	b.WriteString("mov %r0, 0\nmov %r5, %r3\nmov %r4, %r2\nmov %r6, %r2\nmov %r7, %r2\nmov %r8, %r2\nmov %r9, %r2\n")
	moved := [10]int{} // of each base from R2
	access := []string{"ldxb %%r1, [%%r%d%+d]", "ldxdw %%r1, [%%r%d%+d]", "stxw [%%r%d%+d], %%r5", "sth [%%r%d%+d], 9",
		"ldxsw %%r1, [%%r%d%+d]", "load_acquire8 %%r1, [%%r%d%+d]", "lock add [%%r%d%+d], %%r5"}
	bases := []int{2, 2, 2, 2, 4, 6, 7, 8, 9}
	labels := 0
	for range 4 + rnd.IntN(16) {
		base := bases[rnd.IntN(len(bases))]
		off := []int{0, 1, 8, 100, 2047, 2048, 32767, 32760, -1, -8, -2048, -2049, -32768, -32760}[rnd.IntN(14)]
		switch rnd.IntN(8) {
		case 0: // on one way alone
			labels++
			fmt.Fprintf(&b, "jeq %%r5, %d, l%d\n", rnd.IntN(3), labels)
			fmt.Fprintf(&b, access[rnd.IntN(len(access))]+"\nl%d:\n", base, off, labels)
		case 1: // another value in the same register
			d := rnd.IntN(40) - 20
			fmt.Fprintf(&b, "add %%r%d, %d\n", base, d)
			moved[base] += d
			continue
		case 2: // the same value in another register
			to := bases[4+rnd.IntN(5)]
			fmt.Fprintf(&b, "mov %%r%d, %%r%d\n", to, base)
			moved[to] = moved[base]
			continue
		default:
			fmt.Fprintf(&b, access[rnd.IntN(len(access))]+"\n", base, off)
		}
		b.WriteString("add %r0, %r5\n")
		offs = append(offs, off+moved[base])
	}
	if len(offs) == 0 {
		offs = []int{0}
	}
	b.WriteString("exit\n")
	return b.String(), offs
}
