package rivet_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet"
)

// Switches that became jumps through tables go where the table says, and nowhere else.
func TestJumpTables(t *testing.T) {
	everywhere(t, func(t *testing.T, opts rivet.CollectionOptions) {
		spec, err := rivet.LoadCollectionSpec("internal/objfile/testdata/jumptable.o")
		if err != nil {
			t.Fatal(err)
		}
		c := load(t, (*ebpf.CollectionSpec)(spec), opts)
		run := func(program string, first byte) (uint32, error) {
			packet := make([]byte, 20)
			packet[0] = first
			return c.Programs[program].Run(&rivet.RunOptions{Data: packet})
		}
		for first, want := range []uint32{10, 11, 11, 13, 99, 99} {
			if got, err := run("small", byte(first)); err != nil || got != want {
				t.Errorf("small, %d: %d, %v, want %d", first, got, err, want)
			}
		}
		for first := range byte(17) {
			if got, err := run("large", first); err != nil || got != 16-uint32(first) {
				t.Errorf("large, %d: %d, %v", first, got, err)
			}
		}
		_, err = run("large", 17)
		var f *rivet.Fault
		if !errors.As(err, &f) || !strings.Contains(err.Error(), "which is in no jump table") {
			t.Errorf("a value of no table: %v", err)
		}
	})
}
