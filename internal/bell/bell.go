// Package bell lets readers of events sleep until there are some: whoever makes
// an event rings, and neither side polls.
package bell

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Bell wakes all who listen. The zero value is ready to use; Ring neither blocks nor allocates.
type Bell struct {
	mu        sync.Mutex
	listeners atomic.Pointer[[]*Listener]
}

// Ring wakes all listeners, those too that are just about to sleep.
func (b *Bell) Ring() {
	if all := b.listeners.Load(); all != nil {
		for _, l := range *all {
			l.wake()
		}
	}
}

// Listen adds a listener, until its Close.
func (b *Bell) Listen() *Listener {
	l := &Listener{bell: b, woken: make(chan struct{}, 1), timer: time.NewTimer(time.Hour)}
	l.timer.Stop()
	b.change(func(all []*Listener) []*Listener { return append(all, l) })
	return l
}

func (b *Bell) change(f func([]*Listener) []*Listener) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []*Listener
	if old := b.listeners.Load(); old != nil {
		all = slices.Clone(*old)
	}
	all = f(all)
	b.listeners.Store(&all)
}

// ErrFlushed ends a Wait after Flush.
var ErrFlushed = errors.New("data was flushed")

var (
	errClosed   = fmt.Errorf("wait: %w", os.ErrClosed)
	errDeadline = fmt.Errorf("wait: %w", os.ErrDeadlineExceeded)
)

// Listener is one who waits for a bell. Only Wait is not for several goroutines at once.
type Listener struct {
	bell    *Bell
	woken   chan struct{} // holds at most one
	flushed atomic.Bool
	closed  atomic.Bool
	timer   *time.Timer

	mu       sync.Mutex
	deadline time.Time
}

func (l *Listener) wake() {
	select {
	case l.woken <- struct{}{}:
	default:
	}
}

// Wait sleeps until ready, which it asks first and after each ring. It ends with an error that is
// os.ErrClosed, [ErrFlushed] or os.ErrDeadlineExceeded.
func (l *Listener) Wait(ready func() bool) error {
	select {
	case <-l.woken: // what it was for is seen below
	default:
	}
	for {
		switch {
		case l.closed.Load():
			return errClosed
		case l.flushed.Swap(false):
			return ErrFlushed
		case ready():
			return nil
		}
		if !l.sleep() {
			return errDeadline
		}
	}
}

// sleep sleeps until somebody wakes; false when the deadline comes first.
func (l *Listener) sleep() bool {
	l.mu.Lock()
	deadline := l.deadline
	l.mu.Unlock()
	var late <-chan time.Time
	if !deadline.IsZero() {
		left := time.Until(deadline)
		if left <= 0 {
			return false
		}
		l.timer.Reset(left)
		defer l.timer.Stop()
		late = l.timer.C
	}
	select {
	case <-l.woken:
		return true
	case <-late:
		return false
	}
}

// SetDeadline says how long Wait may take, one in progress too; the zero time: without end.
func (l *Listener) SetDeadline(t time.Time) {
	l.mu.Lock()
	l.deadline = t
	l.mu.Unlock()
	l.wake()
}

// Flush ends the Wait in progress, or the next one.
func (l *Listener) Flush() error {
	if l.closed.Load() {
		return errClosed
	}
	l.flushed.Store(true)
	l.wake()
	return nil
}

// Closed reports whether Close was called.
func (l *Listener) Closed() bool { return l.closed.Load() }

// Close ends the Wait in progress and all later ones. It reports whether it was the first.
func (l *Listener) Close() bool {
	if l.closed.Swap(true) {
		return false
	}
	l.bell.change(func(all []*Listener) []*Listener {
		return slices.DeleteFunc(all, func(o *Listener) bool { return o == l })
	})
	l.wake()
	return true
}
