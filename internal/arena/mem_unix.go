//go:build (linux || darwin) && !race

package arena

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// Most is how much memory may be asked for only because somebody may need it one day: what nobody touches costs nothing.
const Most = MaxSize

// large is the size from which on an arena is not Go's memory. What maps may ask
// for one day they mostly never do; Go would clear it in advance where it had used the
// memory before, and would collect garbage the later for it.
const large = 1 << 20

// newMem returns n zeroed bytes, aligned to 8, and what an arena made of them is to
// be passed to, so that they are given back when it is unreachable; nil: nothing.
// What is not Go's memory a slice does not keep: see [Map].
func newMem(n uint64) (mem []byte, own func(*Arena), err error) {
	if n < large {
		return heapMem(n), nil, nil
	}
	mem, err = unix.Mmap(-1, 0, int(n), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		return nil, nil, fmt.Errorf("guest memory of %d bytes: mmap: %w", n, err)
	}
	return mem, func(a *Arena) { runtime.AddCleanup(a, unmap, mem) }, nil
}

func unmap(mem []byte) {
	if err := unix.Munmap(mem); err != nil {
		panic("BUG: munmap: " + err.Error())
	}
}
