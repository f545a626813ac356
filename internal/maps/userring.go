package maps

import (
	"sync"
	"sync/atomic"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet/internal/bell"
	"github.com/rivetbpf/rivet/internal/bpf"
)

// User ring buffer: a ring buffer the other way round. Users make records, programs drain them
// (kernel/bpf/ringbuf.c).
var userRingKind = Kind{
	Type:   ebpf.UserRingbuf,
	Check:  checkRingBuf,
	Memory: func(d *bpf.Map, _ int) Need { return Need{Fixed: 2*uint64(d.MaxEntries) + 64} },
	New: func(env *Env, _ int, d *bpf.Map) (Map, error) {
		r := new(UserRing)
		if err := r.init(env, d); err != nil {
			return nil, err
		}
		var err error
		r.Dynptr, err = env.Arena.Alloc(16)
		return r, err
	},
}

// UserRing is a map of kind UserRingbuf.
type UserRing struct {
	ring
	// Dynptr is the guest address of 16 bytes in which a program that drains gets a record's dynptr.
	Dynptr uint64

	mu   sync.Mutex  // of those who reserve
	busy atomic.Bool // a program drains
	bell bell.Bell
}

const (
	maxUserSamples = 128 * 1024 // BPF_MAX_USER_RINGBUF_SAMPLES, of one drain
	maxUserSample  = 1<<24 - 1  // what a dynptr can have
)

// Bell is rung when a program has made room.
func (r *UserRing) Bell() *bell.Bell { return &r.bell }

// Room returns how many bytes are free, headers included.
func (r *UserRing) Room() int { return r.Size() - r.Available() }

// Fits reports whether there is room for a record of size bytes.
func (r *UserRing) Fits(size int) bool { return span(uint64(size)) <= uint64(r.Room()) }

// Reserve sets aside a record of size bytes: its position, to Commit it, and its memory, which is guest
// memory. It is E2BIG where the ring could never hold it, ENOSPC where it has no room now.
func (r *UserRing) Reserve(size int) (pos uint64, b []byte, err error) {
	n := span(uint64(size))
	if size < 0 || n > r.mask+1 {
		return 0, nil, E2BIG
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	pos = r.prod.Load()
	if pos+n-r.cons.Load() > r.mask+1 {
		return 0, nil, ENOSPC
	}
	r.header(pos).Store(uint32(size) | ringBusy)
	r.prod.Store(pos + n)
	return pos, r.data(pos, uint64(size)), nil
}

// Commit lets programs see the record at pos, or skip it.
func (r *UserRing) Commit(pos uint64, discard bool) {
	h := r.header(pos)
	n := h.Load() &^ ringBusy
	if discard {
		n |= ringDiscard
	}
	h.Store(n)
}

// Drain calls f with the address and size of one record after the other, until it returns something
// other than 0 or an error, and returns how many it took (bpf_user_ringbuf_drain).
func (r *UserRing) Drain(flags uint64, f func(addr uint64, size uint32) (uint64, error)) (n uint64, err error) {
	if flags&^(RingNoWakeup|RingForceWakeup) != 0 {
		return 0, EINVAL
	}
	if !r.busy.CompareAndSwap(false, true) {
		return 0, EBUSY
	}
	seen := 0
	defer func() {
		r.busy.Store(false)
		if flags&RingForceWakeup != 0 || flags&RingNoWakeup == 0 && seen > 0 {
			r.bell.Ring()
		}
	}()
	for ; seen < maxUserSamples; seen++ {
		addr, size, state := r.peek()
		switch state {
		case RingEmpty:
			continue // it was discarded
		case RingWait:
			return n, nil
		}
		if size > maxUserSample {
			return 0, E2BIG
		}
		ret, err := f(addr, size)
		r.cons.Add(span(uint64(size)))
		if err != nil {
			return n, err
		}
		if n++; ret != 0 {
			seen++
			return n, nil
		}
	}
	return n, nil
}

// peek looks at the next record; a discarded one is taken, and RingEmpty. RingWait says that there is none yet.
func (r *UserRing) peek() (addr uint64, size uint32, state RingState) {
	cons := r.cons.Load()
	if cons == r.prod.Load() {
		return 0, 0, RingWait
	}
	n := r.header(cons).Load()
	switch {
	case n&ringBusy != 0:
		return 0, 0, RingWait
	case n&ringDiscard != 0:
		r.cons.Store(cons + span(uint64(n&^ringDiscard)))
		return 0, 0, RingEmpty
	}
	return r.addr + cons&r.mask + ringHeader, n, RingRecord
}
