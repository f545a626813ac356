package hart

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rivetbpf/rivet/internal/testenv"
)

const (
	genText = 0x100000
	genData = 0x4000000
)

// batch makes an executable of n random sequences that writes their data to
// file descriptor 1. It returns where each begins in the text.
func batch(seed uint64, n int, without Ext) (file []byte, starts []int) {
	g := newGenerator(seed, without)
	data := make([]byte, n*areaSize)
	var code []byte
	for i := range n {
		starts = append(starts, len(code))
		code = append(code, g.sequence(genData+uint32(i)*areaSize, data[i*areaSize:][:areaSize])...)
	}
	g.pieces, g.items = nil, nil
	li := func(rd, v uint32) {
		g.emit(enc("lui", rd, 0, 0, int32(v+0x800)))
		g.emit(enc("addiw", rd, rd, 0, int32(v<<20)>>20))
	}
	li(10, 1)
	li(11, genData)
	li(12, uint32(len(data)))
	li(17, sysWrite)
	g.emit(enc("ecall", 0, 0, 0, 0))
	li(10, 42)
	li(17, sysExit)
	g.emit(enc("ecall", 0, 0, 0, 0))
	code = append(code, g.resolve()...)
	return makeELF(genText, load{addr: genText, data: code, flags: elf.PF_R | elf.PF_X},
		load{addr: genData, data: data, flags: elf.PF_R | elf.PF_W}), starts
}

// qemuCPU has all that qemu 7.2 knows of what the hart has: not Zicond and Zacas.
const qemuCPU = "rv64,zba=true,zbb=true,zbs=true,v=false"

func runQEMU(t *testing.T, file []byte, args ...string) (stdout, stderr []byte) {
	t.Helper()
	qemu := testenv.NeedTool(t, "qemu-riscv64-static")
	path := filepath.Join(t.TempDir(), "batch.elf")
	if err := os.WriteFile(path, file, 0o755); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, qemu, append(append([]string{"-cpu", qemuCPU}, args...), path)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); cmd.ProcessState.ExitCode() != 42 {
		t.Fatalf("qemu: %v\n%s", err, errs.Bytes()[:min(errs.Len(), 2000)])
	}
	return out.Bytes(), errs.Bytes()
}

// TestQEMU compares all registers and the memory after random sequences.
func TestQEMU(t *testing.T) {
	testenv.NeedTool(t, "qemu-riscv64-static")
	batches, n := 10, 1000
	if testing.Short() {
		batches = 2
	}
	for seed := range batches {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			file, starts := batch(uint64(seed), n, ExtZicond|ExtZacas)
			want, _ := runQEMU(t, file)
			var got bytes.Buffer
			res, err := RunELF(bytes.NewReader(file), ELFOptions{Stdout: &got})
			if err != nil || res.ExitCode != 42 {
				t.Fatalf("exit code %d, %v", res.ExitCode, err)
			}
			for i := range n {
				w, g := want[i*areaSize:][:areaSize], got.Bytes()[i*areaSize:][:areaSize]
				if !bytes.Equal(w, g) {
					t.Fatalf("sequence %d, at %#x:\n%s", i, genText+starts[i], differences(w, g))
				}
			}
		})
	}
}

// differences lists the registers and words that are not the same.
func differences(want, got []byte) string {
	var b strings.Builder
	for off := 0; off < areaSize; off += 8 {
		w, g := binary.LittleEndian.Uint64(want[off:]), binary.LittleEndian.Uint64(got[off:])
		if w == g {
			continue
		}
		what := fmt.Sprintf("x3%+d", off-areaSize/2)
		if r := (off - areaSize/2 - saveOff) / 8; r >= 0 && r < 32 {
			what = fmt.Sprintf("x%d", r)
		}
		fmt.Fprintf(&b, "%s: qemu %#x, hart %#x\n", what, w, g)
	}
	return b.String()
}

// TestRetiredQEMU compares the number of retired instructions with the
// number of blocks that qemu executes when each block is one instruction.
func TestRetiredQEMU(t *testing.T) {
	file, _ := batch(99, 20, ExtZicond|ExtZacas)
	_, log := runQEMU(t, file, "-singlestep", "-d", "exec,nochain")
	res, err := RunELF(bytes.NewReader(file), ELFOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if want := bytes.Count(log, []byte("Trace ")); res.Retired != uint64(want) {
		t.Errorf("retired %d instructions, qemu executed %d", res.Retired, want)
	}
}
