package hartrun_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/bpfasm"
	"github.com/rivetbpf/rivet/internal/engine"
	"github.com/rivetbpf/rivet/internal/engines"
	"github.com/rivetbpf/rivet/internal/hartrun"
	"github.com/rivetbpf/rivet/internal/load"
)

// farBody is what lies between the jumps of farText: more than 1 MiB of code,
// since a 64-bit byte swap takes 21 instructions without Zbb. An even number of
// swaps changes nothing.
const farBody = 16000

// farText is a program in which every kind of conditional jump, forwards and
// backwards, goes over more than 1 MiB, taken and not taken, beside a
// division by zero, a fault, subprogram calls and a tail call whose targets lie
// as far. R0 counts what was right; R2 chooses an end.
func farText() (text string, want uint64) {
	var head, tail strings.Builder
	n := 0
	jump := func(cond string, yes bool) {
		n++
		if !yes {
			fmt.Fprintf(&head, "%s, wrong\nadd %%r0, 1\n", cond)
			fmt.Fprintf(&tail, "%s, next0\nadd %%r0, 1\n", cond)
			want += 2
			return
		}
		fmt.Fprintf(&head, "%s, pad%d\nja wrong\nnext%d:\n", cond, n, n)
		fmt.Fprintf(&tail, "ja over%d\npad%d: add %%r0, 1\n%s, next%d\nja wrong\nover%d:\n", n, n, cond, n, n)
		want++
	}
	// R6 is 5, R7 is 9, R8 is -3.
	for _, w := range []string{"", "32"} {
		for _, c := range []struct{ op, yes, no string }{
			{"jeq", "%r6, 5", "%r6, %r7"}, {"jne", "%r6, %r7", "%r6, 5"}, {"jgt", "%r7, %r6", "%r6, 5"}, {"jge", "%r8, 7", "%r6, %r8"},
			{"jlt", "%r6, %r8", "%r8, 6"}, {"jle", "%r6, 5", "%r8, %r6"}, {"jset", "%r6, 4", "%r6, 8"}, {"jsgt", "%r6, %r8", "%r8, 0"},
			{"jsge", "%r6, 5", "%r8, %r6"}, {"jslt", "%r8, %r6", "%r6, -3"}, {"jsle", "%r8, -3", "%r7, %r8"},
			{"jeq", "%r9, 0", "%r6, 0"}, {"jne", "%r6, 0", "%r9, 0"},
		} {
			jump(c.op+w+" "+c.yes, true)
			jump(c.op+w+" "+c.no, false)
		}
	}
	var b strings.Builder
	b.WriteString(".map jump prog_array 4 4 5\n.slot jump 4 other\n.program main\n" +
		"mov %r9, 0\nmov %r0, 0\nmov %r6, 5\nmov %r7, 9\nmov %r8, -3\nstxdw [%r10-8], %r1\nstxdw [%r10-16], %r2\nnext0:\n" + head.String() +
		"ldxdw %r2, [%r10-16]\njne %r2, 1, +1\nldxw %r3, [%r9+77]\n" + // a fault
		"mov %r3, 100\ndiv %r3, %r9\nadd %r0, %r3\n" + // division by zero
		"stxdw [%r10-24], %r0\ncall local near\nldxdw %r1, [%r10-24]\nadd %r0, %r1\n" +
		"ldxdw %r2, [%r10-16]\njeq %r2, 2, bottom\n")
	b.WriteString(strings.Repeat("be64 %r0\n", farBody))
	b.WriteString("bottom:\n" + tail.String() + "stxdw [%r10-24], %r0\ncall local near\nldxdw %r1, [%r10-24]\nadd %r0, %r1\n" +
		"ldxdw %r2, [%r10-16]\njne %r2, 3, +1\nldxw %r3, [%r9+78]\n" +
		"stxdw [%r10-24], %r0\nldxdw %r1, [%r10-8]\nlddw %r2, map(jump)\nldxdw %r3, [%r10-16]\ncall 12\nldxdw %r0, [%r10-24]\nexit\n" +
		"wrong: mov %r0, -1\nexit\n" +
		"near: mov %r0, 1000\nexit\n.program other\nmov %r0, 7\nexit\n")
	return b.String(), want + 2000
}

