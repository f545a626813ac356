// Package idle keeps one thing that a run needs ready for the next run, so that
// a goroutine that runs programs alone takes it and gives it back with one atomic
// operation each and no lock. It goes before a list that a lock guards.
package idle

import "sync/atomic"

// Spot is where the number of one idle thing is, or nothing, or a bar that sends
// everyone to the lock: those who take and those who leave. The zero value is empty.
type Spot struct{ word atomic.Uint32 }

const bar = ^uint32(0)

// Take empties the spot and returns what was there; 0 for nothing. It removes a
// bar: who gets 0 looks under the lock and, if the bar must stay, bars again.
func (s *Spot) Take() uint32 {
	if n := s.word.Swap(0); n != bar {
		return n
	}
	return 0
}

// Leave puts thing n there, which is not 0. It is refused where there is a thing or a bar.
func (s *Spot) Leave(n uint32) bool { return s.word.CompareAndSwap(0, n) }

// Bar sends everyone to the lock, which the caller holds, and returns what was
// there; 0 for nothing.
func (s *Spot) Bar() uint32 {
	if n := s.word.Swap(bar); n != bar {
		return n
	}
	return 0
}

// Open takes the bar away, if it is there. The caller holds the lock.
func (s *Spot) Open() { s.word.CompareAndSwap(bar, 0) }
