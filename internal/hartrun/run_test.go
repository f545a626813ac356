package hartrun_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rivetbpf/rivet/internal/arena"
	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/engine"
	"github.com/rivetbpf/rivet/internal/engines"
	"github.com/rivetbpf/rivet/internal/hartrun"
	"github.com/rivetbpf/rivet/internal/load"
)

// TestNestedRuns lets a helper start runs of the same engine while the run that
// called it waits: each has its own registers, stack and tail-call count.
func TestNestedRuns(t *testing.T) {
	const text = `
		.map jump prog_array 4 4 1
		.slot jump 0 bottom
		.program main
		mov %r6, %r1
		mov %r7, %r2
		stxdw [%r10-8], %r2
		mov %r1, %r2
		call 5
		mov %r8, %r0
		mov %r1, %r6
		mov %r2, %r7
		ldxdw %r3, [%r10-8]
		jne %r3, %r7, wrong
		jeq %r7, 0, spend
		mov %r0, %r8
		add %r0, %r7
		exit
		spend:
		lddw %r2, map(jump)
		mov %r3, 0
		call 12
		mov %r0, 0
		exit
		wrong:
		mov %r0, 100000
		exit
		.program bottom
		mov %r0, 500
		exit`
	eachEngine(t, func(t *testing.T, k engines.Kind, c engines.Config) {
		r := newRig(t, text, k, c)
		r.gate = gateFunc(func(kind uint8, id int32, args *[5]uint64) (uint64, error) {
			level := args[0]
			if level == 0 || level > 20 {
				return 0, nil
			}
			req := r.request(level - 1)
			req.StackTop = r.stackTop - 64*(21-level)
			res, err := r.engine.Run(req)
			return res.R0 + 1, err
		})
		for _, level := range []uint64{0, 1, 2, 7, 20} {
			want := 500 + level + level*(level+1)/2 // one for each level's helper, and the levels
			r.want(want, level)
		}
		// A fault inside ends all runs, as itself.
		r.gate = gateFunc(func(kind uint8, id int32, args *[5]uint64) (uint64, error) {
			if args[0] == 3 {
				return 0, errors.New("three")
			}
			req := r.request(args[0] - 1)
			req.StackTop = r.stackTop - 64*(21-args[0])
			res, err := r.engine.Run(req)
			return res.R0, err
		})
		_, err := r.run(9)
		var f *engine.Fault
		if !errors.As(err, &f) || f.Kind != engine.FaultHelper || f.Err.Error() != "three" {
			t.Errorf("nested failure: %v", err)
		}
	})
}

// TestManyGoroutines runs one engine from many goroutines, traced and not.
func TestManyGoroutines(t *testing.T) {
	const text = `
		.map jump prog_array 4 4 2
		.slot jump 1 second
		.program main
		mov %r6, %r1
		mov %r7, 0
		mov %r8, %r2
		again:
		stxdw [%r10-8], %r7
		mov %r1, %r8
		call local twice
		ldxdw %r7, [%r10-8]
		add %r7, %r0
		sub %r8, 1
		jne %r8, 0, again
		call 9
		add %r7, %r0
		stxdw [%r6+0], %r7
		mov %r1, %r6
		lddw %r2, map(jump)
		mov %r3, 1
		call 12
		mov %r0, 0
		exit
		twice:
		mov %r6, %r1
		mov %r0, %r6
		add %r0, %r6
		exit
		.program second
		ldxdw %r0, [%r1+0]
		exit`
	eachEngine(t, func(t *testing.T, k engines.Kind, c engines.Config) {
		r := newRig(t, text, k, c)
		var wg sync.WaitGroup
		for g := range 8 {
			mem, _ := r.alloc(64)
			stack, _ := r.alloc(bpf.MaxStack)
			wg.Go(func() {
				for i := range 60 {
					n := uint64(1 + (g*31+i)%40)
					req := r.request(n)
					req.Args[0], req.StackTop = mem, stack+bpf.MaxStack
					req.Gate = gateFunc(func(uint8, int32, *[5]uint64) (uint64, error) { return n << 32, nil })
					events := 0
					traced := i%4 == 0 && !k.Untraced
					if traced {
						req.Trace = func(*engine.Event) { events++ }
					}
					res, err := r.engine.Run(req)
					if want := n*(n+1) + n<<32; err != nil || res.R0 != want {
						t.Errorf("goroutine %d, run %d: r0 %#x, %v; want %#x", g, i, res.R0, err, want)
						return
					}
					if want := 4 + 2*int(n); traced && events != want {
						t.Errorf("goroutine %d, run %d: %d events, want %d", g, i, events, want)
						return
					}
				}
			})
		}
		wg.Wait()
	})
}

