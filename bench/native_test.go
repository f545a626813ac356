// Package bench_test checks the native executables: they are what rivet's code is measured beside.
package bench_test

import (
	"bytes"
	"debug/elf"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/rivetbpf/rivet/internal/hart"
	"github.com/rivetbpf/rivet/internal/testenv"
)

// figures are what linux-riscv64.json says about code.
type figures struct{ Bytes, Insns, Retired int }

type row struct {
	Program string
	Ret     uint32
	RV64GC  figures `json:"native_rv64gc"`
	ZbaZbb  figures `json:"native_zba_zbb"`
}

// slack is by how many instructions a run may differ from what was measured
// with other code around it: constants were reached without linker relaxation there.
const slack = 2

func each(t *testing.T, f func(t *testing.T, path string, r row, want figures)) {
	t.Helper()
	text, err := os.ReadFile("linux-riscv64.json")
	if err != nil {
		t.Fatal(err)
	}
	var rows []row
	if err := json.Unmarshal(text, &rows); err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		for march, want := range map[string]figures{"rv64gc": r.RV64GC, "rv64gc_zba_zbb": r.ZbaZbb} {
			t.Run(r.Program+"/"+march, func(t *testing.T) {
				f(t, fmt.Sprintf("native/%s/%s.elf", march, r.Program), r, want)
			})
		}
	}
}

func TestNativeOnHart(t *testing.T) {
	each(t, func(t *testing.T, path string, r row, want figures) {
		image, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		res, err := hart.RunELF(bytes.NewReader(image), hart.ELFOptions{Stdout: &out})
		if err != nil || res.ExitCode != 0 {
			t.Fatalf("exit code %d, error %v", res.ExitCode, err)
		}
		var ret uint32
		var retired int
		if _, err := fmt.Sscanf(out.String(), "ret=0x%x retired=%d\n", &ret, &retired); err != nil {
			t.Fatalf("output %q: %v", out.String(), err)
		}
		if ret != r.Ret {
			t.Errorf("returned %d, want %d", ret, r.Ret)
		}
		if d := retired - want.Retired; d < -slack || d > slack {
			t.Errorf("retired %d, want %d, give or take %d", retired, want.Retired, slack)
		}
	})
}

// TestNativeCode checks that the text section is the program and nothing else.
func TestNativeCode(t *testing.T) {
	each(t, func(t *testing.T, path string, r row, want figures) {
		f, err := elf.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		text, err := f.Section(".text").Data()
		if err != nil {
			t.Fatal(err)
		}
		got := figures{Bytes: len(text)}
		for i := 0; i < len(text); got.Insns++ {
			if text[i]&3 == 3 { // the low two bits tell a whole instruction from a compressed one
				i += 2
			}
			i += 2
		}
		want.Retired = 0
		if r.Program == "tailchain33" {
			want.Bytes, want.Insns = 1048, 479 // fewer relaxed addresses; see README.md
		}
		if got != want {
			t.Errorf("code has %+v, want %+v", got, want)
		}
	})
}

func TestNativeOnQEMU(t *testing.T) {
	qemu := testenv.NeedTool(t, "qemu-riscv64-static")
	each(t, func(t *testing.T, path string, r row, _ figures) {
		out, err := exec.Command(qemu, "-cpu", "rv64,zba=true,zbb=true", path).Output()
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("ret=0x%08x ", r.Ret); !strings.HasPrefix(string(out), want) {
			t.Errorf("output %q, want %q first", out, want)
		}
	})
}
