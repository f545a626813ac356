package helpers

import (
	"math/bits"
	"sync/atomic"
	"unsafe"

	"github.com/rivetbpf/rivet/internal/maps"
)

// Sets of processors (kernel/bpf/cpumask.c). A struct bpf_cpumask begins with its bits; a mask that
// programs only read may be any guest memory. There are as many processors as the collection has.
var cpumaskHelpers = []*Helper{
	{Name: "bpf_cpumask_create", Fn: cpumaskCreate},
	{Name: "bpf_cpumask_acquire", Fn: cpumaskAcquire, Args: []Arg{maskArg}},
	{Name: "bpf_cpumask_release", Fn: objDrop, Args: []Arg{maskArg}},
	{Name: "bpf_cpumask_first", Fn: cpumaskFind(1, func(w []uint64) uint64 { return w[0] }), Args: []Arg{maskArg}},
	{Name: "bpf_cpumask_first_zero", Fn: cpumaskFind(1, func(w []uint64) uint64 { return ^w[0] }), Args: []Arg{maskArg}},
	{Name: "bpf_cpumask_first_and", Fn: cpumaskFind(2, func(w []uint64) uint64 { return w[0] & w[1] }), Args: []Arg{maskArg, maskArg}},
	{Name: "bpf_cpumask_set_cpu", Fn: cpumaskChange(true, false), Args: cpuMaskArgs},
	{Name: "bpf_cpumask_clear_cpu", Fn: cpumaskChange(false, false), Args: cpuMaskArgs},
	{Name: "bpf_cpumask_test_and_set_cpu", Fn: cpumaskChange(true, true), Args: cpuMaskArgs},
	{Name: "bpf_cpumask_test_and_clear_cpu", Fn: cpumaskChange(false, true), Args: cpuMaskArgs},
	{Name: "bpf_cpumask_test_cpu", Fn: cpumaskTest, Args: cpuMaskArgs},
	{Name: "bpf_cpumask_setall", Fn: cpumaskEach(1, 0, func([]uint64) uint64 { return ^uint64(0) }), Args: []Arg{maskArg}},
	{Name: "bpf_cpumask_clear", Fn: cpumaskEach(1, 0, func([]uint64) uint64 { return 0 }), Args: []Arg{maskArg}},
	{Name: "bpf_cpumask_and", Fn: cpumaskEach(3, 1, func(w []uint64) uint64 { return w[1] & w[2] }), Args: []Arg{maskArg, maskArg, maskArg}},
	{Name: "bpf_cpumask_or", Fn: cpumaskEach(3, 0, func(w []uint64) uint64 { return w[1] | w[2] }), Args: []Arg{maskArg, maskArg, maskArg}},
	{Name: "bpf_cpumask_xor", Fn: cpumaskEach(3, 0, func(w []uint64) uint64 { return w[1] ^ w[2] }), Args: []Arg{maskArg, maskArg, maskArg}},
	{Name: "bpf_cpumask_copy", Fn: cpumaskEach(2, 0, func(w []uint64) uint64 { return w[1] }), Args: []Arg{maskArg, maskArg}},
	{Name: "bpf_cpumask_equal", Fn: cpumaskNone(2, func(w []uint64) uint64 { return w[0] ^ w[1] }), Args: []Arg{maskArg, maskArg}},
	{Name: "bpf_cpumask_intersects", Fn: cpumaskAny(2, func(w []uint64) uint64 { return w[0] & w[1] }), Args: []Arg{maskArg, maskArg}},
	{Name: "bpf_cpumask_subset", Fn: cpumaskNone(2, func(w []uint64) uint64 { return w[0] &^ w[1] }), Args: []Arg{maskArg, maskArg}},
	{Name: "bpf_cpumask_empty", Fn: cpumaskNone(1, func(w []uint64) uint64 { return w[0] }), Args: []Arg{maskArg}},
	{Name: "bpf_cpumask_full", Fn: cpumaskNone(1, func(w []uint64) uint64 { return ^w[0] }), Args: []Arg{maskArg}},
	{Name: "bpf_cpumask_weight", Fn: cpumaskWeight, Args: []Arg{maskArg}},
	{Name: "bpf_cpumask_any_distribute", Fn: cpumaskSpread(1, func(w []uint64) uint64 { return w[0] }), Args: []Arg{maskArg}},
	{Name: "bpf_cpumask_any_and_distribute", Fn: cpumaskSpread(2, func(w []uint64) uint64 { return w[0] & w[1] }), Args: []Arg{maskArg, maskArg}},
	{Name: "bpf_cpumask_populate", Fn: cpumaskPopulate,
		Args: []Arg{maskArg, {Name: "src", Kind: Mem}, {Name: "src__sz", Kind: SizeOrZero}}},
}

