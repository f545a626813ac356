package difftest

import (
	"bytes"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/rivetbpf/rivet/internal/arena"
	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/engine"
	"github.com/rivetbpf/rivet/internal/engines"
	"github.com/rivetbpf/rivet/internal/hartrun"
	"github.com/rivetbpf/rivet/internal/progen"
)

// Engine makes engines of one kind and setting.
type Engine struct {
	Name     string
	Untraced bool // it cannot be traced
	New      func(w *World, scheme engine.Scheme) (engines.Engine, error)
}

// Engines are all engines in every setting that matters; the first is the reference.
var Engines = list()

func list() []Engine {
	var l []Engine
	for _, k := range engines.All() {
		marches := k.Marches
		if marches == nil {
			marches = []string{""}
		}
		for _, march := range marches {
			l = append(l, Engine{strings.TrimSpace(k.Name + " " + march), k.Untraced, func(w *World, s engine.Scheme) (engines.Engine, error) {
				return k.New(w.Module, w.Arena, w.Tables, engines.Config{Scheme: s, March: march, Verify: true})
			}})
		}
	}
	// Told how many arguments helpers take, the compiler keeps fewer registers alive.
	l = append(l, Engine{"hart with helpers' arguments", false, func(w *World, s engine.Scheme) (engines.Engine, error) {
		return hartrun.New(w.Module, w.Arena, w.Tables, hartrun.Options{Scheme: s, HelperArgs: progen.HelperArgs})
	}})
	return append(l, Engine{"hart with lookups in place", false, func(w *World, s engine.Scheme) (engines.Engine, error) {
		return hartrun.New(w.Module, w.Arena, w.Tables, hartrun.Options{Scheme: s, HelperArgs: progen.HelperArgs, Verify: true,
			InlineLookup: true, Quiet: func(id int32) bool { return id == 1 || id == 2 }})
	}})
}

// Outcome is all that can be seen of a run.
type Outcome struct {
	Engine string
	R0     uint64
	Fault  *engine.Fault // nil when the run ended by itself
	Calls  []uint64
	Events []engine.Event // when traced

	retired uint64
	memory  [2][]byte // of the arena: below the data stack, and above it
}

// Run runs program 0 of p on one engine, in an arena whose contents are lost.
func Run(p *progen.Program, mod *bpf.Module, ar *arena.Arena, e *Engine, scheme engine.Scheme, traced bool) (*Outcome, error) {
	w, err := NewWorld(p, mod, ar)
	if err != nil {
		return nil, err
	}
	r, err := e.New(w, scheme)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.Name, err)
	}
	for _, s := range p.Slots {
		slots, _ := w.Tables.Of(s.Map)
		slots[s.Index] = r.TailTarget(s.Program)
	}
	out := &Outcome{Engine: e.Name}
	req := &engine.Request{Func: mod.Programs[0].Func, Args: [5]uint64{w.mem, uint64(len(p.Mem))},
		StackTop: w.stack + progen.StackSize, Fuel: p.Fuel, Gate: w, CPU: progen.CPU}
	if traced {
		req.Trace = func(ev *engine.Event) { out.Events = append(out.Events, *ev) }
	}
	res, err := r.Run(req)
	if err != nil && !errors.As(err, &out.Fault) {
		return nil, fmt.Errorf("%s: a run ended with an error that is no fault: %w", e.Name, err)
	}
	if err == nil {
		out.R0 = res.R0
	}
	out.retired, out.Calls = res.Retired, w.calls
	from := w.stack - w.Arena.Base()
	out.memory = [2][]byte{bytes.Clone(w.Arena.Mem()[:from]), bytes.Clone(w.Arena.Mem()[from+progen.StackSize:])}
	return out, nil
}

// Mismatch says how an engine differs from the reference.
type Mismatch struct {
	Engine string
	Scheme engine.Scheme
	What   string
}

func (m *Mismatch) Error() string { return fmt.Sprintf("%s, %v: %s", m.Engine, m.Scheme, m.What) }

