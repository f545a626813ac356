package maps

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"unsafe"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet/internal/arena"
	"github.com/rivetbpf/rivet/internal/bpf"
)

// Bloom filter: says of a value that it was not put in, or that it may have been (kernel/bpf/bloom_filter.c).
// With BPF_F_ZERO_SEED it errs on the same values as Linux's.
var bloomKind = Kind{
	Type:   ebpf.BloomFilter,
	Check:  checkBloom,
	Memory: func(d *bpf.Map, _ int) Need { return Need{Fixed: bloomBits(d) / 8} },
	New:    newBloom,
}

// checkBloom is bloom_map_alloc.
func checkBloom(d *bpf.Map) error {
	const allowed = FNumaNode | FZeroSeed | accessMask
	switch {
	case d.KeySize != 0:
		return fmt.Errorf("key size is %d, must be 0: there are no keys", d.KeySize)
	case d.ValueSize == 0:
		return fmt.Errorf("value size is 0")
	case d.MaxEntries == 0:
		return fmt.Errorf("max_entries is 0")
	case d.Flags&^uint32(allowed) != 0:
		return fmt.Errorf("unknown flags %#x", d.Flags&^uint32(allowed))
	case d.MapExtra > 15:
		return fmt.Errorf("map_extra, the number of hash functions, is %d, must be at most 15", d.MapExtra)
	}
	return checkAccess(d.Flags)
}

// bloomHashes returns how many bits a value sets.
func bloomHashes(d *bpf.Map) uint32 {
	if d.MapExtra == 0 {
		return 5
	}
	return uint32(d.MapExtra)
}

// bloomBits returns the size of the filter: entries * hashes / ln 2, as a power of two.
func bloomBits(d *bpf.Map) uint64 {
	n := uint64(d.MaxEntries) * uint64(bloomHashes(d))
	if n > 1<<32-1 || n/5*7 > 1<<31 {
		return 1 << 32
	}
	if n = n / 5 * 7; n <= 64 {
		return 64
	}
	return 1 << bits.Len64(n-1)
}

// bloom is a map of kind BloomFilter.
type bloom struct {
	arena  *arena.Arena
	words  []byte
	mask   uint32
	hashes uint32
	seed   uint32
}

func newBloom(env *Env, _ int, d *bpf.Map) (Map, error) {
	n := bloomBits(d)
	addr, err := env.Arena.Alloc(n / 8)
	if err != nil {
		return nil, err
	}
	mem, ok := env.Arena.Bytes(addr, n/8)
	if !ok {
		panic("BUG: arena gave an address that it does not have")
	}
	b := &bloom{arena: env.Arena, words: mem, mask: uint32(n - 1), hashes: bloomHashes(d)}
	if d.Flags&FZeroSeed == 0 {
		b.seed = rand.Uint32()
	}
	return b, nil
}

// word returns the word that holds the bit of hash function i for a value, and the bit.
func (b *bloom) word(value []byte, i uint32) (*uint64, uint64) {
	bit := jhash(value, b.seed+i) & b.mask
	return (*uint64)(unsafe.Pointer(&b.words[bit/64*8])), 1 << (bit % 64)
}

// Push is bloom_map_push_elem.
func (b *bloom) Push(value []byte, flags uint64) error {
	if flags != Any {
		return EINVAL
	}
	for i := range b.hashes {
		word, bit := b.word(value, i)
		atomic.OrUint64(word, bit)
	}
	runtime.KeepAlive(b.arena)
	return nil
}

// Peek is bloom_map_peek_elem.
func (b *bloom) Peek(value []byte) error {
	defer runtime.KeepAlive(b.arena)
	for i := range b.hashes {
		if word, bit := b.word(value, i); atomic.LoadUint64(word)&bit == 0 {
			return ENOENT
		}
	}
	return nil
}

func (b *bloom) Pop([]byte) error                            { return EOPNOTSUPP }
func (b *bloom) Read(_, value []byte) error                  { return b.Peek(value) }
func (b *bloom) Write(_, value []byte, flags uint64) error   { return b.Push(value, flags) }
func (b *bloom) Lookup(uint32, []byte) uint64                { return 0 }
func (b *bloom) Update(uint32, []byte, []byte, uint64) error { return EINVAL }
func (b *bloom) Delete([]byte) error                         { return EOPNOTSUPP }
func (b *bloom) NextKey([]byte, []byte) error                { return EOPNOTSUPP }

// jhash is Bob Jenkins's hash (lookup3) with Linux's initial value.
func jhash(data []byte, seed uint32) uint32 {
	a := 0xdeadbeef + uint32(len(data)) + seed
	b, c := a, a
	for ; len(data) > 12; data = data[12:] {
		a += binary.LittleEndian.Uint32(data)
		b += binary.LittleEndian.Uint32(data[4:])
		c += binary.LittleEndian.Uint32(data[8:])
		a = (a - c) ^ bits.RotateLeft32(c, 4)
		c += b
		b = (b - a) ^ bits.RotateLeft32(a, 6)
		a += c
		c = (c - b) ^ bits.RotateLeft32(b, 8)
		b += a
		a = (a - c) ^ bits.RotateLeft32(c, 16)
		c += b
		b = (b - a) ^ bits.RotateLeft32(a, 19)
		a += c
		c = (c - b) ^ bits.RotateLeft32(b, 4)
		b += a
	}
	if len(data) == 0 {
		return c
	}
	var last [12]byte
	copy(last[:], data)
	a += binary.LittleEndian.Uint32(last[:])
	b += binary.LittleEndian.Uint32(last[4:])
	c += binary.LittleEndian.Uint32(last[8:])
	c = (c ^ b) - bits.RotateLeft32(b, 14)
	a = (a ^ c) - bits.RotateLeft32(c, 11)
	b = (b ^ a) - bits.RotateLeft32(a, 25)
	c = (c ^ b) - bits.RotateLeft32(b, 16)
	a = (a ^ c) - bits.RotateLeft32(c, 4)
	b = (b ^ a) - bits.RotateLeft32(a, 14)
	return (c ^ b) - bits.RotateLeft32(b, 24)
}
