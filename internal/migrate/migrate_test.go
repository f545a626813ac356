// Package migrate shows that code for cilium/ebpf moves to rivet: see docs/MIGRATING.md.
package migrate

import (
	"bytes"
	"os"
	"testing"
)

// The code in rivet is that in cilium with another import, as build.sh made it.
func TestOnlyTheImportDiffers(t *testing.T) {
	for _, name := range []string{"limiter_bpfel.go", "limiter_test.go", "limiter_bpfel.o"} {
		from, err := os.ReadFile("cilium/" + name)
		if err != nil {
			t.Fatal(err)
		}
		to, err := os.ReadFile("rivet/" + name)
		if err != nil {
			t.Fatal(err)
		}
		moved := bytes.ReplaceAll(from, []byte(`"github.com/cilium/ebpf"`), []byte(`ebpf "github.com/rivetbpf/rivet"`))
		if !bytes.Equal(moved, to) {
			t.Errorf("rivet/%s is not what build.sh makes of cilium/%s", name, name)
		}
	}
}
