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

// Bound returns how many backward jumps and tail calls the run may execute.
func (r *Request) Bound() int64 {
	switch {
	case r.Fuel > 0:
		return r.Fuel
	case r.Fuel < 0:
		return 0
	}
	return math.MaxInt64
}

// Start returns the first slice: how many backward jumps may be executed before Next is asked.
func (f *Fuel) Start(req *Request) int64 {
	*f = Fuel{left: req.Bound(), slice: firstSlice, stop: req.Stop}
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
	if f.Stopped() {
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

// Unused returns all that is left when slice is what is left of the slice.
func (f *Fuel) Unused(slice int64) int64 { return max(f.left+slice, 0) }

// Stopped reports whether the run has been asked to end.
func (f *Fuel) Stopped() bool { return f.stop != nil && f.stop.Load() }

// Lend says in req, before a helper is called, how much is left.
func (f *Fuel) Lend(req *Request, slice int64) { req.Left = f.left + slice }

// Reclaim returns what is left of the slice after the helper, which may have
// started runs that are paid from req.Left.
func (f *Fuel) Reclaim(req *Request, slice int64) int64 {
	if req.Left == f.left+slice {
		return slice
	}
	f.left = req.Left
	return f.take()
}
