package kerneltest

import (
	"fmt"
	"runtime"

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

// Pin lets programs run on processor 0 in the kernel, as they do in rivet where nobody says otherwise, until
// the script calls what it returns.
func (s *Session) Pin() (undo func()) {
	if !s.Kernel {
		return func() {}
	}
	runtime.LockOSThread()
	var before, zero unix.CPUSet
	zero.Set(0)
	err := unix.SchedGetaffinity(0, &before)
	if err == nil {
		err = unix.SchedSetaffinity(0, &zero)
	}
	if err != nil {
		panic(fmt.Sprintf("run on processor 0: %v", err))
	}
	return func() {
		if err := unix.SchedSetaffinity(0, &before); err != nil {
			panic(fmt.Sprintf("run on all processors: %v", err))
		}
		runtime.UnlockOSThread()
	}
}
