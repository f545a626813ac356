package interp

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rivetbpf/rivet/internal/arena"
	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/bpfasm"
	"github.com/rivetbpf/rivet/internal/engine"
)

// rig is a loaded text with memory to run it in.
type rig struct {
	t   *testing.T
	e   *Engine
	mod *bpf.Module
	ar  *arena.Arena
	req engine.Request
}

type gate func(kind uint8, id int32, args *[5]uint64) (uint64, error)

func (g gate) Helper(kind uint8, id int32, args *[5]uint64) (uint64, error) { return g(kind, id, args) }

func newRig(t *testing.T, scheme engine.Scheme, text string) *rig {
	t.Helper()
	u, err := bpfasm.Assemble(text)
	if err != nil {
		t.Fatal(err)
	}
	mod, err := u.Module()
	if err != nil {
		t.Fatal(err)
	}
	ar, err := arena.New(1 << 16)
	if err != nil {
		t.Fatal(err)
	}
	tables := engine.NewTables(mod.Maps)
	e, err := New(mod, ar, tables, scheme)
	if err != nil {
		t.Fatal(err)
	}
	e.Poison = true
	for _, s := range u.Slots {
		slots, _ := tables.Of(s.Map)
		for i, p := range mod.Programs {
			if p.Name == s.Program {
				slots[s.Index] = e.TailTarget(i)
			}
		}
	}
	stack, err := ar.Alloc(8192)
	if err != nil {
		t.Fatal(err)
	}
	return &rig{t, e, mod, ar, engine.Request{Func: mod.Programs[0].Func, StackTop: stack + 8192, Fuel: 10000}}
}

func (r *rig) run(want uint64) engine.Result {
	r.t.Helper()
	res, err := r.e.Run(&r.req)
	if err != nil {
		r.t.Fatalf("run: %v", err)
	}
	if res.R0 != want {
		r.t.Fatalf("r0 is %#x, want %#x", res.R0, want)
	}
	return res
}

// flow is the mixed flow of the design: an entry tail-calls foo, foo calls a
// subprogram, which tail-calls foo2, whose exit returns to foo.
const flow = `
	.map jmp prog_array 4 4 4
	.slot jmp 0 foo
	.slot jmp 1 foo2
	.program main
	mov %r6, 1
	lddw %r2, map(jmp)
	mov %r3, 0
	call tail_call
	mov %r0, -1
	exit
	.program foo
	mov %r6, 40
	mov %r1, 5
	stxdw [%r10-8], %r6
	call local subprog
	add %r0, %r6
	ldxdw %r1, [%r10-8]
	add %r0, %r1
	lddw %r2, map(jmp)
	mov %r3, 9
	call tail_call
	mov %r3, 2
	lddw %r2, map(jmp)
	call tail_call
	exit
subprog:
	mov %r6, 77
	stdw [%r10-8], 3
	lddw %r2, map(jmp)
	mov %r3, 1
	call tail_call
	mov %r0, -2
	exit
	.program foo2
	mov %r6, 99
	stdw [%r10-8], 4
	mov %r0, 2
	exit`

// record makes the rig's runs leave their events in lines.
func record(r *rig) *[]string {
	lines := new([]string)
	r.req.Trace = func(e *engine.Event) {
		s := fmt.Sprintf("%d %s %s %d: %d %d", e.Depth, e.Kind, r.mod.Funcs[e.Func].Name, e.Insn, e.CountBefore, e.Count)
		if e.Target >= 0 {
			s += " -> " + r.mod.Funcs[e.Target].Name
		}
		if e.Reason != "" {
			s += ": " + e.Reason
		}
		*lines = append(*lines, s)
	}
	return lines
}

func TestMixedFlow(t *testing.T) {
	for scheme, want := range map[engine.Scheme][]string{
		engine.Propagated: {
			"0 entry main 0: 33 33",
			"0 tail_call main 4: 33 32 -> foo",
			"0 call foo 3: 32 32 -> subprog",
			"1 tail_call subprog 5: 32 31 -> foo2",
			"0 return foo 3: 32 32 -> foo2",
			"0 tail_call_missed foo 10: 32 32: index 9 is out of range: jmp has 4 slots",
			"0 tail_call_missed foo 14: 32 32: slot 2 is empty",
			"0 exit foo 15: 32 32",
		},
		engine.Shared: {
			"0 entry main 0: 33 33",
			"0 tail_call main 4: 33 32 -> foo",
			"0 call foo 3: 32 32 -> subprog",
			"1 tail_call subprog 5: 32 31 -> foo2",
			"0 return foo 3: 31 31 -> foo2",
			"0 tail_call_missed foo 10: 31 31: index 9 is out of range: jmp has 4 slots",
			"0 tail_call_missed foo 14: 31 31: slot 2 is empty",
			"0 exit foo 15: 31 31",
		},
	} {
		t.Run(scheme.String(), func(t *testing.T) {
			r := newRig(t, scheme, flow)
			got := record(r)
			r.run(2 + 40 + 40)
			if d := cmp.Diff(want, *got); d != "" {
				t.Error(d)
			}
		})
	}
}

