package maps

import (
	"encoding/binary"
	"sort"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/rivetbpf/rivet/internal/arena"
	"github.com/rivetbpf/rivet/internal/rcu"
)

// elements are what hashes keep keys and values in. An element's key and value lie in the arena, the
// value at a multiple of 8; what joins elements to chains is Go's memory, so that no guest can bend it.
// They are made in chunks when they are needed, have numbers from 1 on, and stay the map's for ever.
//
// An element that was unlinked is used again when its grace period is over. Only where there may be no
// more of them, one that has waited the longest is used before: see "Deleted elements" in docs/RATIONALE.md.
type elements struct {
	arena *arena.Arena
	rcu   *rcu.Domain
	size  uint64 // of an element in the arena
	shift uint32 // a chunk has 1<<shift elements
	limit uint32 // how many elements there may be

	chunks atomic.Pointer[[]*chunk]
	aged   bool // an LRU hash's
	sought bool // holding may be asked

	mu      sync.Mutex
	sorted  []*chunk // by address, where holding may be asked
	made    uint32   // elements with numbers up to here have been used
	free    []uint32
	waiting []unlinked // from oldest on, the oldest first
	oldest  int
}

// chunk is a number of elements.
type chunk struct {
	arena *arena.Arena // keeps mem
	elems []elem
	ages  []age // of an LRU hash
	mem   []byte
	addr  uint64
	first uint32 // number of the first
}

// elem is an element's part outside the arena.
type elem struct {
	// link holds the next of the chain in its upper half and the key's hash in the lower.
	link atomic.Uint64
	// version changes before an element is used again, so that who copies it knows that it still is what he found.
	version atomic.Uint32
	used    atomic.Uint32 // 1: looked up since the hand of the LRU last passed by
}

type unlinked struct {
	number uint32
	grace  uint64
}

// Bounds of a chunk, and of the elements beyond max_entries: what is replaced or deleted waits for
// the end of its grace period, and others take its place meanwhile.
const (
	chunkBytes = 32 << 10
	chunkMax   = 512
	spareBytes = 1 << 20
	spareLeast = 2 * maxStripes
	spareMost  = 1 << 16
)

// sizes returns what elements of so many bytes need for max entries.
func (s *elements) sizes(size uint64, max uint32) {
	s.size = size
	for s.shift = 0; 2<<s.shift <= chunkMax && size<<(s.shift+1) <= chunkBytes; {
		s.shift++
	}
	s.limit = max + uint32(min(spareMost, spareBytes/size)) + spareLeast
}

// memory is how much of the arena all of them take.
func (s *elements) memory() uint64 {
	chunks := (uint64(s.limit) + 1<<s.shift - 1) >> s.shift
	return chunks * ((s.size<<s.shift + 127) &^ 63) // each may begin at the next multiple of 64
}

// place is an element found.
type place struct {
	*elem
	chunk  *chunk
	off    uint64 // into the chunk's memory
	number uint32
	seen   uint32 // its version then
}

// at returns element number n, which there is.
func (s *elements) at(n uint32) place {
	c := (*s.chunks.Load())[(n-1)>>s.shift]
	i := (n - 1) & (1<<s.shift - 1)
	e := &c.elems[i]
	return place{elem: e, chunk: c, off: uint64(i) * s.size, number: n, seen: e.version.Load()}
}

func (p *place) bytes(off, n uint64) []byte { return p.chunk.mem[p.off+off : p.off+off+n] }

func (p *place) addr() uint64 { return p.chunk.addr + p.off }

// stale reports whether the element has been used again since it was found.
func (p *place) stale() bool { return p.version.Load() != p.seen }

// hasKey compares in whole words, since the element may be in use again for another key.
func (p *place) hasKey(key []byte) bool {
	at := unsafe.Pointer(&p.chunk.mem[p.off])
	for ; len(key) >= 8; key = key[8:] {
		if atomic.LoadUint64((*uint64)(at)) != binary.LittleEndian.Uint64(key) {
			return false
		}
		at = unsafe.Add(at, 8)
	}
	return len(key) == 0 || atomic.LoadUint64((*uint64)(at)) == word(key)
}

