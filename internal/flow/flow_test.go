package flow_test

import (
	"slices"
	"testing"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/flow"
	"github.com/rivetbpf/rivet/internal/progen"
)

// five is a world in which every call takes five arguments.
type five struct{}

func (five) NumArgs(*bpf.Insn) int { return 5 }

// functions calls f with functions of all shapes: generated ones, and one whose
// blocks each jump back to the one before.
func functions(t *testing.T, f func(name string, insns []bpf.Insn)) {
	for seed := range uint64(150) {
		mod, err := progen.Generate(seed, progen.Default()).Module()
		if err != nil {
			t.Fatal(err)
		}
		for _, fn := range mod.Funcs {
			f(fn.Name, fn.Insns)
		}
	}
	insns := []bpf.Insn{{Op: bpf.OpMovX, Dst: 0, Src: 9}}
	for i := range 40 {
		insns = append(insns, bpf.Insn{Op: bpf.ClassJMP | bpf.JmpJEQ, Dst: uint8(i % 10), Off: -2}, bpf.Insn{Op: bpf.ClassALU | bpf.ALUMov, Dst: uint8(i % 9)})
	}
	f("back and forth", append(insns, bpf.Insn{Op: bpf.OpExit}))
}

// TestGraph holds blocks and edges against the instructions one by one.
func TestGraph(t *testing.T) {
	var g flow.Graph
	functions(t, func(name string, insns []bpf.Insn) {
		g.Analyze(insns)
		at := map[int32]int32{} // slot to block
		for i, b := range g.Blocks {
			for pc := b.Start; pc < b.End; pc++ {
				at[pc] = int32(i)
			}
		}
		reached := reach(insns)
		for pc := range insns {
			if _, ok := at[int32(pc)]; ok != reached[pc] && insns[pc].Op != 0 {
				t.Fatalf("%s: insn %d: in a block: %v, reached: %v", name, pc, ok, reached[pc])
			}
		}
		if len(g.RPO) != len(g.Blocks) || g.RPO[0] != 0 {
			t.Fatalf("%s: the order has %d of %d blocks, the first is %d", name, len(g.RPO), len(g.Blocks), g.RPO[0])
		}
		for i, b := range g.Blocks {
			var want []int32
			for _, s := range next(insns, int(b.Last())) {
				if k, ok := at[int32(s)]; !ok || g.Blocks[k].Start != int32(s) {
					t.Fatalf("%s: block %d goes to insn %d, where no block starts", name, i, s)
				} else if !slices.Contains(want, k) {
					want = append(want, k)
				}
			}
			got := b.Succs[:b.NumSuccs]
			if !slices.Equal(got, want) {
				t.Fatalf("%s: block %d goes to %v, want %v", name, i, got, want)
			}
			for _, s := range got {
				if !slices.Contains(g.Blocks[s].Preds, int32(i)) {
					t.Fatalf("%s: block %d is no predecessor of %d", name, i, s)
				}
			}
		}
	})
}

// next returns where control may go from the instruction at pc, not taken first.
func next(insns []bpf.Insn, pc int) []int {
	in := &insns[pc]
	c := in.Class()
	switch {
	case in.Op == bpf.OpExit:
		return nil
	case in.IsLDDW():
		return []int{pc + 2}
	case (c != bpf.ClassJMP && c != bpf.ClassJMP32) || in.JmpOp() == bpf.JmpCall:
		return []int{pc + 1}
	case in.JmpOp() == bpf.JmpJA:
		return []int{in.JumpTarget(pc)}
	}
	return []int{pc + 1, in.JumpTarget(pc)}
}

func reach(insns []bpf.Insn) []bool {
	seen := make([]bool, len(insns))
	for work := []int{0}; len(work) > 0; {
		pc := work[len(work)-1]
		work = work[:len(work)-1]
		if !seen[pc] {
			seen[pc] = true
			work = append(work, next(insns, pc)...)
		}
	}
	return seen
}

// TestLiveness compares with the plainest solution: instruction by instruction,
// over and over until nothing changes.
func TestLiveness(t *testing.T) {
	var g flow.Graph
	var l flow.Liveness
	functions(t, func(name string, insns []bpf.Insn) {
		g.Analyze(insns)
		l.Analyze(insns, &g, five{})
		in := make([]flow.Set, len(insns)+1)
		outOf := func(pc int) (out flow.Set) {
			for _, s := range next(insns, pc) {
				out |= in[s]
			}
			return out
		}
		for changed := true; changed; {
			changed = false
			for pc := len(insns) - 1; pc >= 0; pc-- {
				if insns[pc].Op == 0 {
					continue
				}
				use, def := flow.Effects(&insns[pc], five{})
				if v := outOf(pc)&^def | use; v != in[pc] {
					in[pc], changed = v, true
				}
			}
		}
		for i, b := range g.Blocks {
			if l.In[i] != in[b.Start] {
				t.Fatalf("%s: block %d: %#x live, want %#x", name, i, l.In[i], in[b.Start])
			}
			for pc := b.Start; pc < b.End; pc++ {
				if insns[pc].Op == 0 {
					continue
				}
				_, def := flow.Effects(&insns[pc], five{})
				if want := outOf(int(pc))&def>>flow.HighShift != 0; l.High[pc] != want {
					t.Fatalf("%s: insn %d: upper half read: %v, want %v", name, pc, l.High[pc], want)
				}
			}
		}
	})
}
