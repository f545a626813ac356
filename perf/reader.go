// Package perf reads what programs put into perf event arrays (BPF_MAP_TYPE_PERF_EVENT_ARRAY).
//
// It has the names and the behaviour of github.com/cilium/ebpf/perf, over maps of package rivet.
package perf

import (
	"errors"
	"fmt"
	"math/bits"
	"os"
	"sync"
	"time"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet"
	"github.com/rivetbpf/rivet/internal/bell"
	"github.com/rivetbpf/rivet/internal/bridge"
	"github.com/rivetbpf/rivet/internal/maps"
)

var (
	// ErrClosed is returned by reads of a reader that is closed.
	ErrClosed = os.ErrClosed
	// ErrFlushed is returned after [Reader.Flush], when all records have been read.
	ErrFlushed = bell.ErrFlushed
)

// Record is a sample, or the number of samples that were lost.
type Record struct {
	// CPU is the processor that the program ran on.
	CPU int
	// RawSample is what the program put out, and zeros: its length and 4 are a multiple of 8, as in Linux.
	RawSample []byte
	// LostSamples is how many samples found no room in the processor's buffer before this record. A
	// record that has it has no sample.
	LostSamples uint64
	// Remaining is how many bytes the processor's buffer held, at least, after this record was read.
	// Of an overwritable buffer it is not known, and -1.
	Remaining int
}

// ReaderOptions control a reader.
type ReaderOptions struct {
	// WakeupEvents is how many samples one of the buffers must hold before Read returns any. It excludes Watermark.
	WakeupEvents int
	// Watermark is the same in bytes. It must be smaller than the buffer. 0: Read returns what there is.
	Watermark int
	// Overwritable lets new samples overwrite the oldest when a buffer is full. Such a reader is
	// read while it is paused, the newest sample first.
	Overwritable bool
}

// Reader reads samples: of one processor in the order in which programs put them
// out. Its methods are safe for concurrent use.
type Reader struct {
	array        *maps.PerfArray
	bell         bell.Bell
	listen       *bell.Listener
	size         int
	overwritable bool

	mu      sync.Mutex // of reads
	cursors []maps.PerfCursor
	unread  int // how many of the rings may have records: the first so many
	rec     maps.PerfRecord
	pending error // what ended the last wait, once all records are read

	state  sync.Mutex // taken after mu
	rings  []*maps.PerfRing
	paused bool
	woken  func() bool
}

// NewReader makes a reader with default options of a map of type [ebpf.PerfEventArray]. perCPUBuffer is the
// size in bytes of the buffer that each processor has; it is rounded up to a power of two pages of 4096 bytes.
func NewReader(array *rivet.Map, perCPUBuffer int) (*Reader, error) {
	return NewReaderWithOptions(array, perCPUBuffer, ReaderOptions{})
}

// NewReaderWithOptions makes a reader.
func NewReaderWithOptions(array *rivet.Map, perCPUBuffer int, opts ReaderOptions) (*Reader, error) {
	inst := bridge.Instance(array)
	if inst == nil {
		return nil, errors.New("the map is nil or closed")
	}
	a, ok := inst.Map.(*maps.PerfArray)
	switch {
	case !ok:
		return nil, fmt.Errorf("invalid Map type: %s (must be %s)", array.Type(), ebpf.PerfEventArray)
	case perCPUBuffer < 1:
		return nil, errors.New("perCPUBuffer must be larger than 0")
	case perCPUBuffer > maxBuffer:
		return nil, fmt.Errorf("perCPUBuffer is %d, at most %d", perCPUBuffer, maxBuffer)
	case opts.WakeupEvents > 0 && opts.Watermark > 0:
		return nil, errors.New("WakeupEvents and Watermark cannot both be non-zero")
	case opts.Watermark >= perCPUBuffer:
		return nil, errors.New("watermark must be smaller than perCPUBuffer")
	}
	r := &Reader{array: a, size: bufferSize(perCPUBuffer), overwritable: opts.Overwritable}
	for cpu := range array.MaxEntries() {
		r.rings = append(r.rings, maps.NewPerfRing(cpu, &r.bell, maps.PerfRingOptions{Size: r.size,
			WakeupEvents: opts.WakeupEvents, Watermark: opts.Watermark, Overwritable: opts.Overwritable}))
	}
	r.cursors = make([]maps.PerfCursor, len(r.rings))
	rings := r.rings
	r.woken = func() (any bool) {
		for _, ring := range rings {
			any = ring.Woken() || any
		}
		return any
	}
	r.listen = r.bell.Listen()
	return r, r.Resume()
}

