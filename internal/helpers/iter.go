package helpers

import (
	"encoding/binary"
	"math/bits"

	"github.com/rivetbpf/rivet/internal/maps"
)

// Open-coded iterators (kernel/bpf/bpf_iter.c, kernel/bpf/helpers.c). The state is the guest's
// memory, which it may have changed in between: whatever is there, no step leaves the arena.
var iterHelpers = []*Helper{
	{Name: "bpf_iter_num_new", Fn: iterNumNew,
		Args: []Arg{{Name: "it", Kind: MemW, Size: 8}, {Name: "start", Kind: Scalar}, {Name: "end", Kind: Scalar}}},
	{Name: "bpf_iter_num_next", Fn: iterNumNext, Args: []Arg{{Name: "it", Kind: MemW, Size: 8}}},
	{Name: "bpf_iter_num_destroy", Fn: iterDestroy, Args: []Arg{{Name: "it", Kind: MemW, Size: 8}}},
	{Name: "bpf_iter_bits_new", Fn: iterBitsNew,
		Args: []Arg{{Name: "it", Kind: MemW, Size: 16}, {Name: "unsafe_ptr", Kind: Scalar}, {Name: "nr_words", Kind: Scalar}}},
	{Name: "bpf_iter_bits_next", Fn: iterBitsNext, Args: []Arg{{Name: "it", Kind: MemW, Size: 16}}},
	{Name: "bpf_iter_bits_destroy", Fn: iterDestroy, Args: []Arg{{Name: "it", Kind: MemW, Size: 16}}},
}

// iterNumNew begins to count from start up to end: struct bpf_iter_num_kern is {int cur, end}, and
// cur is one less than the number that comes next.
func iterNumNew(c *Call) (uint64, error) {
	start, end := int32(c.Args[1]), int32(c.Args[2])
	clear(c.Mem[0])
	switch {
	case start > end:
		return maps.Guest(maps.EINVAL), nil
	case int64(end)-int64(start) > maxLoops:
		return maps.Guest(maps.E2BIG), nil
	}
	binary.LittleEndian.PutUint32(c.Mem[0], uint32(start-1))
	binary.LittleEndian.PutUint32(c.Mem[0][4:], uint32(end))
	return 0, nil
}

// iterNumNext returns the address of the next number, NULL behind the last.
func iterNumNext(c *Call) (uint64, error) {
	cur := int32(binary.LittleEndian.Uint32(c.Mem[0])) + 1
	if cur >= int32(binary.LittleEndian.Uint32(c.Mem[0][4:])) {
		clear(c.Mem[0])
		return 0, nil
	}
	binary.LittleEndian.PutUint32(c.Mem[0], uint32(cur))
	return c.Args[0], nil
}

func iterDestroy(c *Call) (uint64, error) {
	clear(c.Mem[0])
	return 0, nil
}

// maxBitsWords is BITS_ITER_NR_WORDS_MAX.
const maxBitsWords = 511

// iterBitsNew begins to go over the bits that are set in words. struct bpf_iter_bits_kern is
// {u64 words or *words, int nr_bits, int bit}: a single word is copied, of more their address is kept.
func iterBitsNew(c *Call) (uint64, error) {
	it, at, n := c.Mem[0], c.Args[1], uint64(uint32(c.Args[2]))
	clear(it)
	binary.LittleEndian.PutUint32(it[12:], ^uint32(0))
	switch {
	case at == 0 || n == 0:
		return maps.Guest(maps.EINVAL), nil
	case n > maxBitsWords:
		return maps.Guest(maps.E2BIG), nil
	}
	words, ok := c.Run.World.Arena.Bytes(at, 8*n)
	if !ok {
		return maps.Guest(maps.EFAULT), nil
	}
	if n == 1 {
		copy(it, words)
	} else {
		binary.LittleEndian.PutUint64(it, at)
	}
	binary.LittleEndian.PutUint32(it[8:], uint32(64*n))
	return 0, nil
}

// iterBitsNext returns the address of the number of the next bit that is set, NULL behind the last.
func iterBitsNext(c *Call) (uint64, error) {
	it := c.Mem[0]
	n, bit := binary.LittleEndian.Uint32(it[8:]), binary.LittleEndian.Uint32(it[12:])+1
	words, ok := it[:8], true
	if n > 64 {
		words, ok = c.Run.World.Arena.Bytes(binary.LittleEndian.Uint64(it), uint64(n/8))
	}
	if !ok || n%64 != 0 || bit >= n {
		binary.LittleEndian.PutUint32(it[8:], 0)
		return 0, nil
	}
	for first := bit; bit < n; bit = (bit + 64) &^ 63 {
		w := binary.LittleEndian.Uint64(words[bit/64*8:])
		if bit == first {
			w &= ^uint64(0) << (bit % 64)
		}
		if w != 0 {
			binary.LittleEndian.PutUint32(it[12:], bit&^63+uint32(bits.TrailingZeros64(w)))
			return c.Args[0] + 12, nil
		}
	}
	binary.LittleEndian.PutUint32(it[8:], 0)
	return 0, nil
}
