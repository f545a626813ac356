package trace

import (
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/engine"
)

// Every event is on the picture once, inside it, and time only runs to the right.
func TestLayout(t *testing.T) {
	for name, run := range map[string]*Run{"mixed": mixed(engine.Propagated), "chain": chain()} {
		p := layout(run)
		seen := map[int]int{}
		x := 0.0
		for _, e := range p.Edges {
			if e.Kind != "fault" {
				seen[e.Event]++
			}
			if e.X0 < x-20 || e.X1 > p.Width || e.Y0 > p.Height || e.NoteY > p.Height || e.LabelY < 0 {
				t.Errorf("%s: event %d at (%.0f, %.0f) lies outside", name, e.Event, e.X0, e.Y0)
			}
			x = e.X0
		}
		for i := range run.Events {
			if seen[i] != 1 {
				t.Errorf("%s: event %d is drawn %d times", name, i, seen[i])
			}
		}
		for _, b := range p.Bars {
			if b.X1 < b.X0+40 {
				t.Errorf("%s: the frame of %s is too narrow for its name", name, b.Func)
			}
			for _, s := range b.Segments {
				if s.X1 < s.X0 {
					t.Errorf("%s: a segment of %s ends before it begins", name, b.Func)
				}
			}
		}
	}
}

// A picture of the canonical flow: two frames torn by tail calls, one that
// waits and keeps its count, and a count that dies with its frame.
func TestLayoutMixed(t *testing.T) {
	p := layout(mixed(engine.Propagated))
	var got []string
	for _, b := range p.Bars {
		s := b.Func
		if b.Torn {
			s += " torn"
		}
		for _, g := range b.Segments {
			if g.Keeps != "" {
				s += ", " + g.Keeps
			}
		}
		got = append(got, s)
	}
	want := "main torn; foo, 32 kept in its frame slot; subprog torn; foo2"
	if s := strings.Join(got, "; "); s != want {
		t.Errorf("frames: %s, want %s", s, want)
	}
	for _, e := range p.Edges {
		if e.Kind == "return" && (e.Struck != "31" || e.Label != "32") {
			t.Errorf("return: %s struck out, %s written; want 31 and 32", e.Struck, e.Label)
		}
	}
}

// Events come from engines, which may begin or end anywhere: a recorder's limit
// cuts, a helper ends the run deep down. No order of them may fail to be drawn.
func TestRandomEvents(t *testing.T) {
	mod := &bpf.Module{Programs: []*bpf.Program{{Name: "a", Func: 0}}, Funcs: []*bpf.Func{{Name: "a", HasTailCall: true}, {Name: "b"}}}
	kinds := []engine.EventKind{engine.EventEntry, engine.EventCall, engine.EventTailCall, engine.EventTailCallMissed,
		engine.EventReturn, engine.EventHelper, engine.EventExit}
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		r := NewRecorder(mod)
		r.Homeless = rnd.IntN(2) == 0
		for range rnd.IntN(30) {
			r.Record(&engine.Event{Kind: kinds[rnd.IntN(len(kinds))], Func: rnd.IntN(3) - 1, Target: rnd.IntN(3) - 1, Depth: rnd.IntN(4),
				Count: rnd.IntN(34), Home: []string{"", "a6", "frame", "s10"}[rnd.IntN(4)], Map: rnd.IntN(2) - 1})
		}
		run := &Run{Events: r.Events, Fault: []string{"", "x"}[rnd.IntN(2)]}
		for _, err := range []error{WriteHTML(io.Discard, run), WriteText(io.Discard, run, TextOptions{Width: rnd.IntN(80)}), WriteJSON(io.Discard, run)} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}