// TestFarJumps runs code whose conditional jumps, fault stubs and calls reach
// over more than 1 MiB in both directions.
func TestFarJumps(t *testing.T) {
	text, want := farText()
	eachEngine(t, func(t *testing.T, k engines.Kind, c engines.Config) {
		r := newRig(t, text, k, c)
		if h, ok := r.engine.(*hartrun.Engine); ok {
			if n := len(h.Image().Code); n < 1<<20+1<<16 {
				t.Fatalf("only %d bytes of code", n)
			}
		}
		for end, want := range map[uint64]uint64{0: want, 2: want, 4: 7} {
			r.want(want, end)
		}
		for end, addr := range map[uint64]uint64{1: 77, 3: 78} {
			_, err := r.run(end)
			var f *engine.Fault
			if !errors.As(err, &f) || f.Kind != engine.FaultAccess || f.Addr != addr || f.Size != 4 {
				t.Errorf("end %d: %v, want a fault at %d", end, err, addr)
			} else if in := r.mod.Funcs[f.Func].Insns[f.Insn]; int(in.Off) != int(addr) {
				t.Errorf("end %d: fault at %s", end, bpfasm.Format(r.mod, r.mod.Funcs[f.Func], f.Insn))
			}
		}
	})
}

// TestLargestProgram compiles the most instructions that are allowed and runs
// them twice: a jump at the end goes back over all of them.
func TestLargestProgram(t *testing.T) {
	reg := func(op uint8, dst, src uint8, off int16) bpf.Insn {
		return bpf.Insn{Op: op, Dst: dst, Src: src, Off: off}
	}
	insns := []bpf.Insn{
		reg(bpf.OpMovX, bpf.R6, bpf.R1, 0), {Op: bpf.OpMovK, Dst: bpf.R0, Imm: 0x1000_1234},
		{Op: bpf.OpMovK, Dst: bpf.R7}, {Op: bpf.OpMovK, Dst: bpf.R2, Imm: 3},
	}
	top := len(insns)
	for n := int32(0); len(insns) < bpf.MaxInsns-10; n++ {
		insns = append(insns,
			bpf.Insn{Op: bpf.ClassALU64 | bpf.ALUMul, Dst: bpf.R0, Imm: 2*n + 1},
			bpf.Insn{Op: bpf.ClassALU | bpf.ALUAdd, Dst: bpf.R2, Imm: n},
			reg(bpf.ClassJMP|bpf.JmpJGT|bpf.SrcX, bpf.R0, bpf.R2, 2),
			reg(bpf.ClassSTX|bpf.ModeMEM|bpf.SizeDW, bpf.R6, bpf.R0, int16(8*(n%16))),
			reg(bpf.ClassALU64|bpf.ALUXor|bpf.SrcX, bpf.R0, bpf.R2, 0),
			reg(bpf.ClassLDX|bpf.ModeMEM|bpf.SizeW, bpf.R3, bpf.R6, int16(n%100)),
			reg(bpf.ClassALU64|bpf.ALUAdd|bpf.SrcX, bpf.R0, bpf.R3, 0))
	}
	for len(insns) < bpf.MaxInsns-4 {
		insns = append(insns, bpf.Insn{Op: bpf.ClassALU64 | bpf.ALUAdd, Dst: bpf.R0, Imm: 1})
	}
	insns = append(insns, bpf.Insn{Op: bpf.ClassALU64 | bpf.ALUAdd, Dst: bpf.R7, Imm: 1},
		bpf.Insn{Op: bpf.ClassJMP | bpf.JmpJEQ, Dst: bpf.R7, Off: 1, Imm: 2},
		bpf.Insn{Op: bpf.OpGotol, Imm: int32(top - bpf.MaxInsns + 1)}, bpf.Insn{Op: bpf.OpExit})
	if len(insns) != bpf.MaxInsns {
		t.Fatalf("%d instructions", len(insns))
	}
	mod, err := load.RawInsns(insns)
	if err != nil {
		t.Fatal(err)
	}
	type outcome struct {
		r0  uint64
		mem [memSize]byte
	}
	var want *outcome
	for _, k := range engines.All() {
		r := rigFor(t, mod, k, engines.Config{})
		r0, err := r.run()
		if err != nil {
			t.Fatalf("%s: %v", k.Name, err)
		}
		got := &outcome{r0, [memSize]byte(r.mem)}
		if want == nil {
			want = got
		} else if *got != *want {
			t.Errorf("%s: r0 %#x, want %#x", k.Name, got.r0, want.r0)
		}
	}
}
