//go:build measure

package main

import (
	"fmt"
	"slices"

	"github.com/rivetbpf/rivet"
	"github.com/rivetbpf/rivet/internal/bpf"
)

// overheadResult is what one thing costs that happens around the guest's own code.
type overheadResult struct {
	Engine string  `json:"engine"` // "" for what knows no engine
	What   string  `json:"what"`
	Ns     float64 `json:"ns"`
	Calls  float64 `json:"calls"` // as many empty Go calls through an interface
}

// caller is what the measure of everything is called through.
type caller interface {
	Call(*rivet.RunOptions) (uint32, error)
}

type emptyCallee struct{ ret uint32 }

//go:noinline
func (e *emptyCallee) Call(*rivet.RunOptions) (uint32, error) { return e.ret, nil }

// callees keeps the compiler from knowing which caller it is.
var callees = []caller{&emptyCallee{}, &emptyCallee{1}}

// helperCalls is how many calls of helpers the programs make that measure them.
const helperCalls = 100

// overhead times runs that do nothing, and helper calls, on every engine.
func (b *bench) overhead(batches int) ([]overheadResult, error) {
	call := &timing{name: "empty Go call", run: func(n int) (r uint32, err error) {
		c, opts := callees[0], &rivet.RunOptions{}
		for range n {
			r, err = c.Call(opts)
		}
		return r, err
	}}
	ways := []*timing{call}
	results := []overheadResult{{What: "empty Go call through an interface"}}
	for _, e := range rivet.Engines() {
		if e == rivet.EngineHartUnchecked {
			continue
		}
		more, whats, done, err := b.overheadOf(e)
		defer done()
		if err != nil {
			return nil, err
		}
		ways = append(ways, more...)
		for _, what := range whats {
			results = append(results, overheadResult{Engine: e.String(), What: what})
		}
	}
	if err := interleave(ways, batches); err != nil {
		return nil, err
	}
	for i, w := range ways {
		results[i].Ns = w.median()
	}
	for i := range results {
		if ways[i].of != nil { // what the calls add to the empty program
			results[i].Ns = (results[i].Ns - ways[i].of.median()) / helperCalls
		}
		results[i].Calls = results[i].Ns / call.median()
	}
	return results, nil
}

// overheadOf makes what is measured on one engine, and says what it is.
func (b *bench) overheadOf(e rivet.Engine) (ways []*timing, whats []string, done func(), err error) {
	var closers []func()
	done = func() {
		for _, c := range closers {
			c()
		}
	}
	add := func(p *rivet.Program, what string, opts *rivet.RunOptions, want uint32, of *timing) *timing {
		w := &timing{name: e.String() + ": " + what, want: want, of: of, run: func(n int) (r uint32, err error) {
			for i := 0; i < n && err == nil; i++ {
				r, err = p.Run(opts)
			}
			return r, err
		}}
		ways, whats = append(ways, w), append(whats, what)
		return w
	}
	l, err := b.load(benchProgram{Program: "empty_xdp", Entry: "empty_xdp"}, "rv64gc", e)
	if err != nil {
		return nil, nil, done, err
	}
	closers = append(closers, l.coll.Close)
	add(l.program, "Run of an empty XDP program on a packet of 64 bytes", &rivet.RunOptions{Data: b.packet}, 2, nil)
	opts := rivet.CollectionOptions{Engine: e, Helpers: []rivet.Helper{{ID: userHelper, Name: "empty",
		Func: func(*rivet.HelperCall) (uint64, error) { return 0, nil }}}}
	var nothing *timing
	for _, m := range []struct {
		what   string
		helper int32
		calls  int
	}{
		{"Run of an empty raw program", 0, 0},
		{"call of bpf_get_smp_processor_id", 8, helperCalls},
		{"call of a user's empty helper", userHelper, helperCalls},
	} {
		p, err := rivet.NewRawProgram("measured", slices.Concat(moveZero, slices.Repeat(callOf(m.helper), m.calls), exit), opts)
		if err != nil {
			return nil, nil, done, fmt.Errorf("%v: %w", e, err)
		}
		closers = append(closers, func() { p.Close() })
		w := add(p, m.what, nil, 0, nothing)
		if nothing == nil {
			nothing = w
		}
	}
	return ways, whats, done, nil
}

// userHelper is the number of a helper that Linux does not have.
const userHelper = 500

var (
	moveZero = []byte{bpf.OpMovK, 0, 0, 0, 0, 0, 0, 0}
	exit     = []byte{bpf.OpExit, 0, 0, 0, 0, 0, 0, 0}
)

func callOf(helper int32) []byte {
	return []byte{bpf.OpCall, 0, 0, 0, byte(helper), byte(helper >> 8), 0, 0}
}

func (b *bench) writeOverhead(r *nativeReport) error {
	t := table{head: []string{r.Host, "ns", "empty Go calls"}}
	for _, o := range r.Overhead {
		what := o.What
		if o.Engine != "" {
			what = o.Engine + ": " + what
		}
		t.add(what, fmt.Sprintf("%.1f", o.Ns), fmt.Sprintf("%.1f", o.Calls))
	}
	return t.write(b.app.out)
}

func (w *timing) median() float64 {
	times := slices.Clone(w.times)
	slices.Sort(times)
	return times[len(times)/2]
}
