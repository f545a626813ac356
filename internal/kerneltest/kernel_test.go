//go:build linux

package kerneltest

import (
	"os"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/rivetbpf/rivet"
	"github.com/rivetbpf/rivet/internal/testenv"
)

// needBPF skips where programs cannot be loaded and run: that takes root, and a kernel with BPF. In CI it fails.
func needBPF(t *testing.T) {
	t.Helper()
	testenv.SkipEmulated(t, "compares with the kernel, whose bpf system call emulators lack")
	k, err := NewKernel(&ebpf.CollectionSpec{Programs: map[string]*ebpf.ProgramSpec{
		"probe": {Name: "probe", Type: ebpf.XDP, License: "GPL", Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 2), asm.Return()}},
	}})
	if err == nil {
		defer k.Close()
		_, err = k.Run("probe", make([]byte, 64))
	}
	switch {
	case err == nil:
	case os.Getenv("CI") != "":
		t.Fatalf("the kernel does not run BPF programs (root is needed): %v", err)
	default:
		t.Skipf("the kernel does not run BPF programs (root is needed): %v", err)
	}
}

// TestKernel compares every engine with the kernel. Linux keeps one count of tail calls for the whole tree of calls since 6.12
// (x86-64 and arm64), as the shared scheme does.
func TestKernel(t *testing.T) {
	needBPF(t)
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
