package maps

import (
	"fmt"
	"runtime"
	"sync"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet/internal/arena"
	"github.com/rivetbpf/rivet/internal/bpf"
)

// Arena: pages that a program and its users share (kernel/bpf/arena.c). They lie side by side in guest
// memory, so that both address spaces of an arena, the program's and the user's, are one: guest addresses.
var arenaKind = Kind{
	Type:   ebpf.Arena,
	Check:  checkArena,
	Memory: func(d *bpf.Map, _ int) Need { return Need{Fixed: (arenaPages(d) + 1) * PageSize} },
	New:    newArenaMap,
}

// PageSize is that of arenas, on every host.
const PageSize = 4096

const (
	fSegvOnFault = 1 << 17
	fNoUserConv  = 1 << 18
	// maxArenaPages bounds what is set aside: arenas are often as large as can be, and nearly empty.
	maxArenaPages = 16 << 10
)

// checkArena is arena_map_alloc.
func checkArena(d *bpf.Map) error {
	size := uint64(d.MaxEntries) * PageSize
	switch {
	case d.KeySize != 0 || d.ValueSize != 0:
		return fmt.Errorf("key size is %d and value size %d, both must be 0", d.KeySize, d.ValueSize)
	case d.MaxEntries == 0 || size > 1<<32:
		return fmt.Errorf("max_entries, the number of pages, is %d, must be between 1 and %d", d.MaxEntries, 1<<32/PageSize)
	case d.Flags&FMmapable == 0:
		return fmt.Errorf("flag BPF_F_MMAPABLE is missing")
	case d.Flags&^(fSegvOnFault|fNoUserConv|FMmapable) != 0:
		return fmt.Errorf("unknown flags %#x", d.Flags&^(fSegvOnFault|fNoUserConv|FMmapable))
	case d.MapExtra%PageSize != 0:
		return fmt.Errorf("map_extra, the address for users, is %#x, must be a multiple of %d", d.MapExtra, PageSize)
	case d.MapExtra>>32 != (d.MapExtra+size-1)>>32:
		return fmt.Errorf("%d pages from map_extra %#x on cross a multiple of 4 GiB", d.MaxEntries, d.MapExtra)
	}
	return nil
}

func arenaPages(d *bpf.Map) uint64 { return min(uint64(d.MaxEntries), maxArenaPages) }

// ArenaMap is a map of kind Arena.
type ArenaMap struct {
	arena *arena.Arena
	mem   []byte
	base  uint64 // guest address of page 0
	pages uint64

	mu   sync.Mutex
	used []uint64 // a bit for each page that is allocated or reserved
}

func newArenaMap(env *Env, _ int, d *bpf.Map) (Map, error) {
	pages := arenaPages(d)
	addr, err := env.Arena.Alloc((pages + 1) * PageSize)
	if err != nil {
		return nil, err
	}
	base := (addr + PageSize - 1) &^ (PageSize - 1)
	mem, ok := env.Arena.Bytes(base, pages*PageSize)
	if !ok {
		panic("BUG: arena gave an address that it does not have")
	}
	return &ArenaMap{arena: env.Arena, mem: mem, base: base, pages: pages, used: make([]uint64, (pages+63)/64)}, nil
}

// ValueAddr returns the address of page 0.
func (a *ArenaMap) ValueAddr() uint64 { return a.base }

// page returns the number of the page at a guest address. Upper halves of addresses do not count, as in Linux.
func (a *ArenaMap) page(addr uint64) (n uint64, ok bool) {
	off := uint64(uint32(addr) - uint32(a.base))
	return off / PageSize, off/PageSize < a.pages
}

// free reports whether n pages from first on are neither allocated nor reserved.
func (a *ArenaMap) free(first, n uint64) bool {
	for i := first; i < first+n; i++ {
		if a.used[i/64]>>(i%64)&1 != 0 {
			return false
		}
	}
	return true
}

// find returns the first of n free pages in a row.
func (a *ArenaMap) find(n uint64) (first uint64, ok bool) {
	run := uint64(0)
	for i := uint64(0); i < a.pages; i++ {
		if word := a.used[i/64]; i%64 == 0 && word == 1<<64-1 {
			i, run = i+63, 0
			continue
		}
		if a.used[i/64]>>(i%64)&1 != 0 {
			run = 0
		} else if run++; run == n {
			return i + 1 - n, true
		}
	}
	return 0, false
}

func set(words []uint64, first, n uint64) {
	for i := first; i < first+n; i++ {
		words[i/64] |= 1 << (i % 64)
	}
}

// Alloc is arena_alloc_pages: n zeroed pages, at addr unless that is 0. It returns 0 when they are not to be had.
func (a *ArenaMap) Alloc(addr, n uint64) uint64 {
	if n == 0 || n > a.pages || addr%PageSize != 0 {
		return 0
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	var first uint64
	var ok bool
	if addr == 0 {
		first, ok = a.find(n)
	} else if first, ok = a.page(addr); ok {
		ok = first <= a.pages-n && a.free(first, n)
	}
	if !ok {
		return 0
	}
	set(a.used, first, n)
	clear(a.mem[first*PageSize : (first+n)*PageSize])
	runtime.KeepAlive(a.arena)
	return a.base + first*PageSize
}

// Free is arena_free_pages, for what is reserved, too. Pages that are free already are passed over.
func (a *ArenaMap) Free(addr, n uint64) {
	first, ok := a.page(addr)
	if !ok {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := first; i < min(first+n, a.pages); i++ {
		a.used[i/64] &^= 1 << (i % 64)
	}
}

// Reserve is arena_reserve_pages: what is reserved is given out to nobody.
func (a *ArenaMap) Reserve(addr, n uint64) error {
	if n == 0 {
		return nil
	}
	first, ok := a.page(addr)
	if !ok || n > a.pages || first > a.pages-n {
		return EINVAL
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.free(first, n) {
		return EBUSY
	}
	set(a.used, first, n)
	return nil
}

// Lookup gives nothing: an arena has no keys.
func (a *ArenaMap) Lookup(uint32, []byte) uint64 { return 0 }

// Update refuses, as all that follow.
func (a *ArenaMap) Update(uint32, []byte, []byte, uint64) error { return EOPNOTSUPP }
func (a *ArenaMap) Read([]byte, []byte) error                   { return EINVAL }
func (a *ArenaMap) Write([]byte, []byte, uint64) error          { return EOPNOTSUPP }
func (a *ArenaMap) Delete([]byte) error                         { return EOPNOTSUPP }
func (a *ArenaMap) NextKey([]byte, []byte) error                { return EOPNOTSUPP }
