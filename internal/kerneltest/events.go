package kerneltest

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/rivetbpf/rivet/perf"
	"github.com/rivetbpf/rivet/ringbuf"
)

// Event is what a reader of a ring buffer or a perf event array returns.
type Event struct {
	Sample    []byte
	Remaining int
	CPU       int    // of perf event arrays, as Lost
	Lost      uint64 // samples that found no room; then Sample is empty
}

// Events is a reader on either side.
type Events interface {
	Next() (Event, error)
	SetDeadline(time.Time)
	Flush() error
	BufferSize() int
	Close() error
}

// RingEvents is what readers of ring buffers have, beside that.
type RingEvents interface {
	Events
	AvailableBytes() int
}

// RingReader makes a reader of a ring buffer. The script closes it.
func (s *Session) RingReader(m string) RingEvents {
	r, err := s.ringReader(m)
	if err != nil {
		panic(fmt.Sprintf("reader of %s: %v", m, err))
	}
	return r
}

// Drain logs all records that are there.
func (s *Session) Drain(r Events) {
	for _, e := range s.drain(r) {
		s.Logf("record of %d: %x, %d bytes left", len(e.Sample), e.Sample, e.Remaining)
	}
}

// drain takes all records that are there, and logs how it ended.
func (s *Session) drain(r Events) (all []Event) {
	r.SetDeadline(time.Now().Add(-time.Second))
	defer r.SetDeadline(time.Time{})
	for {
		e, err := r.Next()
		if err != nil {
			s.Logf("%d records: %s", len(all), eventError(err))
			return all
		}
		all = append(all, e)
	}
}

// eventError names what a reader's error is, as both sides have it.
func eventError(err error) string {
	for _, is := range []error{os.ErrDeadlineExceeded, os.ErrClosed} {
		if errors.Is(err, is) {
			return is.Error()
		}
	}
	return err.Error()
}

// RingWriter makes records for programs to drain.
type RingWriter interface {
	// Reserve returns memory for a record, and what submits or discards it.
	Reserve(size int) (data []byte, commit func(discard bool), err error)
	AvailableBytes() int
	Close() error
}

// RingWriter makes a writer of a user ring buffer. The script closes it.
func (s *Session) RingWriter(m string) RingWriter {
	w, err := s.ringWriter(m)
	if err != nil {
		panic(fmt.Sprintf("writer of %s: %v", m, err))
	}
	return w
}

type ringWriter struct{ *ringbuf.Writer }

// Reserve is part of [RingWriter].
func (w ringWriter) Reserve(size int) (data []byte, commit func(bool), err error) {
	s, err := w.Writer.Reserve(size)
	if err != nil {
		return nil, nil, err
	}
	return s.Data(), func(discard bool) {
		if discard {
			s.Discard()
		} else {
			s.Submit()
		}
	}, nil
}

func (w rivetWorld) ringWriter(m string) (RingWriter, error) {
	wr, err := ringbuf.NewWriter(w.Maps[m])
	return ringWriter{wr}, err
}

// PerfOptions are those of a reader of a perf event array.
type PerfOptions struct {
	WakeupEvents, Watermark int
	Overwritable            bool
}

// PerfEvents is what readers of perf event arrays have, beside that.
type PerfEvents interface {
	Events
	Pause() error
	Resume() error
}

// PerfReader makes a reader of a perf event array. The script closes it.
func (s *Session) PerfReader(m string, size int, opts PerfOptions) PerfEvents {
	r, err := s.perfReader(m, size, opts)
	if err != nil {
		panic(fmt.Sprintf("reader of %s: %v", m, err))
	}
	return r
}

type perfEvents struct{ *perf.Reader }

// Next is part of [Events].
func (r perfEvents) Next() (Event, error) {
	rec, err := r.Read()
	return Event{Sample: rec.RawSample, Remaining: rec.Remaining, CPU: rec.CPU, Lost: rec.LostSamples}, err
}

func (w rivetWorld) perfReader(m string, size int, opts PerfOptions) (PerfEvents, error) {
	r, err := perf.NewReaderWithOptions(w.Maps[m], size, perf.ReaderOptions(opts))
	return perfEvents{r}, err
}

type ringEvents struct{ *ringbuf.Reader }

// Next is part of [Events].
func (r ringEvents) Next() (Event, error) {
	rec, err := r.Read()
	return Event{Sample: rec.RawSample, Remaining: rec.Remaining}, err
}

func (w rivetWorld) ringReader(m string) (RingEvents, error) {
	r, err := ringbuf.NewReader(w.Maps[m])
	return ringEvents{r}, err
}
