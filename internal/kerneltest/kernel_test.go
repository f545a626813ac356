//go:build linux

package kerneltest

import (
	"testing"

	"github.com/rivetbpf/rivet"
	"github.com/rivetbpf/rivet/internal/testenv"
)

// TestKernel compares every engine with the kernel. Linux keeps one count of tail calls for the whole tree of calls since 6.12
// (x86-64 and arm64), as the shared scheme does.
func TestKernel(t *testing.T) {
	testenv.NeedBPF(t)
	for _, c := range tests(t) {
		if c.notInKernel {
			continue
		}
		for _, opts := range engines(rivet.TailCallsShared) {
			t.Run(c.name+"/"+label(opts), func(t *testing.T) {
				k, err := NewKernel(c.spec(t))
				if err != nil {
					t.Fatal(err)
				}
				defer k.Close()
				c.wire(t, k)
				compare(t, c, k, open(t, c, opts))
			})
		}
	}
}