// chain tail-calls itself for ever, and returns how often it was entered.
const chain = `
	.map jmp prog_array 4 4 1
	.slot jmp 0 main
	.program main
	ldxdw %r6, [%r1]
	add %r6, 1
	stxdw [%r1], %r6
	lddw %r2, map(jmp)
	lddw %r3, 0xdeadbeef00000000
	call tail_call
	mov %r0, %r6
	exit`

func TestCountIsSpent(t *testing.T) {
	for _, scheme := range []engine.Scheme{engine.Shared, engine.Propagated} {
		r := newRig(t, scheme, chain)
		r.req.Args[0], _ = r.ar.Alloc(8)
		events := record(r)
		r.run(1 + bpf.MaxTailCalls)
		if last := (*events)[len(*events)-2]; !strings.HasSuffix(last, "0 0: all 33 tail calls are spent") {
			t.Errorf("%v: last event but one is %q", scheme, last)
		}
	}
}

// TestTwice is the arrangement for which the shared count exists: each entry
// calls two subprograms that tail-call the entry.
func TestTwice(t *testing.T) {
	const text = `
		.map jmp prog_array 4 4 1
		.slot jmp 0 main
		.program main
		mov %r6, %r1
		ldxdw %r7, [%r6]
		add %r7, 1
		stxdw [%r6], %r7
		call local sub
		mov %r1, %r6
		call local sub
		ldxdw %r0, [%r6]
		exit
	sub:
		lddw %r2, map(jmp)
		mov %r3, 0
		call tail_call
		mov %r0, 0
		exit`
	r := newRig(t, engine.Shared, text)
	r.e.Poison = false
	r.req.Args[0], _ = r.ar.Alloc(8)
	r.run(1 + bpf.MaxTailCalls)

	r = newRig(t, engine.Propagated, text)
	r.e.Poison = false
	r.req.Args[0], _ = r.ar.Alloc(8)
	_, err := r.e.Run(&r.req)
	var f *engine.Fault
	if !errors.As(err, &f) || f.Kind != engine.FaultFuel || !r.mod.Funcs[f.Func].Insns[f.Insn].IsTailCall() {
		t.Errorf("propagated: error %v, want fuel spent at a tail call", err)
	}
}

func TestFuel(t *testing.T) {
	r := newRig(t, engine.Shared, `
		mov %r1, 5
	loop:
		sub %r1, 1
		jne %r1, 0, loop
		mov %r0, 1
		exit`)
	r.req.Fuel = 5
	if res := r.run(1); res.Retired != 1+2*5+2 {
		t.Errorf("retired %d instructions", res.Retired)
	}
	r.req.Fuel = 4
	_, err := r.e.Run(&r.req)
	var f *engine.Fault
	if !errors.As(err, &f) || f.Kind != engine.FaultFuel || f.Insn != 2 {
		t.Errorf("error %v, want fuel spent at insn 2", err)
	}
	r.req.Fuel = 0
	r.run(1)
}

func TestHelpers(t *testing.T) {
	r := newRig(t, engine.Shared, `
		mov %r1, 1
		mov %r2, 2
		mov %r5, 5
		call 7
		mov %r6, %r0
		mov %r0, %r1
		jne %r6, 42, +1
		exit
		mov %r0, %r6
		exit`)
	broken := errors.New("broken")
	for _, c := range []struct {
		r0   uint64
		err  error
		want uint64
		kind engine.FaultKind
	}{
		{42, nil, 0xdead_0000_0000_0001, 0},
		{43, nil, 43, 0},
		{0, &engine.Exit{R0: 17}, 17, 0},
		{0, broken, 0, engine.FaultHelper},
		{0, &engine.Fault{Kind: engine.FaultAccess, Addr: 5}, 0, engine.FaultAccess},
	} {
		r.req.Gate = gate(func(kind uint8, id int32, args *[5]uint64) (uint64, error) {
			if kind != bpf.CallHelper || id != 7 || args[0] != 1 || args[1] != 2 || args[4] != 5 {
				t.Errorf("helper called with %d %d %v", kind, id, args)
			}
			return c.r0, c.err
		})
		res, err := r.e.Run(&r.req)
		var f *engine.Fault
		switch {
		case errors.As(err, &f):
			if f.Kind != c.kind || (c.err == broken && !errors.Is(err, broken)) {
				t.Errorf("helper that returns %v: fault %v", c.err, f)
			}
		case err != nil || res.R0 != c.want:
			t.Errorf("helper that returns %#x, %v: result %#x, error %v", c.r0, c.err, res.R0, err)
		}
	}
}