// fuelPrograms burn fuel in every way: loops, a jump to itself, nested loops, a
// conditional jump that is not taken, tail calls of entries and of subprograms.
var fuelPrograms = map[string]string{
	"loop": "mov %r0, 0\nagain: add %r0, 1\njne %r0, 20, again\nexit",
	"nested loops": "mov %r0, 0\nmov %r2, 4\nouter: mov %r3, 3\ninner: add %r0, 1\nsub %r3, 1\njne %r3, 0, inner\n" +
		"sub %r2, 1\njne32 %r2, 0, outer\nexit",
	"not taken":  "mov %r0, 0\nback: jeq %r0, 1, back\nadd %r0, 2\njset %r0, 1, back\njlt %r0, 9, back\nexit",
	"endless":    "mov %r0, 0\nself: ja self",
	"gotol":      "mov %r0, 0\nagain: add %r0, 1\njgt %r0, 12, +1\ngotol again\nexit",
	"tail calls": ".map jump prog_array 4 4 1\n.slot jump 0 main\n.program main\nlddw %r2, map(jump)\nmov %r3, 0\ncall 12\nmov %r0, 3\nexit",
	"tail calls and loops": ".map jump prog_array 4 4 2\n.slot jump 0 main\n.program main\nmov %r6, %r1\ncall local sub\nmov %r1, %r6\n" +
		"lddw %r2, map(jump)\nmov %r3, 0\ncall 12\nmov %r0, 3\nexit\nsub: mov %r0, 3\nagain: sub %r0, 1\njne %r0, 0, again\nexit",
	"subprogram's tail calls": ".map jump prog_array 4 4 2\n.slot jump 0 main\n.program main\ncall local sub\nadd %r0, 1\nexit\n" +
		"sub: lddw %r2, map(jump)\nmov %r3, 0\ncall 12\nmov %r0, 0\nexit",
}

// TestFuel gives each program every amount of fuel from 1 to more than it
// needs: where it runs out, and whether it does, is the interpreter's word.
func TestFuel(t *testing.T) {
	for name, text := range fuelPrograms {
		for _, s := range schemes {
			b := newBoth(t, text, engines.Config{Scheme: s})
			enough := int64(0)
			for fuel := int64(1); fuel < 150; fuel++ {
				want, wantErr := b.ref.runFuel(fuel)
				got, err := b.dut.runFuel(fuel)
				if fmt.Sprint(want, wantErr) != fmt.Sprint(got, err) {
					t.Errorf("%s, %v, fuel %d: %d, %v; the interpreter: %d, %v", name, s, fuel, got, err, want, wantErr)
				}
				if wantErr == nil && enough == 0 {
					enough = fuel
				}
			}
			t.Logf("%s, %v: needs %d", name, s, enough)
			if enough == 0 && name != "endless" {
				t.Errorf("%s, %v: more than 149 needed", name, s)
			}
		}
	}
}

func (r *rig) runFuel(fuel int64) (uint64, error) {
	req := r.request()
	req.Fuel = fuel
	res, err := r.engine.Run(req)
	return res.R0, err
}

// TestFuelOverSlices runs out of an amount that is given out in many slices, at
// exactly the same jump.
func TestFuelOverSlices(t *testing.T) {
	const text = "ldxdw %r3, [%r1+0]\nagain: ldxdw %r3, [%r1+0]\nadd %r3, 1\nstxdw [%r1+0], %r3\nja again"
	b := newBoth(t, text, engines.Config{})
	for _, fuel := range []int64{1, 4095, 4096, 4097, 4098, 8191, 8192, 8193, 50_000, 123_457} {
		for _, r := range []*rig{b.ref, b.dut} {
			clear(r.mem)
			_, err := r.runFuel(fuel)
			var f *engine.Fault
			if !errors.As(err, &f) || f.Kind != engine.FaultFuel || f.Insn != 4 {
				t.Fatalf("fuel %d: %v", fuel, err)
			}
			if n := int64(r.mem[0]) | int64(r.mem[1])<<8 | int64(r.mem[2])<<16; n != fuel+1 {
				t.Errorf("fuel %d: %d rounds, want %d", fuel, n, fuel+1)
			}
		}
	}
}

// TestTooManySlots has program arrays that would reach into what lies behind
// them in the hart's address space.
func TestTooManySlots(t *testing.T) {
	mod, err := load.RawInsns([]bpf.Insn{{Op: bpf.OpMovK}, {Op: bpf.OpExit}})
	if err != nil {
		t.Fatal(err)
	}
	ar, err := arena.New(4096)
	if err != nil {
		t.Fatal(err)
	}
	array := &bpf.Map{Type: bpf.MapTypeProgArray, MaxEntries: 1 << 24}
	for n, want := range map[int]string{1: "", 2: "33554432 slots in all: at most 16777216"} {
		mod.Maps = slices.Repeat([]*bpf.Map{array}, n)
		_, err = hartrun.New(mod, ar, engine.NewTables(mod.Maps), hartrun.Options{})
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%d arrays: %v", n, err)
		}
	}
}

