package hartrun_test

import (
	"fmt"
	"testing"

	"github.com/rivetbpf/rivet/internal/arena"
	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/bpfasm"
	"github.com/rivetbpf/rivet/internal/engine"
	"github.com/rivetbpf/rivet/internal/engines"
)

var schemes = []engine.Scheme{engine.Shared, engine.Propagated}

// eachEngine runs f as a subtest for every engine in both schemes.
func eachEngine(t *testing.T, f func(t *testing.T, kind engines.Kind, c engines.Config)) {
	for _, k := range engines.All() {
		for _, s := range schemes {
			c := engines.Config{Scheme: s}
			t.Run(fmt.Sprintf("%s/%v", k.Name, s), func(t *testing.T) { f(t, k, c) })
		}
	}
}

// rig is a program made ready to run: programs by name, some memory for R1 to
// point to, a data stack.
type rig struct {
	t      testing.TB
	mod    *bpf.Module
	arena  *arena.Arena
	tables *engine.Tables
	engine engines.Engine
	gate   engine.Gate

	mem      []byte // R1 points here
	memAt    uint64
	stackTop uint64
}

const (
	memSize   = 256
	stackSize = (1 + bpf.MaxTailCalls) * bpf.MaxStack
	arenaSize = 1 << 16
)

func newRig(t testing.TB, text string, kind engines.Kind, c engines.Config) *rig {
	t.Helper()
	u, err := bpfasm.Assemble(text)
	if err != nil {
		t.Fatal(err)
	}
	mod, err := u.Module()
	if err != nil {
		t.Fatal(err)
	}
	r := rigFor(t, mod, kind, c)
	for _, s := range u.Slots {
		slots, _ := r.tables.Of(s.Map)
		slots[s.Index] = r.target(s.Program)
	}
	return r
}

func rigFor(t testing.TB, mod *bpf.Module, kind engines.Kind, c engines.Config) *rig {
	t.Helper()
	r := &rig{t: t, mod: mod, tables: engine.NewTables(mod.Maps), gate: quiet}
	var err error
	if r.arena, err = kind.NewArena(arenaSize); err != nil {
		t.Fatal(err)
	}
	r.memAt, r.mem = r.alloc(memSize)
	at, _ := r.alloc(stackSize)
	r.stackTop = at + stackSize
	for _, m := range mod.Maps {
		if m.Type == bpf.MapTypeArray {
			m.Values, _ = r.alloc(m.Stride() * uint64(m.MaxEntries))
		}
	}
	if r.engine, err = kind.New(mod, r.arena, r.tables, c); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *rig) alloc(n uint64) (uint64, []byte) {
	r.t.Helper()
	at, err := r.arena.Alloc(n)
	if err != nil {
		r.t.Fatal(err)
	}
	b, ok := r.arena.Bytes(at, n)
	if !ok {
		r.t.Fatalf("the arena gave %#x, which it does not have", at)
	}
	return at, b
}

// target returns what a slot holds for a program.
func (r *rig) target(name string) uint64 {
	for i, p := range r.mod.Programs {
		if p.Name == name {
			return r.engine.TailTarget(i)
		}
	}
	r.t.Fatalf("no program %q", name)
	return 0
}

// request is a run of the first program with R1 at the memory and R2 to R5 as given.
func (r *rig) request(args ...uint64) *engine.Request {
	req := &engine.Request{Func: r.mod.Programs[0].Func, StackTop: r.stackTop, Fuel: 1 << 20, Gate: r.gate}
	req.Args[0] = r.memAt
	copy(req.Args[1:], args)
	return req
}

func (r *rig) run(args ...uint64) (uint64, error) {
	res, err := r.engine.Run(r.request(args...))
	return res.R0, err
}

// want runs the first program and compares R0.
func (r *rig) want(r0 uint64, args ...uint64) {
	r.t.Helper()
	got, err := r.run(args...)
	if err != nil {
		r.t.Errorf("arguments %#x: %v", args, err)
	} else if got != r0 {
		r.t.Errorf("arguments %#x: r0 is %d (%#x), want %d", args, got, got, r0)
	}
}

// gateFunc is a gate of one function.
type gateFunc func(kind uint8, id int32, args *[5]uint64) (uint64, error)

func (f gateFunc) Helper(kind uint8, id int32, args *[5]uint64) (uint64, error) {
	return f(kind, id, args)
}

// quiet is a gate whose helpers do nothing.
var quiet = gateFunc(func(uint8, int32, *[5]uint64) (uint64, error) { return 0, nil })
