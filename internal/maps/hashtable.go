package maps

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
)

// table joins elements to chains. Who looks something up takes no lock and writes nothing: he is a
// reader of Env.RCU. Who changes a chain holds the lock of its stripe of buckets.
//
// The end of a chain says whose it is, as those of Linux's nulls lists do (include/linux/list_nulls.h):
// a reader whose element was used again in another chain meanwhile comes to a foreign end, and starts anew.
type table struct {
	elements
	seed    uint64
	mask    uint32 // number of buckets - 1
	buckets atomic.Pointer[[]uint32]
	once    sync.Once
	stripes []stripe
}

type stripe struct {
	sync.Mutex
	_ [56]byte // a cache line of its own
}

// maxBuckets bounds the host memory of a table that is nearly empty; beyond it chains grow longer.
const (
	maxBuckets = 1 << 22
	maxStripes = 64
)

// end marks the end of a chain; the bucket's number is in the lower bits. 0 is an empty bucket.
const end = 1 << 31

func (t *table) init(entries uint32, seed uint64) {
	n := uint32(min(maxBuckets, uint64(1)<<bits.Len32(entries-1)))
	t.mask, t.seed = n-1, seed
	t.stripes = make([]stripe, min(n, maxStripes))
}

// newSeed is random, so that nobody can choose keys that all fall into one bucket.
func newSeed(flags uint32) uint64 {
	if flags&FZeroSeed != 0 {
		return 0
	}
	return rand.Uint64()
}

// sum hashes a key: 64-bit words, folded with products of 128 bits.
func (t *table) sum(key []byte) uint32 {
	h := t.seed
	for ; len(key) >= 8; key = key[8:] {
		h = fold(h ^ binary.LittleEndian.Uint64(key))
	}
	if len(key) != 0 {
		h = fold(h ^ word(key))
	}
	return uint32(fold(h ^ 0xa0761d6478bd642f))
}

func fold(h uint64) uint64 {
	hi, lo := bits.Mul64(h^0xe7037ed1a0b428db, 0x8ebc6af09c88c6e3)
	return hi ^ lo
}

// lock locks the chain of a hash.
func (t *table) lock(sum uint32) *stripe {
	s := &t.stripes[sum&t.mask&uint32(len(t.stripes)-1)]
	s.Lock()
	return s
}

// heads returns the buckets, nil before anything was put in.
func (t *table) heads() []uint32 {
	if p := t.buckets.Load(); p != nil {
		return *p
	}
	return nil
}

// head returns where the chain of a bucket begins.
func (t *table) head(bucket uint32) *uint32 {
	if b := t.heads(); b != nil {
		return &b[bucket]
	}
	t.once.Do(func() {
		b := make([]uint32, t.mask+1)
		t.buckets.Store(&b)
	})
	return &t.heads()[bucket]
}

// find looks a key up.
func (t *table) find(key []byte) (p place, ok bool) {
	b := t.heads()
	if b == nil {
		return p, false
	}
	sum := t.sum(key)
	bucket := sum & t.mask
	for {
		n := atomic.LoadUint32(&b[bucket])
		for n != 0 && n&end == 0 {
			p = t.at(n)
			link := p.link.Load()
			if uint32(link) == sum && p.hasKey(key) && !p.stale() {
				return p, true
			}
			n = uint32(link >> 32)
		}
		if n == 0 || n == end|bucket {
			return p, false
		}
	}
}

// seek is find for who holds the chain's lock.
func (t *table) seek(sum uint32, key []byte) (p place, ok bool) {
	for n := atomic.LoadUint32(t.head(sum & t.mask)); n != 0 && n&end == 0; {
		p = t.at(n)
		link := p.link.Load()
		if uint32(link) == sum && p.hasKey(key) {
			return p, true
		}
		n = uint32(link >> 32)
	}
	return p, false
}

// link puts an element at the front of its chain. The chain's lock is held.
func (t *table) link(p place, sum uint32) {
	head := t.head(sum & t.mask)
	next := atomic.LoadUint32(head)
	if next == 0 {
		next = end | sum&t.mask
	}
	p.link.Store(uint64(next)<<32 | uint64(sum))
	atomic.StoreUint32(head, p.number)
}

// unlink takes an element out of the chain of a hash and reports whether it was there. The chain's
// lock is held. The element keeps its link, for readers who are at it.
func (t *table) unlink(number, sum uint32) bool {
	head := t.head(sum & t.mask)
	n := atomic.LoadUint32(head)
	if n == number {
		atomic.StoreUint32(head, t.next(n))
		return true
	}
	for n != 0 && n&end == 0 {
		p := t.at(n)
		link := p.link.Load()
		next := uint32(link >> 32)
		if next == number {
			p.link.Store(uint64(t.next(next))<<32 | uint64(uint32(link)))
			return true
		}
		n = next
	}
	return false
}

// next returns what follows element n in its chain.
func (t *table) next(n uint32) uint32 {
	p := t.at(n)
	return uint32(p.link.Load() >> 32)
}

// first returns the first element of the first chain from bucket on that has one, with its chain's lock held; ok
// is false, and nothing is locked, when there is none.
func (t *table) first(bucket uint32) (p place, s *stripe, ok bool) {
	b := t.heads()
	for ; b != nil && bucket <= t.mask; bucket++ {
		if n := atomic.LoadUint32(&b[bucket]); n == 0 || n&end != 0 {
			continue
		}
		s = t.lock(bucket)
		if n := atomic.LoadUint32(&b[bucket]); n != 0 && n&end == 0 {
			return t.at(n), s, true
		}
		s.Unlock()
	}
	return p, nil, false
}

// NextKey is htab_map_get_next_key.
func (t *table) NextKey(key, next []byte) error {
	defer runtime.KeepAlive(t)
	bucket := uint32(0)
	if key != nil {
		sum := t.sum(key)
		s := t.lock(sum)
		if p, ok := t.seek(sum, key); ok {
			if n := t.next(p.number); n&end == 0 {
				p = t.at(n)
				copy(next, p.bytes(0, uint64(len(next))))
				s.Unlock()
				return nil
			}
			bucket = sum&t.mask + 1
		}
		s.Unlock()
	}
	p, s, ok := t.first(bucket)
	if !ok {
		return ENOENT
	}
	copy(next, p.bytes(0, uint64(len(next))))
	s.Unlock()
	return nil
}
