package ringbuf

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet"
	"github.com/rivetbpf/rivet/internal/bell"
	"github.com/rivetbpf/rivet/internal/bridge"
	"github.com/rivetbpf/rivet/internal/maps"
)

// ErrFull is returned where a record finds no room. It wraps syscall.ENOSPC.
var ErrFull = fmt.Errorf("user ring buffer is full: %w", syscall.ENOSPC)

// Writer makes records for programs to drain (bpf_user_ringbuf_drain), in maps of type [ebpf.UserRingbuf]. cilium/ebpf
// has nothing like it; the operations are those of libbpf's struct user_ring_buffer. Its methods are safe for concurrent
// use, and a map may have several writers.
type Writer struct {
	m      *rivet.Map // keeps the ring's memory
	ring   *maps.UserRing
	listen *bell.Listener
	mu     sync.Mutex // of those who wait
}

// NewWriter makes a writer.
func NewWriter(userRingbuf *rivet.Map) (*Writer, error) {
	inst := bridge.Instance(userRingbuf)
	if inst == nil {
		return nil, errors.New("the map is nil or closed")
	}
	ring, ok := inst.Map.(*maps.UserRing)
	if !ok {
		return nil, fmt.Errorf("invalid Map type: %s (must be %s)", userRingbuf.Type(), ebpf.UserRingbuf)
	}
	return &Writer{m: userRingbuf, ring: ring, listen: ring.Bell().Listen()}, nil
}

// Close ends the writer and interrupts [Writer.ReserveBlocking], which returns [ErrClosed]. Records that were
// submitted stay in the map.
func (w *Writer) Close() error {
	w.listen.Close()
	return nil
}

// Sample is a record that is being written. Records are drained in the order in which they were reserved, so that one
// that is neither submitted nor discarded holds up those behind it.
type Sample struct {
	w    *Writer
	pos  uint64
	data []byte
	done bool
}

// Data returns the record's bytes, to be written. They are the program's memory, and hold what was there
// before; they must not be used after Submit or Discard.
func (s *Sample) Data() []byte { return s.data }

// Submit lets programs see the record.
func (s *Sample) Submit() { s.commit(false) }

// Discard takes the record back: programs do not see it. After Submit or Discard it does nothing.
func (s *Sample) Discard() { s.commit(true) }

func (s *Sample) commit(discard bool) {
	if !s.done {
		s.done, s.data = true, nil
		s.w.ring.Commit(s.pos, discard)
		runtime.KeepAlive(s.w.m)
	}
}

// Reserve sets aside a record of size bytes.
//
// Returns [ErrFull] if there is no room until a program drains, and [syscall.E2BIG] if the map
// could not hold it at all.
func (w *Writer) Reserve(size int) (*Sample, error) {
	pos, b, err := w.reserve(size)
	if err != nil {
		return nil, err
	}
	return &Sample{w: w, pos: pos, data: b}, nil
}

func (w *Writer) reserve(size int) (uint64, []byte, error) {
	if w.listen.Closed() {
		return 0, nil, fmt.Errorf("user ring buffer: %w", ErrClosed)
	}
	pos, b, err := w.ring.Reserve(size)
	switch err {
	case maps.E2BIG:
		return 0, nil, fmt.Errorf("record of %d bytes in a user ring buffer of %d: %w", size, w.ring.Size(), syscall.E2BIG)
	case maps.ENOSPC:
		return 0, nil, ErrFull
	}
	return pos, b, nil
}

// ReserveBlocking is [Writer.Reserve], but waits for a program to make room. It ends with [ErrClosed], or with
// [os.ErrDeadlineExceeded] when the deadline has passed. A program that drains with BPF_RB_NO_WAKEUP does not wake it.
func (w *Writer) ReserveBlocking(size int) (*Sample, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		s, err := w.Reserve(size)
		if err != ErrFull {
			return s, err
		}
		if err := w.listen.Wait(func() bool { return w.ring.Fits(size) }); err != nil {
			return nil, fmt.Errorf("user ring buffer: %w", err)
		}
	}
}

// SetDeadline controls how long ReserveBlocking waits, a call in progress too. The zero time removes the deadline.
func (w *Writer) SetDeadline(t time.Time) { w.listen.SetDeadline(t) }

// Write makes a record of b. It is [Writer.Reserve], a copy and [Sample.Submit], and allocates nothing.
func (w *Writer) Write(b []byte) (int, error) {
	pos, mem, err := w.reserve(len(b))
	if err != nil {
		return 0, err
	}
	n := copy(mem, b)
	w.ring.Commit(pos, false)
	runtime.KeepAlive(w.m)
	return n, nil
}

// BufferSize returns the size of the ring buffer in bytes.
func (w *Writer) BufferSize() int { return w.ring.Size() }

// AvailableBytes returns how many bytes of the ring buffer are free. A record takes 8 more than its own, and a multiple of 8.
func (w *Writer) AvailableBytes() int { return w.ring.Room() }