func (p *place) setKey(key []byte) {
	at := unsafe.Pointer(&p.chunk.mem[p.off])
	for ; len(key) >= 8; key = key[8:] {
		atomic.StoreUint64((*uint64)(at), binary.LittleEndian.Uint64(key))
		at = unsafe.Add(at, 8)
	}
	if len(key) != 0 {
		atomic.StoreUint64((*uint64)(at), word(key))
	}
}

// word returns fewer than 8 bytes as a number.
func word(b []byte) uint64 {
	if len(b) == 4 {
		return uint64(binary.LittleEndian.Uint32(b))
	}
	var w [8]byte
	copy(w[:], b)
	return binary.LittleEndian.Uint64(w[:])
}

// get returns an element that is not linked.
func (s *elements) get() (place, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.free) == 0 {
		s.collect()
	}
	var n uint32
	switch last := len(s.free) - 1; {
	case last >= 0:
		n = s.free[last]
		s.free = s.free[:last]
	case s.made < s.limit && s.grow():
		s.made++
		return s.at(s.made), nil
	case s.oldest < len(s.waiting):
		n = s.waiting[s.oldest].number
		s.oldest++
	default:
		return place{}, ENOMEM
	}
	p := s.at(n)
	p.seen = p.version.Add(1)
	return p, nil
}

// put takes back what get gave and nobody has linked.
func (s *elements) put(n uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free = append(s.free, n)
}

// retire takes an element that was unlinked.
func (s *elements) retire(n uint32) {
	grace := s.rcu.Retire()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting = append(s.waiting, unlinked{n, grace})
}

// collect frees all whose grace period is over.
func (s *elements) collect() {
	if s.oldest == len(s.waiting) {
		return
	}
	passed := s.rcu.Passed()
	for s.oldest < len(s.waiting) && s.waiting[s.oldest].grace <= passed {
		s.free = append(s.free, s.waiting[s.oldest].number)
		s.oldest++
	}
	if s.oldest > len(s.waiting)/2 {
		s.waiting = s.waiting[:copy(s.waiting, s.waiting[s.oldest:])]
		s.oldest = 0
	}
}

// grow makes sure that there is an element after the last one used.
func (s *elements) grow() bool {
	var all []*chunk
	if p := s.chunks.Load(); p != nil {
		all = *p
	}
	if uint32(len(all)) > s.made>>s.shift {
		return true
	}
	bytes := s.size << s.shift
	addr, err := s.arena.Alloc(bytes)
	if err != nil {
		return false
	}
	mem, ok := s.arena.Bytes(addr, bytes)
	if !ok {
		panic("BUG: arena gave an address that it does not have")
	}
	c := &chunk{arena: s.arena, elems: make([]elem, 1<<s.shift), mem: mem, addr: addr, first: s.made + 1}
	if s.aged {
		c.ages = make([]age, len(c.elems))
	}
	all = append(all, c)
	s.chunks.Store(&all)
	if s.sought {
		i := sort.Search(len(s.sorted), func(i int) bool { return s.sorted[i].addr > addr })
		s.sorted = append(s.sorted, nil)
		copy(s.sorted[i+1:], s.sorted[i:])
		s.sorted[i] = c
	}
	return true
}

// holding returns the element that a guest address lies in.
func (s *elements) holding(addr uint64) (p place, off uint64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := sort.Search(len(s.sorted), func(i int) bool { return s.sorted[i].addr > addr }) - 1
	if i < 0 || addr-s.sorted[i].addr >= s.size<<s.shift {
		return p, 0, false
	}
	off = addr - s.sorted[i].addr
	n := s.sorted[i].first + uint32(off/s.size)
	if n > s.made {
		return p, 0, false
	}
	return s.at(n), off % s.size, true
}
