package difftest

import (
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"runtime"
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
	eachSeed(n, func(seed uint64) bool {
		p := progen.Generate(seed, progen.Default())
		err := Compare(p, seed%traceEvery == 0)
		if err != nil {
			t.Errorf("seed %d: %v", seed, err)
			report(t, p, err)
		}
		return err == nil
	})
	t.Logf("%d programs on %d engines, 2 schemes", n, len(Engines))
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
	poisoned := Engine{"interp with poison", func(w *World, s engine.Scheme) (engines.Engine, error) {
		e, err := interp.New(w.Module, w.Arena, w.Tables, s)
		if err == nil {
			e.Poison = true
		}
		return e, err
	}}
	plain, faulty := progen.Default(), progen.Default()
	plain.Faulty, faulty.Faulty = 0, 100
	const n = 1500
	spent := 0
	var retired, tailCalls, missed, subcalls, kinds [8]uint64
	for seed := range uint64(n) {
		for k, cfg := range []progen.Config{plain, faulty} {
			p := progen.Generate(seed, cfg)
			mod, err := p.Module()
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			out, err := Run(p, mod, &Engines[0], engine.Shared, true)
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			switch f := out.Fault; {
			case f == nil:
			case k == 1:
				kinds[f.Kind]++
			case f.Kind == engine.FaultFuel, f.Kind == engine.FaultBadCall && f.Addr >= bpf.FuncHandleBase:
				spent++ // tail calls multiply loops, and nest indirect calls, beyond what the generator bounds
			default:
				t.Fatalf("seed %d: %v\n%s", seed, out.Fault, p.Text())
			}
			if k == 0 {
				retired[0] += out.retired
			}
			for _, ev := range out.Events {
				switch ev.Kind {
				case engine.EventTailCall:
					tailCalls[k]++
				case engine.EventTailCallMissed:
					missed[k]++
				case engine.EventCall:
					subcalls[k]++
				}
			}
			if again, err := Run(p, mod, &poisoned, engine.Shared, false); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			} else {
				again.Events = out.Events
				if s := diff(out, again); s != "" {
					t.Fatalf("seed %d relies on registers that a call destroys: %s\n%s", seed, s, p.Text())
				}
			}
		}
	}
	t.Logf("a plain program executes %d instructions, %.1f subprogram calls, %.1f tail calls (and %.1f that miss)",
		retired[0]/n, float64(subcalls[0])/n, float64(tailCalls[0])/n, float64(missed[0])/n)
	if spent > n/50 {
		t.Errorf("%d of %d plain programs reach a limit", spent, n)
	}
	faults := uint64(0)
	for k, c := range kinds {
		if c > 0 {
			t.Logf("%d of %d faulty programs: %v", c, n, engine.FaultKind(k))
		}
		faults += c
	}
	if faults < n/5 || kinds[engine.FaultMisalign] == 0 || kinds[engine.FaultFuel] == 0 || kinds[engine.FaultHelper] == 0 || kinds[engine.FaultBadCall] == 0 {
		t.Errorf("kinds of faults are missing, or there are few: %v", kinds)
	}
	if tailCalls[0] < n/2 || missed[0] < n/10 || subcalls[0] < n {
		t.Errorf("calls are rare")
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