// maxBuffer bounds a buffer: two pages more would not fit an int32.
const maxBuffer = 1 << 30

// bufferSize is the smallest power of two pages that has n bytes.
func bufferSize(n int) int {
	pages := (n + 4095) / 4096
	return 4096 << bits.Len(uint(pages-1))
}

// Close ends the reader and interrupts reads in progress, which return [ErrClosed]. Programs that put
// samples out then get -ENOSPC until another reader is made. (So they do in Linux, where the map keeps the
// event that a closed reader put there; cilium/ebpf's documentation has -ENOENT.)
func (r *Reader) Close() error {
	r.listen.Close()
	r.state.Lock()
	defer r.state.Unlock()
	for _, ring := range r.rings {
		ring.Close()
	}
	r.rings = nil
	return nil
}

// SetDeadline controls how long Read and ReadInto wait for records, those in progress too. The
// zero time removes the deadline.
func (r *Reader) SetDeadline(t time.Time) { r.listen.SetDeadline(t) }

// Read waits until there are as many bytes, or samples, in one of the buffers as the options say, and returns the
// next record of all of them.
//
// [Reader.Close] interrupts it with [ErrClosed]. [Reader.Flush] makes it return all records that are there, and then
// [ErrFlushed]. When a deadline has passed it returns the records that are there, and then [os.ErrDeadlineExceeded].
func (r *Reader) Read() (Record, error) {
	var rec Record
	err := r.ReadInto(&rec)
	return rec, err
}

var errMustBePaused = errors.New("perf ringbuffer: must have been paused before reading overwritable buffer")

// ReadInto is [Reader.Read] into rec, whose buffer is used again where it is large enough: then nothing is allocated.
func (r *Reader) ReadInto(rec *Record) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		rings, err := r.readable()
		if err != nil {
			return err
		}
		if r.unread == 0 {
			if err := r.wait(rings); err != nil {
				return err
			}
			continue // a Pause, Resume or Close may have come meanwhile
		}
		i := r.unread - 1 // as cilium/ebpf does: the last processor first
		r.rec.Sample = rec.RawSample
		found := rings[i].Next(&r.cursors[i], &r.rec)
		rec.RawSample = r.rec.Sample
		if found {
			rec.CPU, rec.LostSamples, rec.Remaining = int(rings[i].CPU), r.rec.Lost, r.rec.Remaining
			return nil
		}
		r.unread--
	}
}

// readable returns the rings if they may be read now.
func (r *Reader) readable() ([]*maps.PerfRing, error) {
	r.state.Lock()
	defer r.state.Unlock()
	switch {
	case r.overwritable && !r.paused && r.rings != nil:
		return nil, errMustBePaused
	case r.rings == nil:
		return nil, fmt.Errorf("perf ringbuffer: %w", ErrClosed)
	}
	return r.rings, nil
}

// wait waits until one of the rings has enough, and then looks at all of them. What ends it early counts only
// after what is there then was read.
func (r *Reader) wait(rings []*maps.PerfRing) error {
	if err := r.pending; err != nil {
		r.pending = nil
		return err
	}
	r.pending = r.listen.Wait(r.woken)
	for i, ring := range rings {
		ring.Renew(&r.cursors[i])
	}
	r.unread = len(rings)
	return nil
}

// Pause takes the reader's buffers out of the map: programs that put samples out get -ENOENT, and reads that
// have returned all there is wait until [Reader.Resume].
func (r *Reader) Pause() error {
	r.state.Lock()
	defer r.state.Unlock()
	if r.rings == nil {
		return fmt.Errorf("%w", ErrClosed)
	}
	for i := range r.rings {
		r.array.Detach(i)
	}
	r.paused = true
	return nil
}

// Resume puts the reader's buffers into the map again.
func (r *Reader) Resume() error {
	r.state.Lock()
	defer r.state.Unlock()
	if r.rings == nil {
		return fmt.Errorf("%w", ErrClosed)
	}
	for _, ring := range r.rings {
		r.array.Attach(ring)
	}
	r.paused = false
	return nil
}

// BufferSize returns the size in bytes of each processor's buffer.
func (r *Reader) BufferSize() int { return r.size }

// Flush ends the read in progress, or the next one, once it has returned all records that are there: then
// it returns [ErrFlushed].
func (r *Reader) Flush() error { return r.listen.Flush() }

// IsUnknownEvent is there for programs written for cilium/ebpf. There are no events of unknown types here: it is false.
func IsUnknownEvent(error) bool { return false }
