package hart

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/rivetbpf/rivet/internal/cputime"
	"github.com/rivetbpf/rivet/internal/testenv"
)

// BenchmarkSpeed runs loops that clang compiled. It reports instructions a
// second, and how many times as many qemu-user executes: the goal is 5 at most.
// Both are the best of some runs, in processor time, so that a busy machine
// matters little.
func BenchmarkSpeed(b *testing.B) {
	qemu := testenv.NeedTool(b, "qemu-riscv64-static")
	clang := testenv.NeedTool(b, "clang-19")
	for _, kind := range []string{"ALU", "SIEVE", "COPY", "CALLS", "HASH"} {
		b.Run(kind, func(b *testing.B) {
			path := filepath.Join(b.TempDir(), kind)
			out, err := exec.Command(clang, "--target=riscv64-linux-gnu", "-O2", "-march=rv64gc", "-nostdlib", "-static", "-fno-builtin",
				"-fuse-ld=lld-19", "-D"+kind, "-o", path, "testdata/speed/speed.c").CombinedOutput()
			if err != nil {
				b.Fatalf("clang: %v\n%s", err, out)
			}
			file, err := os.ReadFile(path)
			if err != nil {
				b.Fatal(err)
			}
			retired := uint64(0)
			ours, theirs := time.Duration(1<<62), time.Duration(1<<62)
			for b.Loop() {
				begin := cputime.Used()
				res, err := RunELF(bytes.NewReader(file), ELFOptions{})
				ours = min(ours, cputime.Used()-begin)
				if err != nil || res.ExitCode != 0 {
					b.Fatalf("exit code %d, %v", res.ExitCode, err)
				}
				retired = res.Retired
				cmd := exec.Command(qemu, path)
				if err := cmd.Run(); err != nil {
					b.Fatalf("qemu: %v", err)
				}
				theirs = min(theirs, cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime())
			}
			b.ReportMetric(0, "ns/op") // of both together: means nothing
			b.ReportMetric(float64(retired)/1e6/ours.Seconds(), "Minsn/s")
			b.ReportMetric(float64(retired)/1e6/theirs.Seconds(), "qemu-Minsn/s")
			b.ReportMetric(ours.Seconds()/theirs.Seconds(), "x-slower")
		})
	}
}

// BenchmarkNewCode prepares a million random instructions and parcels.
func BenchmarkNewCode(b *testing.B) {
	g := newGenerator(1, 0)
	var code []byte
	n := 0
	for n < 1_000_000 {
		code = append(code, g.sequence(genData, make([]byte, areaSize))...)
		n += len(g.pieces)
	}
	for b.Loop() {
		NewCode(genText, code)
	}
	b.ReportMetric(float64(n)*float64(b.N)/1e6/b.Elapsed().Seconds(), "Minsn/s")
}

// BenchmarkRun enters and leaves the hart: what a helper call costs besides the helper.
func BenchmarkRun(b *testing.B) {
	h := machine(enc("ecall", 0, 0, 0, 0), enc("jal", 0, 0, 0, -4))
	b.ReportAllocs()
	for b.Loop() {
		h.Run(0)
	}
}
