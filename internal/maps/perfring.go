package maps

import (
	"encoding/binary"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rivetbpf/rivet/internal/bell"
)

// PerfRing is the buffer of one processor that a reader of a perf event array reads
// (kernel/events/ring_buffer.c). Records follow each other, and go on at the front when the end is
// reached. A record that finds no room is counted, and the count goes before the next one that does:
//
//	[type|misc|size|raw size|data, to a multiple of 8]   PERF_RECORD_SAMPLE
//	[type|misc|size|id|lost                          ]   PERF_RECORD_LOST
//
// An overwritable buffer is written from its end down, and the newest record overwrites the oldest:
// a reader begins with the newest.
type PerfRing struct {
	CPU       uint32
	bell      *bell.Bell
	backward  bool
	mask      uint64
	watermark uint64 // bytes after which the reader is woken
	perWakeup uint32 // samples after which it is woken; 0: only bytes count
	since     time.Time

	woken atomic.Bool // the reader is to look

	mu      sync.Mutex
	mem     []byte
	head    uint64 // where the next record goes; of an overwritable buffer, where the last one is
	tail    uint64 // what the reader has read
	wakeup  uint64 // head when the reader was last woken
	samples uint32 // since then
	lost    uint64
}

// PerfRingOptions say what a reader wants.
type PerfRingOptions struct {
	Size         int // a power of two
	WakeupEvents int
	Watermark    int
	Overwritable bool
}

const (
	perfRecordLost   = 2
	perfRecordSample = 9
	perfHeader       = 8
	perfLostSize     = perfHeader + 16
	perfMaxRecord    = 1<<16 - 8 // the size has 16 bits
)

// NewPerfRing makes a buffer for processor cpu, whose reader listens to b.
func NewPerfRing(cpu uint32, b *bell.Bell, o PerfRingOptions) *PerfRing {
	r := &PerfRing{CPU: cpu, bell: b, backward: o.Overwritable, mask: uint64(o.Size) - 1, perWakeup: uint32(o.WakeupEvents),
		mem: make([]byte, o.Size), since: time.Now()}
	r.watermark = uint64(min(max(o.Watermark, 1), o.Size))
	if o.WakeupEvents > 0 {
		r.watermark = uint64(o.Size / 2) // ring_buffer_init, for events without a watermark
	}
	return r
}

// output writes a sample of data and more. What no record has room for is E2BIG; Linux
// lets its size overflow.
func (r *PerfRing) output(data, more []byte) error {
	raw := len(data) + len(more)
	size := uint64(perfHeader+4+raw+7) &^ 7
	if size > perfMaxRecord {
		return E2BIG
	}
	r.mu.Lock()
	if r.mem == nil {
		r.mu.Unlock()
		return ENOSPC
	}
	at, wake, ok := r.begin(size)
	if !ok {
		r.mu.Unlock()
		return ENOSPC
	}
	var head [perfHeader + 4]byte
	binary.LittleEndian.PutUint32(head[:], perfRecordSample)
	binary.LittleEndian.PutUint16(head[6:], uint16(size))
	binary.LittleEndian.PutUint32(head[8:], uint32(size-perfHeader-4))
	end := at + size
	at = r.put(at, head[:])
	at = r.put(at, data)
	at = r.put(at, more)
	var pad [8]byte
	r.put(at, pad[:end-at])
	if r.perWakeup != 0 {
		if r.samples++; r.samples >= r.perWakeup {
			r.samples -= r.perWakeup
			wake = true
		}
	}
	r.mu.Unlock()
	if wake {
		r.woken.Store(true)
		r.bell.Ring()
	}
	return nil
}

// begin is __perf_output_begin: it makes room for a record of size bytes, behind one that says what was lost. The lock is held.
func (r *PerfRing) begin(size uint64) (at uint64, wake, ok bool) {
	all := size
	if r.lost != 0 {
		all += perfLostSize
	}
	if !r.backward && (r.tail-(r.head+1))&r.mask < all { // CIRC_SPACE
		r.lost++
		return 0, false, false
	}
	at = r.head
	written := r.head + all
	if r.backward {
		at -= all
		r.head, written = at, -at
	} else {
		r.head = written
	}
	if written-r.wakeup > r.watermark {
		r.wakeup += r.watermark
		wake = true
	}
	if r.lost != 0 {
		var b [perfLostSize]byte
		binary.LittleEndian.PutUint32(b[:], perfRecordLost)
		binary.LittleEndian.PutUint16(b[6:], perfLostSize)
		binary.LittleEndian.PutUint64(b[16:], r.lost)
		at = r.put(at, b[:])
		r.lost = 0
	}
	return at, wake, true
}

// put writes bytes at a position and returns the one after them.
func (r *PerfRing) put(at uint64, b []byte) uint64 {
	n := copy(r.mem[at&r.mask:], b)
	copy(r.mem, b[n:])
	return at + uint64(len(b))
}

// get is the inverse of put.
func (r *PerfRing) get(at uint64, b []byte) {
	n := copy(b, r.mem[at&r.mask:])
	copy(b[n:], r.mem)
}

// Close frees the memory. A buffer that is closed is full to those who write.
func (r *PerfRing) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mem = nil
}

// Woken reports whether the reader is to look, once each time.
func (r *PerfRing) Woken() bool { return r.woken.Load() && r.woken.Swap(false) }

// PerfCursor is how far a reader has come: from At to End are records that it has not seen.
type PerfCursor struct {
	At, End uint64
}

// Renew lets the cursor take in what was written since.
func (r *PerfRing) Renew(c *PerfCursor) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.backward {
		c.At, c.End = r.tail, r.head
		return
	}
	// Up to where the last look began, or as far as nothing is overwritten.
	c.End = min(r.tail-r.head, uint64(len(r.mem))) + r.head
	c.At, r.tail = r.head, r.head
}

// PerfRecord is what Next reads.
type PerfRecord struct {
	Sample    []byte
	Lost      uint64 // of a record that says what was lost, which has no sample
	Remaining int    // bytes before the cursor's end; -1 in an overwritable buffer
}

// Next reads the record at the cursor into rec, whose Sample is used again where it is large enough. It
// reports false at the end.
func (r *PerfRing) Next(c *PerfCursor, rec *PerfRecord) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	left := c.End - c.At
	if left < perfHeader || r.mem == nil {
		return false
	}
	var head [perfHeader + 4]byte
	r.get(c.At, head[:])
	size := uint64(binary.LittleEndian.Uint16(head[6:]))
	if size > left || size == 0 { // the oldest record of an overwritable buffer, overwritten in part
		c.At = c.End
		return false
	}
	rec.Lost = 0
	if binary.LittleEndian.Uint32(head[:]) == perfRecordLost {
		var b [8]byte
		r.get(c.At+16, b[:])
		rec.Lost, rec.Sample = binary.LittleEndian.Uint64(b[:]), rec.Sample[:0]
	} else {
		n := int(binary.LittleEndian.Uint32(head[8:]))
		if cap(rec.Sample) < n {
			rec.Sample = make([]byte, n)
		}
		rec.Sample = rec.Sample[:n]
		r.get(c.At+perfHeader+4, rec.Sample)
	}
	c.At += size
	rec.Remaining = -1
	if !r.backward {
		r.tail = c.At
		rec.Remaining = int((c.End - c.At) & r.mask)
	}
	return true
}
