package rivet_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet"
)

// outcome is what of a run must not depend on the engine.
type outcome struct {
	ret  uint32
	end  string // the fault, but for what names the machine
	maps string
}

func (o outcome) String() string { return fmt.Sprintf("r0 %d, %s, maps %s", o.ret, o.end, o.maps) }

// burn runs a program of a fresh collection with some fuel.
func burn(t *testing.T, s *ebpf.CollectionSpec, program string, opts rivet.CollectionOptions, run rivet.RunOptions) outcome {
	t.Helper()
	c, err := rivet.NewCollectionWithOptions(s, opts)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return burnIn(t, c, program, run)
}

func burnIn(t *testing.T, c *rivet.Collection, program string, run rivet.RunOptions) outcome {
	t.Helper()
	ret, err := c.Programs[program].Run(&run)
	o := outcome{ret: ret, end: "ends"}
	if f := (*rivet.Fault)(nil); errors.As(err, &f) {
		o.ret, o.end = 0, fmt.Sprintf("%v at %s:%d", f.Kind, f.Function, f.Insn)
	} else if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	for name, m := range c.Maps {
		if m.Type() == ebpf.Array && strings.HasPrefix(name, ".bss") {
			v, err := m.LookupBytes(uint32(0))
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&b, "%x", v)
		}
	}
	o.maps = b.String()
	return o
}

// sameEverywhere runs a program with each amount of fuel on each engine.
func sameEverywhere(t *testing.T, s *ebpf.CollectionSpec, program string, opts rivet.CollectionOptions, run rivet.RunOptions, fuel []int64) {
	t.Helper()
	for _, tc := range []rivet.TailCalls{rivet.TailCallsShared, rivet.TailCallsPropagated} {
		for _, n := range fuel {
			run.Fuel = n
			opts.Engine, opts.TailCalls = rivet.EngineInterp, tc
			want := burn(t, s, program, opts, run)
			for _, e := range rivet.Engines() {
				opts.Engine = e
				if got := burn(t, s, program, opts, run); got != want {
					t.Errorf("%s, tail calls %v, fuel %d: on %v: %v\nin the interpreter: %v", program, tc, n, e, got, want)
				}
			}
		}
	}
}

// A program runs out of fuel at the same instruction on every engine, whatever
// the fuel is: what it has done until then is the same, too.
func TestFuelIsEqual(t *testing.T) {
	files, err := filepath.Glob("testdata/kernel/*.o")
	if err != nil || len(files) == 0 {
		t.Fatal("no objects", err)
	}
	for _, file := range files {
		s, err := ebpf.LoadCollectionSpec(file)
		if err != nil {
			t.Fatal(err)
		}
		if s.Programs["entry"] == nil {
			continue
		}
		t.Run(strings.TrimSuffix(filepath.Base(file), ".o"), func(t *testing.T) {
			sameEverywhere(t, s, "entry", rivet.CollectionOptions{}, rivet.RunOptions{Data: make([]byte, 64)},
				[]int64{1, 2, 3, 5, 9, 31, 32, 33, 34, 35, 100, 5000})
		})
	}
}

// Slices of fuel have ends that a program must not notice. The sizes of slices
// depend on time; every amount of fuel around the first ones is tried.
func TestFuelAtTheEndsOfSlices(t *testing.T) {
	var fuel []int64
	for _, n := range []int64{1, 1 << 12, 3 << 12, 7 << 12} {
		fuel = append(fuel, n, n+1, n+2, max(n-1, 1))
	}
	const jumps = 7<<12 + 1 // a loop of one more than this costs this much
	loop := code([4]int{0xb7, 1, 0, jumps + 1}, [4]int{0x07, 1, 0, -1}, [4]int{0x55, 1, -2, 0}, [4]int{0xb7, 0, 0, 5}, [4]int{0x95})
	everywhere(t, func(t *testing.T, opts rivet.CollectionOptions) {
		p, err := rivet.NewRawProgram("loop", loop, opts)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		// The last jump is executed and not taken; it costs as much.
		for _, n := range append(fuel, jumps+2, jumps+1, jumps) {
			for _, ctx := range []context.Context{context.Background(), t.Context()} {
				ret, err := p.RunContext(ctx, &rivet.RunOptions{Fuel: n})
				var f *rivet.Fault
				switch {
				case n > jumps:
					if err != nil || ret != 5 {
						t.Errorf("fuel %d: %d, %v", n, ret, err)
					}
				case !errors.As(err, &f) || f.Kind != rivet.FaultFuel || f.Insn != 2:
					t.Errorf("fuel %d: %d, %v", n, ret, err)
				}
			}
		}
	})
}

