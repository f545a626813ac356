package rivet_test

import (
	"errors"
	"testing"

	"github.com/rivetbpf/rivet"
)

// Every executed line is counted, also in subprograms, behind tail calls and in loops; others are there with 0.
func TestCoverage(t *testing.T) {
	coll := load(t, spec(t, "basic"), rivet.CollectionOptions{Coverage: true})
	if coll.Engine() != rivet.EngineInterp {
		t.Errorf("engine %v counts", coll.Engine())
	}
	if err := coll.Maps["jump"].Put(uint32(0), coll.Programs["other"]); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := coll.Programs["entry"].Run(&rivet.RunOptions{Data: []byte{0}}); err != nil {
			t.Fatal(err)
		}
	}
	byFunction := map[string]uint64{}
	var last rivet.LineCount
	for _, c := range coll.Coverage() {
		byFunction[c.Function] = max(byFunction[c.Function], c.Count)
		if c.File < last.File || c.File == last.File && c.Line < last.Line {
			t.Errorf("line %d of %s comes after %d of %s", c.Line, c.File, last.Line, last.File)
		}
		if c.Text == "" {
			t.Errorf("line %d of %s has no text", c.Line, c.File)
		}
		last = c
	}
	for name, want := range map[string]uint64{"entry": 3, "leap": 3, "other": 3, "wild": 0} {
		if got, ok := byFunction[name]; !ok || got != want {
			t.Errorf("%s: executed %d times, want %d", name, got, want)
		}
	}
}

func TestCoverageIsTheInterpreters(t *testing.T) {
	_, err := rivet.NewCollectionWithOptions(spec(t, "basic"), rivet.CollectionOptions{Coverage: true, Engine: rivet.EngineHart})
	if !errors.Is(err, rivet.ErrNotSupported) {
		t.Errorf("error %v", err)
	}
	if c := load(t, spec(t, "basic"), rivet.CollectionOptions{}).Coverage(); c != nil {
		t.Errorf("counts without being asked: %v", c)
	}
}
