package engine

import (
	"math"
	"runtime"
	"sync/atomic"
	"time"
)

// Fuel gives a run its fuel in slices, so that compiled code, which looks at
// nothing but a register that counts down, comes back often enough to be
// stopped and to let the garbage collector have its way.
type Fuel struct {
	left  int64 // not given out
	slice int64
	since time.Time
	stop  *atomic.Bool
}

// The size of a slice follows the time that slices take, since nobody knows how
// much work lies between two backward jumps.
const (
	firstSlice = 1 << 12
	maxSlice   = 1 << 24
	shortSlice = 500 * time.Microsecond
	longSlice  = 2 * time.Millisecond
)

// Start returns the first slice: how many backward jumps may be executed before Next is asked.
func (f *Fuel) Start(req *Request) int64 {
	*f = Fuel{left: math.MaxInt64, slice: firstSlice, stop: req.Stop}
	if req.Fuel > 0 {
		f.left = req.Fuel
	}
	return f.take()
}

func (f *Fuel) take() int64 {
	n := min(f.left, f.slice)
	f.left -= n
	return n
}

// Next returns another slice when one is used up and a jump asks for more: that
// jump is paid for already. Otherwise it says why the run must end.
func (f *Fuel) Next() (n int64, why FaultKind, ok bool) {
	if f.stop != nil && f.stop.Load() {
		return 0, FaultStopped, false
	}
	if f.left == 0 {
		return 0, FaultFuel, false
	}
	now := time.Now()
	if d := now.Sub(f.since); !f.since.IsZero() {
		switch {
		case d < shortSlice:
			f.slice = min(2*f.slice, maxSlice)
		case d > longSlice:
			f.slice = max(f.slice/4, 1)
		}
		runtime.Gosched()
	}
	f.since = now
	return f.take() - 1, 0, true
}

// Left returns the fuel that has not been given out.
func (f *Fuel) Left() int64 { return f.left }
