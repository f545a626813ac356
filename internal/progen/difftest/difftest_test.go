package difftest

import (
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rivetbpf/rivet/internal/arena"
	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/engine"
	"github.com/rivetbpf/rivet/internal/engines"
	"github.com/rivetbpf/rivet/internal/interp"
	"github.com/rivetbpf/rivet/internal/load"
	"github.com/rivetbpf/rivet/internal/progen"
)

// traceEvery says which programs are run with a trace, too: one in so many.
const traceEvery = 4

// TestEngines runs programs of fixed seeds on every engine, in both schemes.
func TestEngines(t *testing.T) {
	n := 20_000
	if s := os.Getenv("RIVET_PROGRAMS"); s != "" {
		n, _ = strconv.Atoi(s)
	} else if testing.Short() {
		n = 1000
	}
	mixtures := progen.Mixtures()
	eachSeed(n, func(seed uint64) bool {
		p := progen.Generate(seed, mixtures[mixture(seed)])
		err := Compare(p, seed%traceEvery == 0)
		if err != nil {
			t.Errorf("seed %d: %v", seed, err)
			report(t, p, err)
		}
		return err == nil
	})
	t.Logf("%d programs on %d engines, 2 schemes", n, len(Engines))
}

// mixture says what kind of program a seed is for.
func mixture(seed uint64) string {
	switch {
	case seed%50 == 0:
		return "large"
	case seed%8 == 1:
		return "calls"
	case seed%8 == 2:
		return "faulty"
	case seed%8 == 3:
		return "memory"
	}
	return "default"
}

// eachSeed calls f with the seeds below n, on all processors, until f reports false.
func eachSeed(n int, f func(seed uint64) bool) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for {
				seed := next.Add(1) - 1
				if seed >= int64(n) {
					return
				}
				if !f(uint64(seed)) {
					next.Store(int64(n))
				}
			}
		})
	}
	wg.Wait()
}

// TestShape holds the generator to its word, with the interpreter as witness:
// programs end, fault where that is intended alone, and never rely on what a
// call destroys.
func TestShape(t *testing.T) {
	if arena.Base != 0x1000_0000 {
		t.Fatal("progen probes the edges of an arena at another address")
	}
	plain, faulty := progen.Default(), progen.Default()
	plain.Faulty, faulty.Faulty = 0, 100
	const n = 1500
	var p, f tally
	for seed := range uint64(n) {
		p.run(t, seed, plain)
		f.run(t, seed, faulty)
	}
	t.Logf("a plain program executes %d instructions, %.1f subprogram calls, %.1f tail calls (and %.1f that miss)",
		p.retired/n, float64(p.events[engine.EventCall])/n, float64(p.events[engine.EventTailCall])/n,
		float64(p.events[engine.EventTailCallMissed])/n)
	if p.events[engine.EventTailCall] < n/2 || p.events[engine.EventTailCallMissed] < n/10 || p.events[engine.EventCall] < n {
		t.Errorf("calls are rare")
	}
	// Tail calls multiply loops, and nest indirect calls, beyond what the generator bounds.
	spent := p.faults[engine.FaultFuel] + p.limits
	if all := p.sum(); all != spent || spent > n/50 {
		t.Errorf("%d plain programs fault, %d at a limit", all, spent)
	}
	for _, kind := range []engine.FaultKind{engine.FaultAccess, engine.FaultMisalign, engine.FaultFuel, engine.FaultHelper, engine.FaultBadCall} {
		t.Logf("%d of %d faulty programs: %v", f.faults[kind], n, kind)
		if f.faults[kind] < n/100 {
			t.Errorf("%v: rare", kind)
		}
	}
}

// tally counts what programs do.
type tally struct {
	retired uint64
	events  map[engine.EventKind]int
	faults  map[engine.FaultKind]int
	limits  int // indirect calls nested too deep
}

func (c *tally) sum() (n int) {
	for _, k := range c.faults {
		n += k
	}
	return n + c.limits
}

