package rcu

import (
	"sync"
	"sync/atomic"
	"testing"
)

func TestGrace(t *testing.T) {
	var d Domain
	early, late := d.NewReader(), d.NewReader()
	early.Enter(&d)
	grace := d.Retire()
	late.Enter(&d)
	if d.Passed() >= grace {
		t.Error("passed while somebody read")
	}
	early.Exit()
	if d.Passed() < grace {
		t.Error("not passed, though who reads began after it")
	}
	r := d.Enter()
	grace = d.Retire()
	late.Exit()
	if d.Passed() >= grace {
		t.Error("passed while a borrowed reader read")
	}
	d.Exit(r)
	if d.Passed() < grace || d.Enter() != r {
		t.Error("the borrowed reader was not given back")
	}
}

// Whoever finds a value linked finds it untouched for as long as he reads.
func TestReadersSeeNothingFreed(t *testing.T) {
	type node struct{ dead atomic.Bool }
	var d Domain
	var head atomic.Pointer[node]
	head.Store(new(node))
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			r := d.NewReader()
			for {
				select {
				case <-done:
					return
				default:
				}
				r.Enter(&d)
				n := head.Load()
				for range 50 {
					if n.dead.Load() {
						t.Error("a reader holds what was freed")
						r.Exit()
						return
					}
				}
				r.Exit()
			}
		})
	}
	type retired struct {
		n     *node
		grace uint64
	}
	var waiting []retired
	freed := 0
	for range 20000 {
		old := head.Swap(new(node))
		waiting = append(waiting, retired{old, d.Retire()})
		for passed := d.Passed(); len(waiting) > 0 && waiting[0].grace <= passed; waiting = waiting[1:] {
			waiting[0].n.dead.Store(true)
			freed++
		}
	}
	close(done)
	wg.Wait()
	if freed == 0 {
		t.Error("nothing was ever freed")
	}
}
