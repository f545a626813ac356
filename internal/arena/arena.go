// Package arena is the only memory a guest can touch: data stacks, contexts,
// packets and map values. It lies below 4 GiB in the guest's address space, so
// that a 32-bit data pointer in a context is a real pointer.
package arena

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"sync"
)

// Base is the guest address of an arena's first byte on engines that bring
// their own address space (interpreter and hart).
const Base = 0x1000_0000

// MaxSize keeps every arena below the handles of package bpf.
const MaxSize = 0x5000_0000

// Slack is how many bytes follow the last valid start address of an access, so
// that engines compare the start address alone: an access of up to 8 bytes is
// valid exactly when addr-Base < Size. The slack is never given out.
const Slack = 8

// Arena is guest memory with an allocator. Allocation is safe for concurrent use.
type Arena struct {
	base   uint64
	mem    []byte // size + Slack
	mapped bool   // base is mem's address in this process

	mu   sync.Mutex
	next uint64              // offset of the first byte never given out
	free map[uint64][]uint64 // offsets given back, by size
}

// New makes an arena of size bytes. Memory that nobody touches costs nothing on most hosts.
// As with [Map], a slice of it does not keep it: whoever uses one must keep the arena until then.
func New(size uint64) (*Arena, error) {
	if err := checkHost(binary.NativeEndian); err != nil {
		return nil, err
	}
	size = (size + 63) &^ 63
	if size == 0 || size > MaxSize {
		return nil, sizeError(size)
	}
	mem, own, err := newMem(size + Slack)
	if err != nil {
		return nil, err
	}
	a := newArena(Base, mem)
	if own != nil {
		own(a)
	}
	return a, nil
}

func newArena(base uint64, mem []byte) *Arena {
	// Offset 0 stays unused, so that no object has the arena's own address.
	return &Arena{base: base, mem: mem, next: 64, free: map[uint64][]uint64{}}
}

// checkHost refuses hosts whose words are not as guests see them: engines,
// helpers and maps access guest memory as the host does.
func checkHost(order binary.ByteOrder) error {
	if order.Uint16([]byte{1, 0}) == 1 {
		return nil
	}
	return fmt.Errorf("guest memory on %s/%s: %w: guests are little-endian, the host is big-endian; use a little-endian host",
		runtime.GOOS, runtime.GOARCH, errors.ErrUnsupported)
}

func sizeError(size uint64) error {
	return fmt.Errorf("arena of %d bytes: must be between 1 and %d", size, uint64(MaxSize))
}

// Mapped reports whether guest addresses are addresses of this process.
func (a *Arena) Mapped() bool { return a.mapped }

// Base returns the guest address of the first byte.
func (a *Arena) Base() uint64 { return a.base }

// Size returns how many start addresses are valid.
func (a *Arena) Size() uint64 { return uint64(len(a.mem)) - Slack }

// Mem returns the bytes, slack included; Mem()[0] is at Base().
func (a *Arena) Mem() []byte { return a.mem }

// Bytes returns the n bytes at guest address addr; ok is false unless all of them lie inside.
func (a *Arena) Bytes(addr, n uint64) (b []byte, ok bool) {
	off := addr - a.base
	if off >= a.Size() || n > a.Size()-off {
		return nil, false
	}
	return a.mem[off : off+n : off+n], true
}

// Alloc sets aside n zeroed bytes, aligned to 8 (to 64 from 64 bytes on).
func (a *Arena) Alloc(n uint64) (addr uint64, err error) {
	size := round(n)
	a.mu.Lock()
	defer a.mu.Unlock()
	if l := a.free[size]; len(l) > 0 {
		off := l[len(l)-1]
		a.free[size] = l[:len(l)-1]
		clear(a.mem[off : off+size])
		return a.base + off, nil
	}
	off := a.next
	if size >= 64 {
		off = (off + 63) &^ 63
	}
	if n > a.Size() || off+size > a.Size() {
		return 0, fmt.Errorf("guest memory: %d bytes asked for, %d of %d left", n, a.Size()-a.next, a.Size())
	}
	a.next = off + size
	return a.base + off, nil
}

// Free gives n bytes at addr, got from Alloc(n), back.
func (a *Arena) Free(addr, n uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	size := round(n)
	a.free[size] = append(a.free[size], addr-a.base)
}

func round(n uint64) uint64 { return (max(n, 1) + 7) &^ 7 }

// Reset gives all memory back and clears it, as if the arena were new.
func (a *Arena) Reset() {
	a.mu.Lock()
	defer a.mu.Unlock()
	clear(a.mem)
	clear(a.free)
	a.next = 64
}
