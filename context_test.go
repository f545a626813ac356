package rivet_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet"
	"github.com/rivetbpf/rivet/internal/cputime"
	"github.com/rivetbpf/rivet/internal/testenv"
)

// limits are the helpers that testdata/face/limits.c needs; wait is one of them.
func limits(wait func(c *rivet.HelperCall) (uint64, error)) []rivet.Helper {
	return []rivet.Helper{theirs()[1], {ID: 5002, Name: "wait", Func: wait}}
}

func nap(*rivet.HelperCall) (uint64, error) {
	time.Sleep(time.Millisecond)
	return 0, nil
}

func untilEnd(c *rivet.HelperCall) (uint64, error) {
	<-c.Context().Done()
	return 0, c.Context().Err()
}

// loadLimits makes a collection of testdata/face/limits.c whose runs have no bound.
func loadLimits(t testing.TB, opts rivet.CollectionOptions, wait func(c *rivet.HelperCall) (uint64, error)) *rivet.Collection {
	opts.Helpers = limits(wait)
	if opts.Fuel == 0 {
		opts.Fuel = -1
	}
	return load(t, spec(t, "limits"), opts)
}

// patience is how long a program may go on after the end of its context. It is
// processor time, which other processes of the machine do not lengthen.
func patience() time.Duration {
	if testenv.Emulator() != "" || testenv.Race {
		return 100 * time.Millisecond
	}
	return 10 * time.Millisecond
}

// cancelRun runs p, cancels it after a while, and returns how long that took and
// the error. On a busy machine a run may not have begun by then, and another is made.
func cancelRun(p *rivet.Program, opts *rivet.RunOptions, after time.Duration) (time.Duration, error) {
	for {
		took, err := cancelOnce(p, opts, after)
		if f := (*rivet.Fault)(nil); errors.As(err, &f) || !errors.Is(err, context.Canceled) {
			return took, err
		}
		after *= 2
	}
}

func cancelOnce(p *rivet.Program, opts *rivet.RunOptions, after time.Duration) (time.Duration, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var at atomic.Int64
	time.AfterFunc(after, func() {
		at.Store(int64(cputime.Used()))
		cancel()
	})
	_, err := p.RunContext(ctx, opts)
	return cputime.Used() - time.Duration(at.Load()), err
}

// wantStopped makes sure that p is stopped in time, in one of some functions, and returns the fault.
func wantStopped(t *testing.T, p *rivet.Program, opts *rivet.RunOptions, functions ...string) *rivet.Fault {
	t.Helper()
	var took []time.Duration
	var f *rivet.Fault
	for i := range 5 {
		d, err := cancelRun(p, opts, time.Duration(2+5*i)*time.Millisecond)
		took = append(took, d)
		if !errors.As(err, &f) || f.Kind != rivet.FaultStopped {
			t.Fatalf("%s: error is %v, want a fault of kind stopped", p.Name(), err)
		}
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v does not wrap context.Canceled", p.Name(), err)
		}
		if f.Program != p.Name() || !slices.Contains(functions, f.Function) {
			t.Errorf("%s: stopped in function %s of program %s, want %v", p.Name(), f.Function, f.Program, functions)
		}
	}
	slices.Sort(took)
	t.Logf("%s: took %v; %v", p.Name(), took, f)
	if took[len(took)/2] > patience() {
		t.Errorf("%s: took %v to stop, want at most %v", p.Name(), took, patience())
	}
	return f
}

func TestRunContextStops(t *testing.T) {
	everywhere(t, func(t *testing.T, opts rivet.CollectionOptions) {
		c := loadLimits(t, opts, nap)
		for program, functions := range map[string][]string{
			"looper":           {"forever"},
			"behind_tail_call": {"forever", "looper"},
			"helpers":          {"helpers"},
			"slow_helpers":     {"slow_helpers"},
			"callback":         {"forever"},
			"many_callbacks":   {"many_callbacks", "nothing"},
			"calls":            {"calls", "leaf", "deep1", "deep2", "deep3", "deep4", "deep5", "deep6"},
		} {
			f := wantStopped(t, c.Programs[program], nil, functions...)
			if f.Line == 0 || !strings.HasSuffix(f.File, "limits.c") || !strings.Contains(f.Error(), ": stopped: context canceled") {
				t.Errorf("%s: %+v", program, f)
			}
		}
	})
}

