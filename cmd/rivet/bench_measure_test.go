//go:build measure

package main

import (
	"io"
	"testing"
)

// TestBenchGoals: code without checks retires no more than Linux's on any
// program, and at most nine tenths in the geometric mean.
func TestBenchGoals(t *testing.T) {
	b := &bench{app: &app{out: io.Discard, err: io.Discard}, dir: "../../bench", tailCalls: "shared"}
	if err := b.read(); err != nil {
		t.Fatal(err)
	}
	for _, march := range benchMarches {
		rows, err := b.rows(march)
		if err != nil {
			t.Fatal(err)
		}
		if len(rows) != 15 {
			t.Errorf("%s: %d programs, want 15", march, len(rows))
		}
		var mean means
		for _, r := range rows {
			if r.unchecked.Retired > r.linux.Retired {
				t.Errorf("%s, %s: %d instructions retired, Linux %d", march, r.program, r.unchecked.Retired, r.linux.Retired)
			}
			if !empty(r.program) {
				mean.add([]float64{ratio(r.unchecked.Retired, r.linux.Retired)})
			}
		}
		if g := mean.geometric()[0]; g > 0.9 {
			t.Errorf("%s: %.3f of Linux in the mean, want at most 0.9", march, g)
		}
	}
}
