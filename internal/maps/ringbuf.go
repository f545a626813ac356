package maps

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet/internal/arena"
	"github.com/rivetbpf/rivet/internal/bell"
	"github.com/rivetbpf/rivet/internal/bpf"
)

// Ring buffer: records of any length that programs on all processors make and one
// reader takes, in the order in which they were reserved (kernel/bpf/ringbuf.c).
//
//	position:  consumer                                producer
//	              |                                       |
//	              v                                       v
//	   ...       [len|data     ][len|data]...[len|BUSY    ]
//
// Positions only grow; a record lies at its position modulo the size. Linux maps the
// pages twice, one after the other, so that a record that begins near the end is in
// one piece; here its memory simply goes on beyond the end, into a second half.
//
// The header of 8 bytes that precedes each record takes its room in the arena, but
// what counts is kept outside of it, where no guest can write: length, BUSY and DISCARD.
var ringBufKind = Kind{
	Type:   ebpf.RingBuf,
	Check:  checkRingBuf,
	Memory: func(d *bpf.Map, _ int) Need { return Need{Fixed: 2 * uint64(d.MaxEntries)} },
	New: func(env *Env, _ int, d *bpf.Map) (Map, error) {
		r := new(RingBuf)
		return r, r.init(env, d)
	},
}

// Bits of a record's length (linux/bpf.h).
const (
	ringBusy    = 1 << 31
	ringDiscard = 1 << 30
	ringHeader  = 8
	// ringMaxRecord is RINGBUF_MAX_RECORD_SZ.
	ringMaxRecord = (1<<32 - 1) / 4
	// ringPage is what sizes are multiples of: the page of most kernels, on every host.
	ringPage = 4096
)

// Flags of submit, discard, output and drain (linux/bpf.h).
const (
	RingNoWakeup    = 1
	RingForceWakeup = 2
)

// checkRingBuf is ringbuf_map_alloc.
func checkRingBuf(d *bpf.Map) error {
	switch n := d.MaxEntries; {
	case d.Flags&^uint32(FNumaNode) != 0:
		return fmt.Errorf("unknown flags %#x", d.Flags&^uint32(FNumaNode))
	case d.KeySize != 0 || d.ValueSize != 0:
		return fmt.Errorf("key size is %d and value size %d, both must be 0", d.KeySize, d.ValueSize)
	case n == 0 || n&(n-1) != 0 || n%ringPage != 0:
		return fmt.Errorf("max_entries is %d, must be a power of two and a multiple of %d", n, ringPage)
	}
	return nil
}

// ring is memory for records and the two positions. Whoever touches mem keeps the ring alive until then.
type ring struct {
	arena *arena.Arena
	mem   []byte // twice the size
	addr  uint64
	mask  uint64
	lens  []atomic.Uint32 // header of the record at each multiple of 8
	cons  atomic.Uint64
	_     [56]byte // producers and consumers each have a cache line
	prod  atomic.Uint64
}

func (r *ring) init(env *Env, d *bpf.Map) error {
	size := uint64(d.MaxEntries)
	addr, err := env.Arena.Alloc(2 * size)
	if err != nil {
		return err
	}
	mem, ok := env.Arena.Bytes(addr, 2*size)
	if !ok {
		panic("BUG: arena gave an address that it does not have")
	}
	r.arena, r.mem, r.addr, r.mask, r.lens = env.Arena, mem, addr, size-1, make([]atomic.Uint32, size/8)
	return nil
}

// header returns where the header of the record at a position is.
func (r *ring) header(pos uint64) *atomic.Uint32 { return &r.lens[pos&r.mask/8] }

// data returns the n bytes of the record at a position.
func (r *ring) data(pos, n uint64) []byte {
	off := pos&r.mask + ringHeader
	return r.mem[off : off+n : off+n]
}

// span is how much of the ring a record of n bytes takes.
func span(n uint64) uint64 { return (n + ringHeader + 7) &^ 7 }

// Size returns how many bytes the ring holds, headers included.
func (r *ring) Size() int { return int(r.mask + 1) }

// Available returns how many bytes lie between the two positions (ringbuf_avail_data_sz).
func (r *ring) Available() int {
	cons := r.cons.Load()
	return int(r.prod.Load() - cons)
}

// The map operations of a ring buffer are all ENOTSUPP.

// Lookup gives nothing: no guest can look into a ring buffer.
func (r *ring) Lookup(uint32, []byte) uint64 { return 0 }

// Update refuses.
func (r *ring) Update(uint32, []byte, []byte, uint64) error { return EOPNOTSUPP }

// Read refuses.
func (r *ring) Read([]byte, []byte) error { return EOPNOTSUPP }

// Write refuses.
func (r *ring) Write([]byte, []byte, uint64) error { return EOPNOTSUPP }

// Delete refuses.
func (r *ring) Delete([]byte) error { return EOPNOTSUPP }

// NextKey refuses.
func (r *ring) NextKey([]byte, []byte) error { return EOPNOTSUPP }

