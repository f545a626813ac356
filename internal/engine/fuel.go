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
//
// A run that is done with its first slice, as nearly all are, pays for no more than that: what
// follows from Request.Work is kept for the next run, and what Next changes is put back only then.
type Fuel struct {
	left  int64 // not given out
	slice int64
	most  int64 // that a slice may be
	work  int64 // Request.Work that slice and most are for
	stop  *atomic.Bool

	fresh bool      // what anew set is as it was
	since time.Time // the clock was last looked at; zero: not yet
	given int       // slices since then
	again int       // after more than so many it is looked at again
}

// The size of a slice follows the time that slices take, since nobody knows how
// much work lies between two backward jumps. What is known is how much it is at
// most: a slice that was measured where little lay between them must not take for
// ever where much does.
const (
	firstSlice = 1 << 12
	maxSlice   = 1 << 24
	sliceWork  = 1 << 22 // instructions
	shortSlice = 500 * time.Microsecond
	longSlice  = 2 * time.Millisecond
	maxGiven   = 64
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

// For makes f ready for a run with such a Request.Work. Start follows: each is small enough to be part of its caller.
func (f *Fuel) For(work int64) {
	if !f.fresh || f.work != work {
		f.anew(work)
	}
}

// Start returns the first slice: how many backward jumps may be executed before Next is asked.
func (f *Fuel) Start(req *Request) int64 {
	f.left, f.stop = req.Bound(), req.Stop
	return f.take()
}

// anew forgets the run before and finds out how large slices may be.
func (f *Fuel) anew(work int64) {
	*f = Fuel{slice: firstSlice, most: maxSlice, work: work, fresh: true}
	if work > 0 {
		f.most = min(max(sliceWork/work, 1), maxSlice)
		f.slice = min(firstSlice, f.most)
	}
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
	f.fresh = false
	if f.given++; f.given > f.again {
		f.measure()
	}
	return f.take() - 1, 0, true
}

// measure adjusts the size of slices to the time that the last ones took, and lets others run.
func (f *Fuel) measure() {
	now := time.Now()
	if !f.since.IsZero() {
		runtime.Gosched()
		switch d := now.Sub(f.since) / time.Duration(f.given); {
		case d > longSlice:
			f.slice, f.again = max(f.slice/4, 1), 0
		case d < shortSlice && f.slice < f.most:
			f.slice = min(2*f.slice, f.most)
		case d < shortSlice:
			f.again = min(2*f.given, maxGiven) // short they remain: look at the clock less often
		}
	}
	f.since, f.given = now, 0
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