var (
	maskArg     = Arg{Name: "cpumask", Kind: Scalar}
	cpuMaskArgs = []Arg{{Name: "cpu", Kind: Scalar}, maskArg}
)

// cpumaskSize is the size of a struct cpumask where NR_CPUS is 8192, as distributions have it.
const cpumaskSize = 8192 / 8

// masks are the words of up to three masks.
type masks [3][]uint64

// mask returns the words at argument i.
func (c *Call) mask(i int) ([]uint64, error) {
	words := (c.Run.World.CPUs + 63) / 64
	b, ok := c.Run.World.Arena.Bytes(c.Args[i], uint64(8*words))
	switch {
	case !ok:
		return nil, c.bad(i, uint64(8*words), "outside guest memory")
	case c.Args[i]%8 != 0:
		return nil, c.bad(i, uint64(8*words), "not a multiple of 8")
	}
	return unsafe.Slice((*uint64)(unsafe.Pointer(&b[0])), words), nil
}

func (c *Call) masks(n int) (m masks, err error) {
	for i := range n {
		if m[i], err = c.mask(i); err != nil {
			return m, err
		}
	}
	return m, nil
}

// eachWord calls fn with what op makes of each word, bits beyond the last processor cleared, until it returns false.
func (c *Call) eachWord(n int, op func([]uint64) uint64, fn func(i int, w uint64, m *masks) bool) error {
	m, err := c.masks(n)
	if err != nil {
		return err
	}
	var in [3]uint64
	for i := range m[0] {
		for k := range n {
			in[k] = atomic.LoadUint64(&m[k][i])
		}
		w := op(in[:n])
		if rest := c.Run.World.CPUs - 64*i; rest < 64 {
			w &= 1<<rest - 1
		}
		if !fn(i, w, &m) {
			break
		}
	}
	return nil
}

// cpumaskEach writes to the first of n masks what op makes of all, and returns returns if any bit of it is set.
func cpumaskEach(n int, returns uint64, op func([]uint64) uint64) func(*Call) (uint64, error) {
	return func(c *Call) (r0 uint64, err error) {
		err = c.eachWord(n, op, func(i int, w uint64, m *masks) bool {
			atomic.StoreUint64(&m[0][i], w)
			if w != 0 {
				r0 = returns
			}
			return true
		})
		return r0, err
	}
}

// cpumaskAny reports whether op leaves a bit of n masks.
func cpumaskAny(n int, op func([]uint64) uint64) func(*Call) (uint64, error) {
	return func(c *Call) (r0 uint64, err error) {
		err = c.eachWord(n, op, func(_ int, w uint64, _ *masks) bool {
			if w != 0 {
				r0 = 1
			}
			return w == 0
		})
		return r0, err
	}
}

// cpumaskNone reports whether op leaves no bit of n masks.
func cpumaskNone(n int, op func([]uint64) uint64) func(*Call) (uint64, error) {
	some := cpumaskAny(n, op)
	return func(c *Call) (uint64, error) {
		r0, err := some(c)
		return r0 ^ 1, err
	}
}

