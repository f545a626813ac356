package kerneltest

import (
	"errors"
	"os"
	"sync/atomic"
	"unsafe"

	"github.com/cilium/ebpf/perf"
	"github.com/cilium/ebpf/ringbuf"
	"golang.org/x/sys/unix"
)

type kernelRingEvents struct{ *ringbuf.Reader }

// Next is part of [Events].
func (r kernelRingEvents) Next() (Event, error) {
	rec, err := r.Read()
	return Event{Sample: rec.RawSample, Remaining: rec.Remaining}, err
}

func (w kernelWorld) ringReader(m string) (RingEvents, error) {
	r, err := ringbuf.NewReader(w.Maps[m])
	return kernelRingEvents{r}, err
}

// kernelRingWriter is libbpf's struct user_ring_buffer.
type kernelRingWriter struct {
	cons, prod []byte // mapped: the consumer's page; the producer's, and the data twice
	size       uint64
}

func (w kernelWorld) ringWriter(name string) (RingWriter, error) {
	m, page := w.Maps[name], os.Getpagesize()
	r := &kernelRingWriter{size: uint64(m.MaxEntries())}
	var err error
	if r.cons, err = unix.Mmap(m.FD(), 0, page, unix.PROT_READ, unix.MAP_SHARED); err == nil {
		r.prod, err = unix.Mmap(m.FD(), int64(page), page+2*int(r.size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	}
	return r, err
}

func (w *kernelRingWriter) pos(page []byte) *uint64 { return (*uint64)(unsafe.Pointer(&page[0])) }

// AvailableBytes is part of [RingWriter].
func (w *kernelRingWriter) AvailableBytes() int {
	return int(w.size - (atomic.LoadUint64(w.pos(w.prod)) - atomic.LoadUint64(w.pos(w.cons))))
}

// Reserve is part of [RingWriter].
func (w *kernelRingWriter) Reserve(size int) (data []byte, commit func(bool), err error) {
	total := (size + unix.BPF_RINGBUF_HDR_SZ + 7) &^ 7
	switch {
	case total > int(w.size):
		return nil, nil, unix.E2BIG
	case total > w.AvailableBytes():
		return nil, nil, unix.ENOSPC
	}
	at := atomic.LoadUint64(w.pos(w.prod))
	record := w.prod[os.Getpagesize()+int(at%w.size):]
	header := (*uint32)(unsafe.Pointer(&record[0]))
	atomic.StoreUint32(header, uint32(size)|unix.BPF_RINGBUF_BUSY_BIT)
	atomic.StoreUint64(w.pos(w.prod), at+uint64(total))
	return record[unix.BPF_RINGBUF_HDR_SZ:][:size], func(discard bool) {
		n := uint32(size)
		if discard {
			n |= unix.BPF_RINGBUF_DISCARD_BIT
		}
		atomic.StoreUint32(header, n)
	}, nil
}

// Close is part of [RingWriter].
func (w *kernelRingWriter) Close() error {
	return errors.Join(unix.Munmap(w.cons), unix.Munmap(w.prod))
}

type kernelPerfEvents struct{ *perf.Reader }

// Next is part of [Events].
func (r kernelPerfEvents) Next() (Event, error) {
	rec, err := r.Read()
	return Event{Sample: rec.RawSample, Remaining: rec.Remaining, CPU: rec.CPU, Lost: rec.LostSamples}, err
}

func (w kernelWorld) perfReader(m string, size int, opts PerfOptions) (PerfEvents, error) {
	r, err := perf.NewReaderWithOptions(w.Maps[m], size, perf.ReaderOptions(opts))
	return kernelPerfEvents{r}, err
}
