package hartrun

import (
	"testing"
	"time"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/compile"
	"github.com/rivetbpf/rivet/internal/compile/riscv64"
	"github.com/rivetbpf/rivet/internal/cputime"
	"github.com/rivetbpf/rivet/internal/engine"
	"github.com/rivetbpf/rivet/internal/load"
)

// adversaries are layouts in which information or growth must travel the
// wrong way through the function, one block at a time: what solves for a fixed
// point in passes over all blocks takes as many passes as there are blocks.
var adversaries = []struct {
	name string
	make func(n int) []bpf.Insn
}{
	// Each block may jump back to the one before it, so that what the first
	// reads is live in the last only after a step for each block.
	{"liveness", func(n int) []bpf.Insn {
		insns := []bpf.Insn{
			{Op: bpf.ClassJMP | bpf.JmpJEQ, Dst: bpf.R1, Off: 1, Imm: 5},
			{Op: bpf.ClassALU64 | bpf.ALUMov | bpf.SrcX, Dst: bpf.R0, Src: bpf.R2},
		}
		for len(insns) < n-2 {
			insns = append(insns, bpf.Insn{Op: bpf.ClassALU64 | bpf.ALUAdd, Dst: bpf.R1, Imm: 1},
				bpf.Insn{Op: bpf.ClassJMP | bpf.JmpJEQ, Dst: bpf.R1, Off: -3, Imm: int32(len(insns))})
		}
		return append(insns, bpf.Insn{Op: bpf.OpMovK, Dst: bpf.R0}, bpf.Insn{Op: bpf.OpExit})
	}},
	// Blocks run in the opposite order of their places: that a helper in the
	// last one destroys the tail-call count reaches the first one last.
	{"count", func(n int) []bpf.Insn {
		insns := []bpf.Insn{{Op: bpf.OpMovK, Dst: bpf.R6}, {Op: bpf.OpGotol, Imm: int32(n - 4)}}
		first := len(insns)
		insns = append(insns, bpf.Insn{Op: bpf.OpCall, Imm: bpf.HelperTailCall}, bpf.Insn{Op: bpf.OpMovK, Dst: bpf.R0}, bpf.Insn{Op: bpf.OpExit})
		to := first
		for len(insns) < n-2 {
			at := len(insns)
			insns = append(insns, bpf.Insn{Op: bpf.OpJA, Off: int16(to - at - 1)})
			to = at
		}
		return append(insns, bpf.Insn{Op: bpf.OpCall, Imm: 5}, bpf.Insn{Op: bpf.OpJA, Off: int16(to - len(insns) - 2)})
	}},
	// Each jump reaches over the next one with no byte to spare, so that they
	// grow one after the other, from the last to the first.
	{"jumps without a byte to spare", func(n int) []bpf.Insn { return chains(n, 254) }},
	// The same, where relaxation in a hurry wants half the distance to spare.
	{"jumps without half to spare", func(n int) []bpf.Insn { return chains(n, 126) }},
}

// chains makes jumps that grow one after the other, from the last to the
// first: twenty over 254 bytes at the end, the others over dist bytes.
func chains(n, dist int) []bpf.Insn {
	insns := []bpf.Insn{{Op: bpf.OpMovK, Dst: bpf.R0}}
	jump := func(off int) {
		insns = append(insns, bpf.Insn{Op: bpf.ClassJMP | bpf.JmpJEQ, Dst: bpf.R0, Off: int16(off)})
	}
	// link is a jump with the next one in the middle of what it jumps over.
	// Between them lie jumps, too, which never grow.
	link := func(dist int) {
		over := (dist - 2) / 2 // instructions of two bytes
		jump(over)
		for range over/4 + 1 {
			jump(1)
			insns = append(insns, bpf.Insn{Op: bpf.ClassALU64 | bpf.ALUAdd, Dst: bpf.R0, Imm: 1})
		}
	}
	for len(insns) < n-2000 {
		link(dist)
	}
	for range 20 {
		link(254)
	}
	jump(127)
	for range 200 {
		insns = append(insns, bpf.Insn{Op: bpf.ClassALU64 | bpf.ALUAdd, Dst: bpf.R0, Imm: 1})
	}
	return append(insns, bpf.Insn{Op: bpf.OpExit})
}

// TestAdversariesCompileInLinearTime compiles eight times as many instructions
// and wants less than four times the time for each.
func TestAdversariesCompileInLinearTime(t *testing.T) {
	target, err := riscv64.New("rv64gc", riscv64.GateTrap)
	if err != nil {
		t.Fatal(err)
	}
	options := testOptions()
	options.Scheme = engine.Propagated
	each := func(insns []bpf.Insn) time.Duration {
		mod, err := load.RawInsns(insns)
		if err != nil {
			t.Fatal(err)
		}
		best := time.Duration(1 << 62)
		for range 2 {
			start := cputime.Used()
			if _, err := compile.Compile(mod, target, options); err != nil {
				t.Fatal(err)
			}
			best = min(best, cputime.Used()-start)
		}
		return best / time.Duration(len(insns))
	}
	const n = 6_000
	for _, a := range adversaries {
		small, large := each(a.make(n)), each(a.make(8*n))
		t.Logf("%s: %v an instruction of %d, %v of %d", a.name, small, n, large, 8*n)
		if large > 4*small && large > time.Microsecond {
			t.Errorf("%s: %v an instruction of %d, but %v of %d: not linear", a.name, small, n, large, 8*n)
		}
	}
}