// Callbacks burn the fuel of the run that they are part of, on every engine the same.
func TestFuelOfCallbacks(t *testing.T) {
	// i callbacks, the n-th of which calls count n times, which jumps back k times, k < n.
	cost := func(n int) (sum int64) {
		for i := range n {
			sum++ // entry's loop
			for k := range i {
				sum += int64(1 + k)
			}
		}
		return sum
	}
	opts := rivet.CollectionOptions{Helpers: limits(nap)}
	s := spec(t, "limits")
	context := make([]byte, 24) // struct xdp_md
	context[16] = 5             // rx_queue_index
	all := cost(5)
	var fuel []int64
	for n := int64(1); n <= all+1; n++ {
		fuel = append(fuel, n)
	}
	sameEverywhere(t, s, "callbacks", opts, rivet.RunOptions{Context: context}, fuel)
	everywhere(t, func(t *testing.T, o rivet.CollectionOptions) {
		o.Helpers = opts.Helpers
		c := load(t, s, o)
		if got := burnIn(t, c, "callbacks", rivet.RunOptions{Context: context, Fuel: all}); got.end != "ends" {
			t.Errorf("with fuel %d: %v", all, got)
		}
		if got := burnIn(t, c, "callbacks", rivet.RunOptions{Context: context, Fuel: all - 1}); got.end == "ends" {
			t.Errorf("with fuel %d: %v", all-1, got)
		}
		if got := burnIn(t, c, "many_callbacks", rivet.RunOptions{Fuel: 1000}); got.end != "out of fuel at nothing:0" {
			t.Errorf("callbacks without end: %v", got)
		}
	})
}

// Calls burn fuel where there are too many of them without a jump back.
func TestFuelOfCalls(t *testing.T) {
	opts := rivet.CollectionOptions{Helpers: limits(nap)}
	sameEverywhere(t, spec(t, "limits"), "calls", opts, rivet.RunOptions{}, []int64{1, 2, 22})
	everywhere(t, func(t *testing.T, o rivet.CollectionOptions) {
		o.Helpers = opts.Helpers
		if got := burn(t, spec(t, "limits"), "calls", o, rivet.RunOptions{Fuel: 5}); !strings.HasPrefix(got.end, "out of fuel at deep") {
			t.Errorf("a billion calls: %v", got)
		}
	})
}

// waiters is a collection whose one run blocks until release is called.
func waiters(t *testing.T, opts rivet.CollectionOptions, runs int) (p *rivet.Program, release func(), entered chan bool) {
	gate := make(chan bool)
	entered = make(chan bool, 1000)
	opts.MaxRuns = runs
	c := loadLimits(t, opts, func(c *rivet.HelperCall) (uint64, error) {
		entered <- true
		<-gate
		return 0, nil
	})
	return c.Programs["waits"], sync.OnceFunc(func() { close(gate) }), entered
}

// Whoever waits for a run to end stops waiting with his context.
func TestWaitEndsWithContext(t *testing.T) {
	everywhere(t, func(t *testing.T, opts rivet.CollectionOptions) {
		p, release, entered := waiters(t, opts, 1)
		defer release()
		first := make(chan error)
		go func() {
			_, err := p.Run(nil)
			first <- err
		}()
		<-entered
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Millisecond)
		defer cancel()
		_, err := p.RunContext(ctx, nil)
		if f := (*rivet.Fault)(nil); errors.As(err, &f) || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "MaxRuns") {
			t.Errorf("error is %v", err)
		}
		release()
		if err := <-first; err != nil {
			t.Error(err)
		}
		if _, err := p.Run(nil); err != nil {
			t.Error(err)
		}
	})
}

// No wake-up gets lost when some of those who wait give up.
func TestManyWait(t *testing.T) {
	everywhere(t, func(t *testing.T, opts rivet.CollectionOptions) {
		opts.MaxRuns = 2
		c := loadLimits(t, opts, func(*rivet.HelperCall) (uint64, error) { return 0, nil })
		var all sync.WaitGroup
		var ran, gaveUp atomic.Int64
		for i := range 200 {
			all.Go(func() {
				ctx, cancel := context.Background(), func() {}
				if i%2 == 0 {
					ctx, cancel = context.WithTimeout(ctx, time.Duration(i)*time.Microsecond)
				}
				defer cancel()
				switch _, err := c.Programs["waits"].RunContext(ctx, nil); {
				case err == nil:
					ran.Add(1)
				case errors.Is(err, context.DeadlineExceeded):
					gaveUp.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		all.Wait()
		if ran.Load() < 100 || ran.Load()+gaveUp.Load() != 200 {
			t.Errorf("%d ran, %d gave up", ran.Load(), gaveUp.Load())
		}
	})
}

// A closed collection wakes those who wait.
func TestCloseWakes(t *testing.T) {
	everywhere(t, func(t *testing.T, opts rivet.CollectionOptions) {
		opts.Helpers, opts.MaxRuns = limits(untilEnd), 1
		c := load(t, spec(t, "limits"), opts)
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		errs := make(chan error, 2)
		for range 2 {
			go func() {
				_, err := c.Programs["waits"].RunContext(ctx, nil)
				errs <- err
			}()
		}
		time.Sleep(time.Millisecond)
		c.Close()
		if err := <-errs; err == nil || !strings.Contains(err.Error(), "closed") {
			t.Errorf("the one that waits: %v", err)
		}
		cancel()
		if err := <-errs; !errors.Is(err, context.Canceled) && !strings.Contains(err.Error(), "closed") {
			t.Errorf("the one that runs: %v", err)
		}
	})
}
