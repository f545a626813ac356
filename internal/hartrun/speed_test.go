package hartrun

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/compile"
	"github.com/rivetbpf/rivet/internal/compile/riscv64"
	"github.com/rivetbpf/rivet/internal/ir"
	"github.com/rivetbpf/rivet/internal/load"
)

// unit is a stretch of ordinary code: arithmetic of both widths, memory, a
// branch over part of it. 16 instructions.
var unit = []bpf.Insn{
	{Op: 0x61, Dst: 2, Src: 1, Off: 4},    // r2 = *(u32 *)(r1 + 4)
	{Op: 0xbf, Dst: 3, Src: 2},            // r3 = r2
	{Op: 0x67, Dst: 3, Imm: 3},            // r3 <<= 3
	{Op: 0x0f, Dst: 3, Src: 2},            // r3 += r2
	{Op: 0x54, Dst: 2, Imm: 255},          // w2 &= 255
	{Op: 0x16, Dst: 2, Off: 3, Imm: 7},    // if w2 == 7 goto +3
	{Op: 0x04, Dst: 2, Imm: 1},            // w2 += 1
	{Op: 0xac, Dst: 3, Src: 2},            // w3 ^= w2
	{Op: 0x63, Dst: 10, Src: 3, Off: -4},  // *(u32 *)(r10 - 4) = r3
	{Op: 0x07, Dst: 0, Imm: 12345},        // r0 += 12345
	{Op: 0x0f, Dst: 0, Src: 3},            // r0 += r3
	{Op: 0x71, Dst: 4, Src: 1, Off: 9},    // r4 = *(u8 *)(r1 + 9)
	{Op: 0xbc, Dst: 5, Src: 4},            // w5 = w4
	{Op: 0x2d, Dst: 5, Src: 0, Off: 1},    // if r5 > r0 goto +1
	{Op: 0x1f, Dst: 0, Src: 5},            // r0 -= r5
	{Op: 0x7b, Dst: 10, Src: 0, Off: -16}, // *(u64 *)(r10 - 16) = r0
}

// program is a valid program of n instructions.
func program(tb testing.TB, n int) *bpf.Module {
	insns := []bpf.Insn{{Op: 0xb7, Dst: 0, Imm: 1}}
	for len(insns)+len(unit)+1 < n {
		insns = append(insns, unit...)
	}
	for len(insns) < n-1 {
		insns = append(insns, bpf.Insn{Op: 0x07, Dst: 0, Imm: 1})
	}
	insns = append(insns, bpf.Insn{Op: bpf.OpExit})
	mod, err := load.RawInsns(insns)
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
			start := cpuTime()
			for b.Loop() {
				t, err := riscv64.New("rv64gc", riscv64.GateTrap)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := compile.Compile(mod, t, testOptions()); err != nil {
					b.Fatal(err)
				}
			}
			perInsn := float64(cpuTime()-start) / float64(b.N) / float64(n)
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

// cpuTime is the time that the process has spent on a processor, garbage
// collection included; unlike elapsed time it does not depend on what else the
// machine does.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic("BUG: getrusage: " + err.Error())
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