// RingBuf is a map of kind RingBuf.
type RingBuf struct {
	ring
	mu      sync.Mutex // of those who reserve
	pending uint64     // no record before it is BUSY

	take    sync.Mutex   // of those who consume
	waiting atomic.Int32 // readers that wait for the record at the consumer's position, which is BUSY
	bell    bell.Bell
}

// Bell is rung when a reader shall look.
func (r *RingBuf) Bell() *bell.Bell { return &r.bell }

// Reserve sets aside a record of size bytes and returns its guest address, 0 when
// there is no room (__bpf_ringbuf_reserve). The record is BUSY, and holds up those
// behind it, until Commit.
func (r *RingBuf) Reserve(size uint64) (addr uint64) {
	if size > ringMaxRecord || span(size) > r.mask+1 {
		return 0
	}
	cons := r.cons.Load()
	r.mu.Lock()
	defer r.mu.Unlock()
	prod := r.prod.Load()
	next := prod + span(size)
	r.settle(prod)
	if next-r.pending > r.mask || next-cons > r.mask {
		return 0
	}
	r.header(prod).Store(uint32(size) | ringBusy)
	r.prod.Store(next)
	return r.addr + prod&r.mask + ringHeader
}

// settle moves pending beyond all records that are not BUSY any more. The lock is held.
func (r *RingBuf) settle(prod uint64) {
	for r.pending < prod {
		n := r.header(r.pending).Load()
		if n&ringBusy != 0 {
			return
		}
		r.pending += span(uint64(n &^ ringDiscard))
	}
}

// Commit submits or discards the record at addr, which Reserve gave and nobody
// committed yet (bpf_ringbuf_commit).
func (r *RingBuf) Commit(addr, flags uint64, discard bool) {
	at := addr - ringHeader - r.addr
	h := r.header(at)
	n := h.Load() &^ ringBusy
	if discard {
		n |= ringDiscard
	}
	h.Store(n)
	switch {
	case flags&RingForceWakeup != 0,
		r.cons.Load()&r.mask == at && flags&RingNoWakeup == 0,
		r.waiting.Load() != 0:
		r.bell.Ring()
	}
}

// Record returns the bytes of the record at addr, which Reserve gave and nobody committed yet.
func (r *RingBuf) Record(addr uint64) []byte {
	at := addr - ringHeader - r.addr
	return r.data(at, uint64(r.header(at).Load()&^ringBusy))
}

// Output makes a record of data (bpf_ringbuf_output).
func (r *RingBuf) Output(data []byte, flags uint64) error {
	if flags&^(RingNoWakeup|RingForceWakeup) != 0 {
		return EINVAL
	}
	addr := r.Reserve(uint64(len(data)))
	if addr == 0 {
		return EAGAIN
	}
	copy(r.Record(addr), data)
	r.Commit(addr, flags, false)
	return nil
}

// What bpf_ringbuf_query can be asked for (linux/bpf.h).
const (
	ringAvailData = iota
	ringRingSize
	ringConsPos
	ringProdPos
)

// Query is bpf_ringbuf_query.
func (r *RingBuf) Query(what uint64) uint64 {
	switch what {
	case ringAvailData:
		return uint64(r.Available())
	case ringRingSize:
		return r.mask + 1
	case ringConsPos:
		return r.cons.Load()
	case ringProdPos:
		return r.prod.Load()
	}
	return 0
}

// RingState is what a reader finds at the consumer's position.
type RingState uint8

const (
	RingRecord RingState = iota // a record, which was taken
	RingEmpty                   // nothing
	RingWait                    // a record that is not committed yet
)

// Next takes the next record that is not discarded: it is copied to buf, which grows where it must.
// rest is how many bytes the ring holds behind it.
func (r *RingBuf) Next(buf []byte) (data []byte, rest int, state RingState) {
	r.take.Lock()
	defer r.take.Unlock()
	prod, cons := r.prod.Load(), r.cons.Load()
	for cons != prod {
		n := r.header(cons).Load()
		if n&ringBusy != 0 {
			return buf, 0, RingWait
		}
		size := uint64(n &^ ringDiscard)
		at := cons
		cons += span(size)
		if n&ringDiscard == 0 {
			buf = append(buf[:0], r.data(at, size)...)
			runtime.KeepAlive(r)
			r.cons.Store(cons)
			return buf, int(prod - cons), RingRecord
		}
		r.cons.Store(cons)
	}
	return buf, 0, RingEmpty
}

// Await tells the ring that a reader waits for the record that Next found BUSY: until Awaited its
// commit rings the bell, whatever flags say.
func (r *RingBuf) Await() { r.waiting.Add(1) }

// Awaited ends it.
func (r *RingBuf) Awaited() { r.waiting.Add(-1) }

// Busy reports whether the record at the consumer's position is not committed yet.
func (r *RingBuf) Busy() bool {
	cons := r.cons.Load()
	return cons != r.prod.Load() && r.header(cons).Load()&ringBusy != 0
}
