package rivet

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/rivetbpf/rivet/internal/arena"
	"github.com/rivetbpf/rivet/internal/bpf"
)

// testPool returns a pool of n slots. closes counts how often it let go of the engine.
func testPool(t *testing.T, n int, closes *atomic.Int32) *pool {
	t.Helper()
	g := measure(&bpf.Module{}, 1)
	ar, err := arena.New(uint64(n) * g.slotMemory())
	if err != nil {
		t.Fatal(err)
	}
	p := &pool{arena: ar, geometry: g, slots: make([]*slot, n), close: func() { closes.Add(1) }}
	p.wake.L = &p.mu
	return p
}

func get(p *pool) (*slot, error) {
	if s := p.ready(); s != nil {
		return s, nil
	}
	return p.await(context.Background())
}

// Every slot has one holder at a time, nobody waits for ever, and the engine is
// let go of once, after the last put, however gets, puts and shut meet.
func TestPoolShutWhileOthersGetAndPut(t *testing.T) {
	rounds := 100
	if testing.Short() {
		rounds = 30
	}
	for round := range rounds {
		var closes atomic.Int32
		p := testPool(t, 1+round%3, &closes)
		var held [3]atomic.Bool
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() {
				for {
					s, err := get(p)
					if err != nil {
						if !errors.Is(err, errClosed) {
							t.Error(err)
						}
						return
					}
					if closes.Load() != 0 || held[s.number-1].Swap(true) {
						t.Error("a slot in use, or one of a pool that was closed")
					}
					if round%2 == 0 {
						runtime.Gosched()
					}
					held[s.number-1].Store(false)
					p.put(s)
				}
			})
		}
		for range round % 50 {
			runtime.Gosched()
		}
		p.shut()
		p.shut()
		all.Wait()
		if n := closes.Load(); n != 1 {
			t.Fatalf("round %d: closed %d times", round, n)
		}
	}
}

// A goroutine that waits gets the slot that another one gives back.
func TestPoolWakesWhoWaits(t *testing.T) {
	var closes atomic.Int32
	p := testPool(t, 1, &closes)
	for range 100 {
		s, err := get(p)
		if err != nil {
			t.Fatal(err)
		}
		got := make(chan struct{})
		go func() {
			s, err := get(p)
			if err != nil {
				t.Error(err)
			}
			p.put(s)
			close(got)
		}()
		for waiting := false; !waiting; runtime.Gosched() {
			p.mu.Lock()
			waiting = p.waiting == 1
			p.mu.Unlock()
		}
		p.put(s)
		<-got
	}
}

// Alone, a goroutine never takes the lock.
func TestPoolParks(t *testing.T) {
	var closes atomic.Int32
	p := testPool(t, 2, &closes)
	s, err := get(p)
	if err != nil {
		t.Fatal(err)
	}
	p.put(s)
	p.mu.Lock()
	defer p.mu.Unlock()
	for range 3 {
		again, err := get(p)
		if err != nil || again != s {
			t.Fatalf("got %p, %v; want %p", again, err, s)
		}
		p.put(again)
	}
}

// What a run leaves in the stack, the next one does not see.
func TestStackOfARunBeginsZeroed(t *testing.T) {
	var closes atomic.Int32
	p := testPool(t, 1, &closes)
	s, err := get(p)
	if err != nil {
		t.Fatal(err)
	}
	s.stack[len(s.stack)-1] = 1
	s.clean(&geometry{clean: 8})
	if s.stack[len(s.stack)-1] != 0 {
		t.Error("the stack is not zeroed")
	}
}
