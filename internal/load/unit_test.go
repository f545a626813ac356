package load_test

import (
	"strings"
	"testing"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/load"
)

// TestFunctionsOfAProgram is about Linux's BPF_MAX_SUBPROGS. Without a limit,
// what indirect calls may reach grows with the square of the program.
func TestFunctionsOfAProgram(t *testing.T) {
	program := func(funcs int) []bpf.Insn {
		var insns []bpf.Insn
		calls := funcs - 1
		for i := range calls {
			insns = append(insns, bpf.Insn{Op: bpf.OpCall, Src: bpf.CallSubprog, Imm: int32(calls + 2 + 2*i - i - 1)})
		}
		for range funcs {
			insns = append(insns, bpf.Insn{Op: bpf.OpMovK}, bpf.Insn{Op: bpf.OpExit})
		}
		return insns
	}
	mod, err := load.RawInsns(program(bpf.MaxFuncs))
	if err != nil || len(mod.Funcs) == 0 {
		t.Errorf("%d functions: %v", bpf.MaxFuncs, err)
	}
	_, err = load.RawInsns(program(bpf.MaxFuncs + 1))
	if err == nil || !strings.Contains(err.Error(), "257 functions: at most 256") {
		t.Errorf("%d functions: %v", bpf.MaxFuncs+1, err)
	}
}
