package cputime

import (
	"testing"
	"time"
)

func TestUsed(t *testing.T) {
	first := Used()
	deadline := time.Now().Add(10 * time.Second)
	for Used() == first {
		if time.Now().After(deadline) {
			t.Fatal("ten seconds of work have used no time")
		}
	}
	if used := Used(); used < first {
		t.Errorf("time runs backward: %v, then %v", first, used)
	}
}
