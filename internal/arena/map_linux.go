package arena

import (
	"cmp"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// guard is how much on both sides of a mapped arena nobody may touch.
const guard = 64 << 10

// Mapped arenas lie between lowest and highest, and leave out what lies between
// the handles of package bpf.
const (
	lowest      = Base
	handles     = 0x7e00_0000
	behind      = 0x8000_0000
	highest     = 0xffff_0000
	granularity = 1 << 20
)

// space is what is known of the addresses below 4 GiB. Others may map there,
// too; asking for an address finds that out.
var space = struct {
	sync.Mutex
	taken []span // in order: arenas, and the handles
	at    uint64 // where the search for the next one begins
}{taken: []span{{handles, behind}}, at: lowest}

type span struct{ start, end uint64 }

// Live returns how many mapped arenas there are: those in use and those that
// the garbage collector has yet to find.
func Live() int {
	space.Lock()
	defer space.Unlock()
	return len(space.taken) - 1
}

// Map makes an arena whose guest addresses are its addresses in this process.
// Its memory is unmapped when the arena is no longer reachable. A slice of it
// keeps nothing alive, since the memory is not Go's: whoever uses one must keep
// the arena until then (runtime.KeepAlive).
func Map(size uint64) (*Arena, error) {
	size = (size + 63) &^ 63
	if size == 0 || size > MaxSize {
		return nil, sizeError(size)
	}
	page := uint64(unix.Getpagesize())
	inner := (size + Slack + page - 1) &^ (page - 1)
	mem, err := reserve(inner + 2*guard)
	for wait := time.Millisecond; err != nil && wait < 200*time.Millisecond && Live() > 0; wait *= 2 {
		// Unreachable arenas may stand in the way. They are unmapped some time after
		// the collection that finds them, by goroutines of the runtime.
		runtime.GC()
		time.Sleep(wait)
		mem, err = reserve(inner + 2*guard)
	}
	if err != nil {
		return nil, err
	}
	if err := unix.Mprotect(mem[guard:guard+inner], unix.PROT_READ|unix.PROT_WRITE); err != nil {
		unmapLow(mem)
		return nil, fmt.Errorf("guest memory: mprotect: %w", err)
	}
	a := newArena(uint64(uintptr(unsafe.Pointer(&mem[guard]))), mem[guard:guard+size+Slack])
	a.mapped = true
	runtime.AddCleanup(a, unmapLow, mem)
	return a, nil
}

// reserve maps n bytes below 4 GiB that nobody may touch yet.
func reserve(n uint64) ([]byte, error) {
	space.Lock()
	defer space.Unlock()
	start := space.at
	for _, r := range [2]span{{start, highest}, {lowest, start}} {
		for at := fit(r.start, n); at < r.end && at+n <= highest; at = fit(at+granularity, n) {
			if mem := mapAt(at, n); mem != nil {
				s := span{at, align(at + n)}
				i, _ := slices.BinarySearchFunc(space.taken, s, span.compare)
				space.taken = slices.Insert(space.taken, i, s)
				space.at = s.end
				return mem, nil
			}
		}
	}
	return nil, fmt.Errorf("guest memory: no %d bytes are free below 4 GiB in this process", n)
}

func align(at uint64) uint64 { return (at + granularity - 1) &^ (granularity - 1) }

func (s span) compare(t span) int { return cmp.Compare(s.start, t.start) }

// fit returns the first address from at on where n bytes may be free.
func fit(at, n uint64) uint64 {
	for _, s := range space.taken {
		if at+n <= s.start {
			break
		}
		at = max(at, s.end)
	}
	return at
}

// mapAt maps n bytes at an address, or nothing. Older kernels, and emulators,
// take the address for a hint: then what they give instead is of no use.
func mapAt(at, n uint64) []byte {
	const flags = unix.MAP_PRIVATE | unix.MAP_ANON | unix.MAP_NORESERVE | unix.MAP_FIXED_NOREPLACE
	p, err := unix.MmapPtr(-1, 0, pointer(at), uintptr(n), unix.PROT_NONE, flags)
	if err != nil {
		return nil
	}
	if uint64(uintptr(p)) != at {
		if err := unix.MunmapPtr(p, uintptr(n)); err != nil {
			panic("BUG: munmap: " + err.Error())
		}
		return nil
	}
	return unsafe.Slice((*byte)(p), n)
}

// pointer makes a pointer of an address outside Go's memory, which vet takes for a mistake.
func pointer(addr uint64) unsafe.Pointer {
	p := uintptr(addr)
	return *(*unsafe.Pointer)(unsafe.Pointer(&p))
}

func unmapLow(mem []byte) {
	if err := unix.MunmapPtr(unsafe.Pointer(&mem[0]), uintptr(len(mem))); err != nil {
		panic("BUG: munmap: " + err.Error())
	}
	space.Lock()
	defer space.Unlock()
	at := span{start: uint64(uintptr(unsafe.Pointer(unsafe.SliceData(mem))))}
	if i, ok := slices.BinarySearchFunc(space.taken, at, span.compare); ok {
		space.taken = slices.Delete(space.taken, i, i+1)
	}
}