// What is stopped is stopped by its own context alone: the memory of a run is
// used again, and contexts may end at any time.
func TestStopIsForgotten(t *testing.T) {
	everywhere(t, func(t *testing.T, opts rivet.CollectionOptions) {
		c := load(t, spec(t, "basic"), opts)
		var ends sync.WaitGroup
		for range 200 {
			ctx, cancel := context.WithCancel(context.Background())
			ends.Go(cancel)
			if _, err := c.Programs["env"].RunContext(ctx, nil); err != nil && !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			if _, err := c.Programs["env"].Run(nil); err != nil {
				t.Fatal(err)
			}
		}
		ends.Wait()
	})
}

// code assembles raw instructions of 8 bytes: opcode, registers, offset, immediate.
func code(insns ...[4]int) []byte {
	var b []byte
	for _, in := range insns {
		b = append(b, byte(in[0]), byte(in[1]))
		b = binary.LittleEndian.AppendUint16(b, uint16(in[2]))
		b = binary.LittleEndian.AppendUint32(b, uint32(in[3]))
	}
	return b
}

// Many instructions lie between two jumps, after a time in which few did.
func TestLongBodyStops(t *testing.T) {
	const body = 900_000
	insns := [][4]int{{0xb7, 0, 0, 0}, {0xb7, 1, 0, 5_000_000}, {0x07, 1, 0, -1}, {0x55, 1, -2, 0}}
	for range body {
		insns = append(insns, [4]int{0x07, 0, 0, 1}) // r0 += 1
	}
	insns = append(insns, [4]int{0x06, 0, 0, -body - 1}) // gotol
	for _, e := range rivet.Engines() {
		p, err := rivet.NewRawProgram("long", code(insns...), rivet.CollectionOptions{Engine: e, Fuel: -1})
		if err != nil {
			t.Fatal(err)
		}
		t.Run(e.String(), func(t *testing.T) {
			wantStopped(t, p, nil, "long")
			if d, err := cancelRun(p, nil, 200*time.Millisecond); d > 2*patience() {
				t.Errorf("took %v to stop: %v", d, err)
			}
		})
		p.Close()
	}
}

// Two subprograms that each tail-call their entry: by value they run 2^34 - 1 times.
func TestTailCallsByValue(t *testing.T) {
	s, err := ebpf.LoadCollectionSpec("testdata/kernel/two_subs.o")
	if err != nil {
		t.Fatal(err)
	}
	everywhere(t, func(t *testing.T, opts rivet.CollectionOptions) {
		opts.Fuel = -1
		c := load(t, s, opts)
		p := c.Programs["entry"]
		if opts.TailCalls == rivet.TailCallsShared { // nothing to stop
			run(t, c, "entry", nil)
			return
		}
		wantStopped(t, p, nil, "entry", "left", "right")
		var f *rivet.Fault
		_, err := p.Run(&rivet.RunOptions{Fuel: 100_000})
		if !errors.As(err, &f) || f.Kind != rivet.FaultFuel || f.Function != "left" && f.Function != "right" {
			t.Errorf("with fuel: %v", err)
		}
	})
}

func TestEndedContextDoesNotRun(t *testing.T) {
	everywhere(t, func(t *testing.T, opts rivet.CollectionOptions) {
		c := load(t, spec(t, "basic"), opts)
		why := errors.New("no more")
		ctx, cancel := context.WithCancelCause(context.Background())
		cancel(why)
		_, err := c.Programs["entry"].RunContext(ctx, &rivet.RunOptions{Data: []byte{0}})
		if f := (*rivet.Fault)(nil); errors.As(err, &f) || !errors.Is(err, context.Canceled) || !errors.Is(err, why) {
			t.Errorf("error is %v", err)
		}
		if n := counter(t, c, 0); n != 0 {
			t.Errorf("the program ran")
		}
	})
}

func TestDeadline(t *testing.T) {
	everywhere(t, func(t *testing.T, opts rivet.CollectionOptions) {
		c := loadLimits(t, opts, nap)
		why := errors.New("time is up")
		ctx, cancel := context.WithTimeoutCause(context.Background(), 100*time.Millisecond, why)
		defer cancel()
		res, err := c.Programs["looper"].RunDetailedContext(ctx, &rivet.RunOptions{Data: []byte{1, 2}})
		var f *rivet.Fault
		if !errors.As(err, &f) || f.Kind != rivet.FaultStopped || !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, why) {
			t.Errorf("error is %v", err)
		}
		if len(res.Data) != 2 {
			t.Errorf("the packet is % x", res.Data)
		}
	})
}