// Compare runs p on all engines in both schemes. The error is a *Mismatch, or
// says why p could not be run at all.
func Compare(p *progen.Program, traced bool) error {
	mod, err := p.Module()
	if err != nil {
		return err
	}
	ar, err := NewArena()
	if err != nil {
		return err
	}
	for _, scheme := range []engine.Scheme{engine.Shared, engine.Propagated} {
		want, err := Run(p, mod, ar, &Engines[0], scheme, traced)
		if err != nil {
			return err
		}
		for i := range Engines[1:] {
			if err := compareOne(p, mod, ar, &Engines[1+i], want, scheme, traced); err != nil {
				return err
			}
		}
	}
	return nil
}

// compareOne compares one engine with what the reference did. An engine that
// panics is a mismatch, so that the program can be shrunk.
func compareOne(p *progen.Program, mod *bpf.Module, ar *arena.Arena, e *Engine, want *Outcome, scheme engine.Scheme, traced bool) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &Mismatch{e.Name, scheme, fmt.Sprintf("panic: %v\n%s", r, debug.Stack())}
		}
	}()
	got, err := Run(p, mod, ar, e, scheme, traced && !e.Untraced)
	if err != nil {
		return &Mismatch{e.Name, scheme, err.Error()}
	}
	if e.Untraced {
		w := *want
		w.Events = nil
		want = &w
	}
	if s := diff(want, got); s != "" {
		return &Mismatch{e.Name, scheme, s}
	}
	return nil
}

// diff describes the first difference; "" when there is none.
func diff(want, got *Outcome) string {
	if s := diffFault(want, got); s != "" {
		return s
	}
	if want.Fault == nil && want.R0 != got.R0 {
		return fmt.Sprintf("r0 is %#x, want %#x", got.R0, want.R0)
	}
	if !slices.Equal(want.Calls, got.Calls) {
		n := 0
		for n < min(len(want.Calls), len(got.Calls)) && want.Calls[n] == got.Calls[n] {
			n++
		}
		return fmt.Sprintf("%d helper calls, want %d; call %d differs", len(got.Calls), len(want.Calls), n)
	}
	for i, a := range want.memory {
		b := got.memory[i]
		if bytes.Equal(a, b) {
			continue
		}
		n := 0
		for a[n] == b[n] {
			n++
		}
		return fmt.Sprintf("byte %#x %s the stack is %#02x, want %#02x", n, [...]string{"below", "above"}[i], b[n], a[n])
	}
	if want.Fault != nil {
		// Engines need not agree whether a step that fails is shown.
		n := min(len(want.Events), len(got.Events))
		if len(want.Events)+len(got.Events) <= 2*n+1 {
			return diffEvents(want.Events[:n], got.Events[:n])
		}
	}
	return diffEvents(want.Events, got.Events)
}

func diffFault(want, got *Outcome) string {
	a, b := want.Fault, got.Fault
	switch {
	case a == nil && b == nil:
		return ""
	case a == nil:
		return fmt.Sprintf("fault: %v, want r0 %#x", b, want.R0)
	case b == nil:
		return fmt.Sprintf("r0 is %#x, want the fault: %v", got.R0, a)
	}
	same := a.Kind == b.Kind && a.Func == b.Func && a.Insn == b.Insn
	switch a.Kind {
	case engine.FaultAccess, engine.FaultMisalign:
		same = same && a.Addr == b.Addr && a.Size == b.Size
	case engine.FaultBadCall:
		same = same && a.Addr == b.Addr
	case engine.FaultHelper:
		same = same && fmt.Sprint(a.Err) == fmt.Sprint(b.Err)
	}
	if same {
		return ""
	}
	return fmt.Sprintf("fault: %v, want: %v", b, a)
}

// diffEvents compares the flow; where the count is kept is the engine's own business.
func diffEvents(want, got []engine.Event) string {
	for i := range min(len(want), len(got)) {
		a, b := want[i], got[i]
		a.Home, b.Home = "", ""
		a.Reason, b.Reason = "", ""
		if a != b {
			return fmt.Sprintf("event %d is %+v, want %+v", i, b, a)
		}
	}
	if len(want) != len(got) {
		longer := want
		if len(got) > len(want) {
			longer = got
		}
		return fmt.Sprintf("%d events, want %d: the next is %+v", len(got), len(want), longer[min(len(want), len(got))])
	}
	return ""
}