// TestStop ends an endless run from another goroutine.
func TestStop(t *testing.T) {
	eachEngine(t, func(t *testing.T, k engines.Kind, c engines.Config) {
		r := newRig(t, "self: ja self", k, c)
		req := r.request()
		req.Fuel, req.Stop = 0, new(atomic.Bool)
		started := make(chan bool)
		go func() {
			<-started
			req.Stop.Store(true)
		}()
		close(started)
		_, err := r.engine.Run(req)
		var f *engine.Fault
		if !errors.As(err, &f) || f.Kind != engine.FaultStopped {
			t.Errorf("ended with %v, want %v", err, engine.FaultStopped)
		}
	})
}

// TestTracedRunsAgree runs programs traced and untraced: the result and the
// count of instructions are the same, and the events are the interpreter's.
func TestTracedRunsAgree(t *testing.T) {
	texts := map[string]string{
		"callx": "lddw %r6, func(f)\nmov %r1, 4\ncallx %r6\nmov %r6, %r0\nmov %r7, 3\ncallx %r7\nadd %r0, %r6\nexit\nf: mov %r0, %r1\nexit",
		"exits": "mov %r6, %r1\nldxb %r2, [%r6+0]\ncall local f\nexit\n" +
			"f: mov %r7, %r2\njeq %r2, 1, one\ncall 3\nexit\none: call 4\nmov %r0, 1\nexit",
		"every miss": ".map jump prog_array 4 4 2\n.slot jump 0 main\n.program main\nmov %r6, %r1\nlddw %r2, map(jump)\nmov %r3, 1\ncall 12\n" +
			"mov %r3, 2\ncall 12\nldxb %r3, [%r6+0]\ncall 12\nmov %r0, 9\nexit",
	}
	for name, text := range fuelPrograms {
		texts["fuel: "+name] = text
	}
	for name, text := range texts {
		for _, s := range schemes {
			b := newBoth(t, text, engines.Config{Scheme: s})
			for _, fuel := range []int64{1, 3, 20, 33, 34, 35, 1000} {
				var events [2][]engine.Event
				var results [2]string
				for i, r := range []*rig{b.ref, b.dut} {
					req := r.request()
					req.Fuel = fuel
					plain, plainErr := r.engine.Run(req)
					req.Trace = func(e *engine.Event) {
						ev := *e
						ev.Home = ""
						events[i] = append(events[i], ev)
					}
					traced, err := r.engine.Run(req)
					if plain != traced || fmt.Sprint(plainErr) != fmt.Sprint(err) {
						t.Errorf("%s, %v, fuel %d: %v, %v; traced: %v, %v", name, s, fuel, plain, plainErr, traced, err)
					}
					results[i] = fmt.Sprint(traced.R0, err)
				}
				if results[0] != results[1] {
					t.Errorf("%s, %v, fuel %d: %v, the interpreter: %v", name, s, fuel, results[1], results[0])
				}
				if d := cmp.Diff(events[0], events[1]); d != "" {
					t.Errorf("%s, %v, fuel %d: events differ from the interpreter's:\n%s", name, s, fuel, d)
				}
			}
		}
	}
}

// TestTracedHome says where the count is, and finds it there: the tracer reads
// it and faults where code and frame disagree.
func TestTracedHome(t *testing.T) {
	const text = `
		.map jump prog_array 4 4 2
		.slot jump 0 other
		.program main
		mov %r6, %r1
		call 3
		mov %r1, %r6
		call local sub
		mov %r1, %r6
		lddw %r2, map(jump)
		mov %r3, 0
		call 12
		exit
		sub:
		lddw %r2, map(jump)
		mov %r3, 1
		call 12
		mov %r0, 0
		exit
		.program other
		mov %r0, 1
		exit`
	want := map[engine.Scheme]string{
		engine.Shared:     "entry s10, helper s10, call s10, tail_call_missed s10, return s10, tail_call s10, exit s10",
		engine.Propagated: "entry a6, helper a6, call a6, tail_call_missed a6, return frame, tail_call frame, exit ",
	}
	hart, err := engines.Get("hart")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range schemes {
		r := newRig(t, text, hart, engines.Config{Scheme: s})
		var list []string
		req := r.request()
		req.Trace = func(e *engine.Event) { list = append(list, string(e.Kind)+" "+e.Home) }
		if _, err := r.engine.Run(req); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(list, ", "); got != want[s] {
			t.Errorf("%v: %s\nwant %s", s, got, want[s])
		}
	}
}