// cpumaskFind returns the first processor that op leaves of n masks; without one, how many processors there are.
func cpumaskFind(n int, op func([]uint64) uint64) func(*Call) (uint64, error) {
	return func(c *Call) (r0 uint64, err error) {
		r0 = uint64(c.Run.World.CPUs)
		err = c.eachWord(n, op, func(i int, w uint64, _ *masks) bool {
			if w != 0 {
				r0 = uint64(64*i + bits.TrailingZeros64(w))
			}
			return w == 0
		})
		return r0, err
	}
}

// cpumaskSpread is cpumaskFind that begins behind the processor that it gave last.
func cpumaskSpread(n int, op func([]uint64) uint64) func(*Call) (uint64, error) {
	return func(c *Call) (uint64, error) {
		last := &c.Run.World.heap.spread
		from := atomic.LoadUint32(last)
		first, next := -1, -1
		err := c.eachWord(n, op, func(i int, w uint64, _ *masks) bool {
			for ; w != 0 && next < 0; w &= w - 1 {
				cpu := 64*i + bits.TrailingZeros64(w)
				if first < 0 {
					first = cpu
				}
				if uint32(cpu) >= from {
					next = cpu
				}
			}
			return next < 0
		})
		if next < 0 {
			next = first
		}
		if next < 0 || err != nil {
			return uint64(c.Run.World.CPUs), err
		}
		atomic.StoreUint32(last, uint32(next)+1)
		return uint64(next), nil
	}
}

func cpumaskWeight(c *Call) (r0 uint64, err error) {
	err = c.eachWord(1, func(w []uint64) uint64 { return w[0] }, func(_ int, w uint64, _ *masks) bool {
		r0 += uint64(bits.OnesCount64(w))
		return true
	})
	return r0, err
}

// cpuBit finds the bit of the processor at argument 0 in the mask at argument 1; nil for one that there is not.
func (c *Call) cpuBit() (word *uint64, bit uint64, err error) {
	m, err := c.mask(1)
	cpu := uint32(c.Args[0])
	if err != nil || uint64(cpu) >= uint64(c.Run.World.CPUs) {
		return nil, 0, err
	}
	return &m[cpu/64], 1 << (cpu % 64), nil
}

// cpumaskChange sets or clears a bit; told says that it returns what the bit was.
func cpumaskChange(set, told bool) func(*Call) (uint64, error) {
	return func(c *Call) (uint64, error) {
		word, bit, err := c.cpuBit()
		if word == nil {
			return 0, err
		}
		var old uint64
		if set {
			old = atomic.OrUint64(word, bit)
		} else {
			old = atomic.AndUint64(word, ^bit)
		}
		if told && old&bit != 0 {
			return 1, nil
		}
		return 0, nil
	}
}

func cpumaskTest(c *Call) (uint64, error) {
	word, bit, err := c.cpuBit()
	if word == nil || atomic.LoadUint64(word)&bit == 0 {
		return 0, err
	}
	return 1, nil
}

func cpumaskCreate(c *Call) (uint64, error) {
	size := max(cpumaskSize, uint64((c.Run.World.CPUs+63)/64*8))
	if obj := c.Run.World.heap.alloc(nil, size, false); obj != nil {
		return c.Run.own(obj), nil
	}
	return 0, nil
}

// cpumaskAcquire makes another reference to a mask.
func cpumaskAcquire(c *Call) (uint64, error) {
	h := c.Run.World.heap
	h.mu.Lock()
	defer h.mu.Unlock()
	obj := h.live[c.Args[0]]
	if obj == nil || obj.typ != nil {
		return 0, c.bad(0, 0, "not a bpf_cpumask")
	}
	obj.refs++
	return c.Run.own(obj), nil
}

// cpumaskPopulate is bpf_cpumask_populate.
func cpumaskPopulate(c *Call) (uint64, error) {
	dst, err := c.mask(0)
	if err != nil {
		return 0, err
	}
	if len(c.Mem[1]) < 8*len(dst) {
		return maps.Guest(maps.EACCES), nil
	}
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&dst[0])), 8*len(dst)), c.Mem[1])
	if rest := c.Run.World.CPUs % 64; rest != 0 {
		dst[len(dst)-1] &= 1<<rest - 1
	}
	return 0, nil
}
