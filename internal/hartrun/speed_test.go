package hartrun

import (
	"fmt"
	"testing"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/compile"
	"github.com/rivetbpf/rivet/internal/compile/riscv64"
	"github.com/rivetbpf/rivet/internal/cputime"
	"github.com/rivetbpf/rivet/internal/ir"
	"github.com/rivetbpf/rivet/internal/load"
	"github.com/rivetbpf/rivet/internal/progen"
)

// program is a valid program of n instructions.
func program(tb testing.TB, n int) *bpf.Module {
	mod, err := load.RawInsns(progen.Long(n))
	if err != nil {
		tb.Fatal(err)
	}
	return mod
}

// BenchmarkCompile measures the way from validated bytecode to linked machine
// code; time per instruction must not grow with the program.
func BenchmarkCompile(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000, 1_000_000} {
		mod := program(b, n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			start := cputime.Used()
			for b.Loop() {
				t, err := riscv64.New("rv64gc", riscv64.GateTrap)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := compile.Compile(mod, t, testOptions()); err != nil {
					b.Fatal(err)
				}
			}
			perInsn := float64(cputime.Used()-start) / float64(b.N) / float64(n)
			b.ReportMetric(perInsn, "cpu-ns/insn")
			b.ReportMetric(1e3/perInsn, "Minsn/cpu-s")
		})
	}
}

func BenchmarkBuild(b *testing.B) {
	mod := program(b, 100_000)
	var builder ir.Builder
	env := &ir.Env{Module: mod}
	for b.Loop() {
		builder.Build(env, mod.Funcs[0])
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100_000, "ns/insn")
}

func testOptions() *compile.Options {
	return &compile.Options{Base: codeBase, ArenaBase: 0x1000_0000, ArenaSize: 1 << 20,
		MapValue: func(int) uint64 { return 0x1000_1000 }, Slots: func(int) uint64 { return slotsBase },
		Descs: tablesBase, FuncTable: tablesBase + 0x1000}
}
