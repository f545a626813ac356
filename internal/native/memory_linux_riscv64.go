package native

import (
	"fmt"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

var pageSize = unix.Getpagesize()

// mappings counts what is mapped now, for tests that look for what got lost.
var mappings atomic.Int64

// Mappings returns how many mappings all engines hold together.
func Mappings() int { return int(mappings.Load()) }

// mapGuarded maps n bytes between two pages that fault. The result begins and
// ends with them.
func mapGuarded(n int) ([]byte, error) {
	n = (n + pageSize - 1) &^ (pageSize - 1)
	mem, err := unix.Mmap(-1, 0, n+2*pageSize, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return nil, fmt.Errorf("mmap of %d bytes: %w", n, err)
	}
	mappings.Add(1)
	if err := unix.Mprotect(mem[pageSize:pageSize+n], unix.PROT_READ|unix.PROT_WRITE); err != nil {
		unmap(mem)
		return nil, fmt.Errorf("mprotect: %w", err)
	}
	return mem, nil
}

func unmap(mem []byte) {
	if err := unix.Munmap(mem); err != nil {
		panic("BUG: munmap: " + err.Error())
	}
	mappings.Add(-1)
}

// mapCode maps memory for n bytes of code, writable still.
func mapCode(n int) ([]byte, error) {
	mem, err := unix.Mmap(-1, 0, max(n, 1), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return nil, fmt.Errorf("mmap of %d bytes for code: %w", n, err)
	}
	mappings.Add(1)
	return mem, nil
}

// sysRiscvFlushIcache is the system call number of riscv_flush_icache
// (arch/riscv/include/uapi/asm/unistd.h). A fence.i orders the instruction
// fetches of one hart only, and a goroutine may run on any.
const sysRiscvFlushIcache = 259

// seal makes code executable and no longer writable, and every hart see it.
func seal(mem []byte) error {
	if err := unix.Mprotect(mem, unix.PROT_READ|unix.PROT_EXEC); err != nil {
		return fmt.Errorf("making code executable: %w", err)
	}
	start := uintptr(unsafe.Pointer(&mem[0]))
	if _, _, e := unix.Syscall(sysRiscvFlushIcache, start, start+uintptr(len(mem)), 0); e != 0 {
		return fmt.Errorf("riscv_flush_icache: %w", e)
	}
	return nil
}
