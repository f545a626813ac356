package kerneltest

import "github.com/cilium/ebpf/ringbuf"

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
