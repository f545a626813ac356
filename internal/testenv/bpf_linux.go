package testenv

import (
	"os"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/rlimit"
)

// NeedBPF skips a test where the kernel does not load and run BPF programs:
// that takes root. Where CI is set the test fails, except under an emulator.
func NeedBPF(t testing.TB) {
	t.Helper()
	SkipEmulated(t, "compares with the kernel, whose bpf system call emulators lack")
	err := rlimit.RemoveMemlock()
	if err == nil {
		err = probe()
	}
	switch {
	case err == nil:
	case os.Getenv("CI") != "":
		t.Fatalf("the kernel does not run BPF programs (root is needed): %v", err)
	default:
		t.Skipf("the kernel does not run BPF programs (root is needed): %v", err)
	}
}

func probe() error {
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.XDP, License: "GPL",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 2), asm.Return()}})
	if err != nil {
		return err
	}
	defer p.Close()
	_, err = p.Run(&ebpf.RunOptions{Data: make([]byte, 64)})
	return err
}
