package cpufeature

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

func detect() (Features, bool) { return riscv(hwprobe, unix.Auxv), true }

// hwprobe asks for what all CPUs have: that is what no set of CPUs means.
func hwprobe(pairs []pair) error {
	_, _, errno := unix.Syscall6(unix.SYS_RISCV_HWPROBE, uintptr(unsafe.Pointer(&pairs[0])), uintptr(len(pairs)), 0, 0, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}
