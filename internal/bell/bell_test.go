package bell

import (
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Whatever is made before the bell rings is seen by whoever waits, however the two meet.
func TestNoRingIsMissed(t *testing.T) {
	var b Bell
	var made atomic.Int64
	const n = 20000
	var wg sync.WaitGroup
	for range 3 {
		l := b.Listen()
		defer l.Close()
		l.SetDeadline(time.Now().Add(time.Minute))
		wg.Go(func() {
			for seen := int64(0); seen < n; {
				if err := l.Wait(func() bool { return made.Load() > seen }); err != nil {
					t.Errorf("after %d of %d: %v", seen, made.Load(), err)
					return
				}
				seen = made.Load()
			}
		})
	}
	for range n {
		made.Add(1)
		b.Ring()
	}
	wg.Wait()
}

func TestWaitEnds(t *testing.T) {
	var b Bell
	l, other := b.Listen(), b.Listen()
	never := func() bool { return false }
	l.SetDeadline(time.Now().Add(-time.Second))
	if err := l.Wait(func() bool { return true }); err != nil {
		t.Errorf("ready, although late: %v", err)
	}
	if err := l.Wait(never); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("late: %v", err)
	}
	l.SetDeadline(time.Time{})
	l.Flush()
	l.Flush()
	if err := l.Wait(func() bool { return true }); !errors.Is(err, ErrFlushed) {
		t.Errorf("flushed: %v", err)
	}
	time.AfterFunc(time.Millisecond, func() { l.SetDeadline(time.Now()) })
	if err := l.Wait(never); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a deadline set meanwhile: %v", err)
	}
	l.SetDeadline(time.Time{})
	time.AfterFunc(time.Millisecond, func() { l.Close() })
	if err := l.Wait(never); !errors.Is(err, os.ErrClosed) {
		t.Errorf("closed meanwhile: %v", err)
	}
	if l.Close() || l.Flush() == nil || !l.Closed() {
		t.Error("closed twice, or flushed when closed")
	}
	b.Ring() // reaches the other alone
	if err := other.Wait(func() bool { return len(*b.listeners.Load()) == 1 }); err != nil {
		t.Error(err)
	}
}

func TestRingAllocatesNothing(t *testing.T) {
	var b Bell
	l := b.Listen()
	defer l.Close()
	l.SetDeadline(time.Now().Add(time.Hour))
	rung := false
	ready := func() bool { return rung }
	if n := testing.AllocsPerRun(100, func() {
		rung = true
		b.Ring()
		if l.Wait(ready) != nil {
			t.Fatal("not ready")
		}
	}); n != 0 {
		t.Errorf("ringing and waiting make %.0f allocations", n)
	}
}