// poisoned is the reference with other values in what calls destroy.
var poisoned = Engine{"interp with poison", false, func(w *World, s engine.Scheme) (engines.Engine, error) {
	e, err := interp.New(w.Module, w.Arena, w.Tables, s)
	if err == nil {
		e.Poison = true
	}
	return e, err
}}

func (c *tally) run(t *testing.T, seed uint64, cfg progen.Config) {
	if c.events == nil {
		c.events, c.faults = map[engine.EventKind]int{}, map[engine.FaultKind]int{}
	}
	p := progen.Generate(seed, cfg)
	mod, err := p.Module()
	if err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	ar, err := NewArena()
	if err != nil {
		t.Fatal(err)
	}
	out, err := Run(p, mod, ar, &Engines[0], engine.Shared, true)
	if err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	c.retired += out.retired
	for _, ev := range out.Events {
		c.events[ev.Kind]++
	}
	switch f := out.Fault; {
	case f == nil:
	case f.Kind == engine.FaultBadCall && f.Err != nil && f.Addr >= bpf.FuncHandleBase && cfg.Faulty == 0:
		c.limits++
	default:
		c.faults[f.Kind]++
	}
	if err := compareOne(p, mod, ar, &poisoned, out, engine.Shared, true); err != nil {
		t.Fatalf("seed %d relies on registers that a call destroys: %v\n%s", seed, err, p.Text())
	}
}

// FuzzEngines lets the fuzzer's bytes take the generator's decisions.
func FuzzEngines(f *testing.F) {
	for seed := range uint64(20) {
		b := make([]byte, 0, 64)
		for i := range uint64(64) {
			b = append(b, byte(hash(seed, i)>>32))
		}
		f.Add(b)
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		p := progen.FromBytes(data, progen.Default())
		if err := Compare(p, len(data)%traceEvery == 0); err != nil {
			t.Error(err)
			report(t, p, err)
		}
	})
}

// report shrinks a program on which engines differ and keeps it as a file:
// renamed, it is a regression test (see TestRegressions).
func report(t *testing.T, p *progen.Program, err error) {
	t.Helper()
	var m *Mismatch
	if !errors.As(err, &m) {
		t.Log(p.Text())
		return
	}
	small := ShrinkMismatch(p, m, 20*time.Second)
	what, _, _ := strings.Cut(fmt.Sprint(comparePair(small, m.Engine, m.Scheme)), "\n")
	text := "; " + what + "\n" + small.Text()
	name := filepath.Join("testdata", fmt.Sprintf("found_%08x.prog", hash(uint64(len(text)), uint64(crc32.ChecksumIEEE([]byte(text))))>>32))
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Log(err)
	}
	t.Logf("%s:\n%s", name, text)
}

// TestRegressions runs the programs that once showed a bug.
func TestRegressions(t *testing.T) {
	files, err := filepath.Glob("testdata/*.prog")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			p, err := progen.Parse(string(text))
			if err != nil {
				t.Fatal(err)
			}
			if err := Compare(p, true); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestShrink: of a program that is kept for one of its instructions little else remains.
func TestShrink(t *testing.T) {
	isNeg := func(in bpf.Insn) bool { return in.Op == bpf.ClassALU64|bpf.ALUNeg }
	tried := 0
	for seed := uint64(0); tried < 5; seed++ {
		p := progen.Generate(seed, progen.Default())
		keep := func(q *progen.Program) bool {
			return slices.ContainsFunc(q.Raw, func(r load.RawProgram) bool { return slices.ContainsFunc(r.Insns, isNeg) })
		}
		if !keep(p) {
			continue
		}
		tried++
		small := Shrink(p, keep, time.Minute)
		if mod, err := small.Module(); err != nil || progen.Defined(mod, small.Slots) != nil {
			t.Errorf("seed %d: what is left is not valid: %v", seed, err)
		}
		if n := small.Insns(); n > 8 || !keep(small) {
			t.Errorf("seed %d: %d instructions of %d are left:\n%s", seed, n, p.Insns(), small.Text())
		}
	}
}
