package load

import (
	"slices"
	"testing"

	"github.com/rivetbpf/rivet/internal/bpf"
)

// levels makes an entry and n functions below it, each of which calls the next
// one the same number of times.
func levels(t *testing.T, n, calls int) *bpf.Module {
	t.Helper()
	var insns []bpf.Insn
	size := calls + 2
	for level := range n + 1 {
		for range calls {
			in := bpf.Insn{Op: bpf.OpMovK, Dst: bpf.R0, Imm: 1}
			if level < n {
				in = bpf.Insn{Op: bpf.OpCall, Src: bpf.CallSubprog, Imm: int32((level+1)*size - len(insns) - 1)}
			}
			insns = append(insns, in)
		}
		insns = append(insns, bpf.Insn{Op: bpf.OpMovK, Dst: bpf.R0}, bpf.Insn{Op: bpf.OpExit})
	}
	m, err := RawInsns(insns)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestWork(t *testing.T) {
	for _, c := range []struct {
		levels, calls int
		work          []int64 // of the lowest function and then upward
		burn          []int   // whose calls burn fuel
	}{
		{0, 10, []int64{12}, nil},
		{1, 10, []int64{12, 132}, nil},
		{2, 100, []int64{102, 10302, 1030302}, nil},
		{4, 200, []int64{202, 40602, 202, 40602, 202}, []int{2, 4}},
		{7, 100, []int64{102, 10302, 1030302, 102, 10302, 1030302, 102, 10302}, []int{3, 6}},
		{1, 400_000, []int64{400_002, 400_002}, []int{1}},
	} {
		m := levels(t, c.levels, c.calls)
		for i, f := range m.Funcs {
			if burn := slices.Contains(c.burn, i); f.Work != c.work[i] || f.CallsBurn != burn {
				t.Errorf("%d levels of %d calls: %s, %d from below: work %d, calls burn %v; want %d, %v",
					c.levels, c.calls, f.Name, i, f.Work, f.CallsBurn, c.work[i], burn)
			}
		}
	}
}