// TestNested lets a helper call back into the module while the run that called it waits.
func TestNested(t *testing.T) {
	r := newRig(t, engine.Shared, `
		lddw %r1, func(back)
		mov %r2, 3
		mov %r6, 100
		call 181
		add %r0, %r6
		exit
	back:
		mov %r0, %r1
		mul %r0, %r0
		mov %r6, 0
		exit`)
	r.req.Gate = gate(func(_ uint8, _ int32, args *[5]uint64) (uint64, error) {
		sum := uint64(0)
		for i := range args[1] {
			res, err := r.e.Call(args[0], engine.Request{Args: [5]uint64{i}, StackTop: r.req.StackTop - 512})
			if err != nil {
				return 0, err
			}
			sum += res.R0
		}
		return sum, nil
	})
	r.run(105)
	if _, err := r.e.Call(0x1234, engine.Request{}); err == nil {
		t.Error("a callback that is no function ran")
	}
}

func TestConcurrent(t *testing.T) {
	r := newRig(t, engine.Shared, `
		mov %r2, 1000
	loop:
		mov %r3, 1
		lock add [%r1], %r3
		lock fetch add32 [%r1+8], %r3
		mov %r3, 1
		load_acquire64 %r0, [%r1+16]
	again:
		mov %r4, %r0
		add %r4, 1
		mov %r5, %r0
		lock cmpxchg [%r1+16], %r4
		jne %r0, %r5, again
		sub %r2, 1
		jne %r2, 0, loop
		mov %r0, 0
		exit`)
	r.req.Fuel = 0
	r.req.Args[0], _ = r.ar.Alloc(24)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			req := r.req
			if _, err := r.e.Run(&req); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	b, _ := r.ar.Bytes(r.req.Args[0], 24)
	if got := fmt.Sprintf("%x", b); got != "a00f000000000000a00f000000000000a00f000000000000" {
		t.Errorf("4 times 1000 additions left %s", got)
	}
}

// TestUntakenCall refuses an indirect call of a function whose address nobody
// took: package load has not counted on it, so it could make a cycle.
func TestUntakenCall(t *testing.T) {
	mod := &bpf.Module{Funcs: []*bpf.Func{{Name: "f", Insns: []bpf.Insn{
		{Op: bpf.OpCallX, Dst: 1}, {Op: bpf.OpExit}}}}}
	ar, err := arena.New(4096)
	if err != nil {
		t.Fatal(err)
	}
	e, err := New(mod, ar, engine.NewTables(nil), engine.Shared)
	if err != nil {
		t.Fatal(err)
	}
	_, err = e.Run(&engine.Request{Args: [5]uint64{bpf.FuncHandle(0)}})
	if f := (*engine.Fault)(nil); !errors.As(err, &f) || f.Kind != engine.FaultBadCall {
		t.Errorf("error %v, want %v", err, engine.FaultBadCall)
	}
}

// TestInvalid gives New what load would never let through: an error, not a panic.
func TestInvalid(t *testing.T) {
	for _, insns := range [][]bpf.Insn{
		{{Op: 0xff}}, {{Op: 0x8c}}, {{Op: 0xbc, Off: 32}}, {{Op: 0xd4, Imm: 8}}, {{Op: 0x99}}, {{Op: 0x20}},
		{{Op: bpf.OpJA, Off: 5}}, {{Op: bpf.OpLDDW}}, {{Op: bpf.OpMovK, Dst: 11}}, {{Op: bpf.OpMovX, Src: 12}},
		{{Op: bpf.OpCall, Src: bpf.CallSubprog, Imm: 1}}, {{Op: bpf.OpCall, Src: 3}}, {{Op: 0x86}},
		{{Op: bpf.OpAtomDW, Imm: 0x20}}, {{Op: bpf.ClassSTX | bpf.ModeAtomic | bpf.SizeB}}, {{Op: 0xda}},
		{{Op: bpf.OpLDDW, Src: bpf.LoadMap}, {}}, {{Op: bpf.OpLDDW, Src: 9}, {}},
	} {
		mod := &bpf.Module{Funcs: []*bpf.Func{{Name: "f", Insns: insns}}}
		ar, _ := arena.New(4096)
		if _, err := New(mod, ar, engine.NewTables(nil), engine.Shared); err == nil {
			t.Errorf("%+v was accepted", insns)
		}
	}
	mod := &bpf.Module{Funcs: []*bpf.Func{{Name: "f", Insns: []bpf.Insn{{Op: bpf.OpMovK}}}}}
	ar, _ := arena.New(4096)
	e, err := New(mod, ar, engine.NewTables(nil), engine.Shared)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Run(&engine.Request{}); err == nil {
		t.Error("ran off the end without an error")
	}
	if _, err := e.Run(&engine.Request{Func: 1}); err == nil {
		t.Error("ran a function that does not exist")
	}
}