// A program without loops that is run many times is stopped between two of them.
func TestRepeatStops(t *testing.T) {
	everywhere(t, func(t *testing.T, opts rivet.CollectionOptions) {
		p, err := rivet.NewRawProgram("p", code([4]int{0xb7, 0, 0, 7}, [4]int{0x95}), opts)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		wantStopped(t, p, &rivet.RunOptions{Repeat: 1<<32 - 1}, "p")
	})
}

type key struct{}

func TestHelperSeesContext(t *testing.T) {
	everywhere(t, func(t *testing.T, opts rivet.CollectionOptions) {
		var seen context.Context
		c := loadLimits(t, opts, func(c *rivet.HelperCall) (uint64, error) {
			seen = c.Context()
			return 41, nil
		})
		if ret := run(t, c, "waits", nil); ret != 42 || seen != context.Background() {
			t.Errorf("waits is %d, its context %v", ret, seen)
		}
		ctx := context.WithValue(context.Background(), key{}, "value")
		if _, err := c.Programs["waits"].RunContext(ctx, nil); err != nil || seen.Value(key{}) != "value" {
			t.Errorf("%v; the context is %v", err, seen)
		}
	})
}

// The context ends while a helper waits for that.
func TestHelperIsStopped(t *testing.T) {
	everywhere(t, func(t *testing.T, opts rivet.CollectionOptions) {
		c := loadLimits(t, opts, untilEnd)
		_, err := cancelRun(c.Programs["waits"], nil, 2*time.Millisecond)
		var f *rivet.Fault
		if !errors.As(err, &f) || f.Kind != rivet.FaultHelper || f.Function != "waits" || !errors.Is(err, context.Canceled) {
			t.Errorf("helper that fails with its context: %v", err)
		}
		c = loadLimits(t, opts, func(c *rivet.HelperCall) (uint64, error) {
			<-c.Context().Done()
			return 0, nil
		})
		// At the call, or in the loop around it: the helper may see the end of the context before the engine is told.
		if f := wantStopped(t, c.Programs["slow_helpers"], nil, "slow_helpers"); !strings.Contains(f.Text, "wait()") && !strings.Contains(f.Text, "while (on)") {
			t.Errorf("stopped in line %q, not in that of the call", f.Text)
		}
	})
}

// A helper that does not tell that its callback was stopped does not keep the
// program running, and one that wraps the error keeps what it wraps.
func TestCallbackDoesNotEscape(t *testing.T) {
	everywhere(t, func(t *testing.T, opts rivet.CollectionOptions) {
		for name, tell := range map[string]func(error) error{
			"swallows": func(error) error { return nil },
			"wraps":    func(err error) error { return fmt.Errorf("apply: %w", err) },
		} {
			opts.Helpers = limits(nap)
			opts.Helpers[0].Func = func(c *rivet.HelperCall) (uint64, error) {
				_, err := c.Call(c.Arg(0), 0, 0)
				return 0, tell(err)
			}
			opts.Fuel = -1
			c := load(t, spec(t, "limits"), opts)
			_, err := cancelRun(c.Programs["callback"], nil, 2*time.Millisecond)
			var f *rivet.Fault
			if !errors.As(err, &f) || f.Function != "callback" || !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v", name, err)
			}
			_, err = c.Programs["callback"].Run(&rivet.RunOptions{Fuel: 1000})
			if name == "swallows" { // nothing is left, but nothing more is needed
				if err != nil {
					t.Errorf("out of fuel, %s: %v", name, err)
				}
			} else if !errors.As(err, &f) || !strings.Contains(err.Error(), "out of fuel") {
				t.Errorf("out of fuel, %s: %v", name, err)
			}
		}
	})
}

func TestRunContextDoesNotAllocate(t *testing.T) {
	everywhere(t, func(t *testing.T, opts rivet.CollectionOptions) {
		p, o := load(t, spec(t, "basic"), opts).Programs["entry"], &rivet.RunOptions{Data: []byte{1, 2, 3}}
		ctx := context.WithValue(context.Background(), key{}, 1)
		if n := testing.AllocsPerRun(100, func() { p.RunContext(ctx, o) }); n > 0 {
			t.Errorf("a run whose context does not end makes %.0f allocations", n)
		}
	})
}
