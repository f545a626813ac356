// Package ringbuf reads what programs put into ring buffers (BPF_MAP_TYPE_RINGBUF).
//
// It has the names and the behaviour of github.com/cilium/ebpf/ringbuf, over maps of package rivet.
package ringbuf

import (
	"errors"
	"fmt"
	"os"
	"runtime"
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

// Record is what a program submitted.
type Record struct {
	RawSample []byte
	// Remaining is how many bytes the ring buffer held, at least, after this record was read.
	Remaining int
}

// Reader reads records in the order in which programs reserved them. Its methods
// are safe for concurrent use. A map may have several readers: each record goes to one of them.
//
// A record that a program has reserved and not submitted yet holds up those behind
// it; a run that ends, however it ends, leaves none.
type Reader struct {
	m      *rivet.Map // keeps the ring's memory
	ring   *maps.RingBuf
	listen *bell.Listener

	mu      sync.Mutex // of reads
	have    bool       // there may be records that nobody waited for
	pending error      // what ended the last wait, once all records are read

	filled, committed func() bool // conditions to wait for
}

// NewReader makes a reader of a map of type [ebpf.RingBuf].
func NewReader(ringbufMap *rivet.Map) (*Reader, error) {
	inst := bridge.Instance(ringbufMap)
	if inst == nil {
		return nil, errors.New("the map is nil or closed")
	}
	ring, ok := inst.Map.(*maps.RingBuf)
	if !ok {
		return nil, fmt.Errorf("invalid Map type: %s (must be %s)", ringbufMap.Type(), ebpf.RingBuf)
	}
	return &Reader{
		m: ringbufMap, ring: ring, listen: ring.Bell().Listen(),
		filled:    func() bool { return ring.Available() != 0 },
		committed: func() bool { return !ring.Busy() },
	}, nil
}

// Close ends the reader and interrupts reads in progress, which return [ErrClosed]. What was not
// read stays in the map.
func (r *Reader) Close() error {
	r.listen.Close()
	return nil
}

// SetDeadline controls how long Read and ReadInto wait for records, those in progress too. The
// zero time removes the deadline.
func (r *Reader) SetDeadline(t time.Time) { r.listen.SetDeadline(t) }

// Read waits for the next record and returns it.
//
// [Reader.Close] interrupts it with [ErrClosed]. [Reader.Flush] makes it return all records that are there, and then
// [ErrFlushed]. When a deadline has passed it returns the records that are there, and then [os.ErrDeadlineExceeded].
func (r *Reader) Read() (Record, error) {
	var rec Record
	err := r.ReadInto(&rec)
	return rec, err
}

// ReadInto is [Reader.Read] into rec, whose buffer is used again where it is large enough: then nothing is allocated.
func (r *Reader) ReadInto(rec *Record) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		if r.listen.Closed() {
			return fmt.Errorf("ringbuffer: %w", ErrClosed)
		}
		if !r.have {
			if err := r.wait(); err != nil {
				return err
			}
		}
		var state maps.RingState
		rec.RawSample, rec.Remaining, state = r.ring.Next(rec.RawSample)
		runtime.KeepAlive(r.m)
		switch state {
		case maps.RingRecord:
			return nil
		case maps.RingEmpty:
			r.have = false
		case maps.RingWait:
			if err := r.waitForCommit(); err != nil {
				return err
			}
		}
	}
}

// wait waits until the ring has something. What ends it early counts only after what is there
// then was read: a program may have submitted it with BPF_RB_NO_WAKEUP.
func (r *Reader) wait() error {
	if err := r.pending; err != nil {
		r.pending = nil
		return err
	}
	r.pending = r.listen.Wait(r.filled)
	r.have = true
	return nil
}

// waitForCommit waits for the record at the front, which is reserved and not yet submitted. What ends it
// early counts if the record is still not there at the next look.
func (r *Reader) waitForCommit() error {
	if err := r.pending; err != nil {
		r.pending, r.have = nil, false
		return err
	}
	r.ring.Await()
	defer r.ring.Awaited()
	r.pending = r.listen.Wait(r.committed)
	return nil
}

// BufferSize returns the size of the ring buffer in bytes.
func (r *Reader) BufferSize() int { return r.ring.Size() }

// AvailableBytes returns how many bytes of the ring buffer hold records that were not read, with their headers.
func (r *Reader) AvailableBytes() int { return r.ring.Available() }

// Flush ends the read in progress, or the next one, once it has returned all records that are there: then
// it returns [ErrFlushed].
func (r *Reader) Flush() error { return r.listen.Flush() }
