package idle

import (
	"sync"
	"sync/atomic"
	"testing"
)

func TestSpot(t *testing.T) {
	var s Spot
	if n := s.Take(); n != 0 {
		t.Fatalf("took %d from an empty spot", n)
	}
	if !s.Leave(7) || s.Leave(8) {
		t.Fatal("a spot has room for exactly one")
	}
	if n := s.Bar(); n != 7 {
		t.Fatalf("the bar found %d, want 7", n)
	}
	if s.Leave(7) || s.Bar() != 0 {
		t.Fatal("a thing got past the bar")
	}
	s.Open()
	if !s.Leave(7) || s.Take() != 7 || s.Take() != 0 {
		t.Fatal("what was left is not what is taken")
	}
	s.Open()
	if !s.Leave(1) {
		t.Fatal("opening what is open did something")
	}
	s.Take()
	s.Bar()
	if s.Take() != 0 || !s.Leave(2) {
		t.Fatal("taking does not remove the bar")
	}
}

// One thing, many goroutines: no two have it at once, and it does not get lost.
func TestSpotHasOneHolder(t *testing.T) {
	var s Spot
	s.Leave(1)
	var held atomic.Bool
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 20_000 {
				if s.Take() == 0 {
					continue
				}
				if held.Swap(true) {
					t.Error("two have it")
				}
				held.Store(false)
				if !s.Leave(1) {
					t.Error("what was taken cannot be left")
				}
			}
		})
	}
	all.Wait()
	if s.Take() != 1 {
		t.Error("lost")
	}
}
