//go:build linux

package kerneltest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet"
	"github.com/rivetbpf/rivet/internal/kernel"
	"github.com/rivetbpf/rivet/internal/testenv"
)

// scripts are what is compared: one line for each subject, which is a file of its own.
var scripts = [][]Script{
	arrayScripts,
	hashScripts,
	mapUseScripts,
	flowScripts,
	netScripts, sockScripts,
	packetScripts,
	lwtScripts,
	ringbufScripts,
	perfScripts,
	lpmScripts,
	queueScripts,
	mapInMapScripts,
	mapKindScripts,
	arenaScripts,
	timeScripts,
	taskScripts,
	memoryScripts,
	formatScripts,
	showScripts,
	tracingScripts,
	storageScripts,
	dynptrScripts,
}

// TestWorld does every script in the kernel and on each engine.
func TestWorld(t *testing.T) {
	testenv.NeedBPF(t)
	programs, runs, checks := map[string]bool{}, 0, 0
	for _, subject := range scripts {
		for _, sc := range subject {
			t.Run(sc.label(), func(t *testing.T) {
				var want []string
				if sc.Alone == "" {
					want = inKernel(t, &sc)
				}
				for _, engine := range []rivet.Engine{rivet.EngineInterp, rivet.EngineHart} {
					s := inRivet(t, &sc, engine)
					if want == nil {
						want = s.log
					}
					sameLog(t, engine, s.log, want)
					programs[sc.Object] = true
					runs, checks = runs+s.Runs, checks+s.Checks
				}
			})
		}
	}
	t.Logf("%d objects, %d runs on rivet's engines, %d comparisons with Linux %s", len(programs), runs, checks, kernel.Release())
}

// TestEnginesAgreeOnWorld does every script without a kernel, native code included.
func TestEnginesAgreeOnWorld(t *testing.T) {
	for _, subject := range scripts {
		for _, sc := range subject {
			t.Run(sc.label(), func(t *testing.T) {
				want := inRivet(t, &sc, rivet.EngineInterp).log
				for _, engine := range rivet.Engines() {
					if engine != rivet.EngineInterp {
						sameLog(t, engine, inRivet(t, &sc, engine).log, want)
					}
				}
			})
		}
	}
}

func (sc *Script) label() string {
	if sc.Name != "" {
		return sc.Object + "/" + sc.Name
	}
	return sc.Object
}

func (sc *Script) spec(t *testing.T) *ebpf.CollectionSpec {
	t.Helper()
	spec, err := rivet.LoadCollectionSpec(root + "/testdata/world/" + sc.Object + ".o")
	if err != nil {
		t.Fatal(err)
	}
	if sc.Edit != nil {
		sc.Edit((*ebpf.CollectionSpec)(spec))
	}
	return (*ebpf.CollectionSpec)(spec)
}

func inKernel(t *testing.T, sc *Script) []string {
	t.Helper()
	defer enterNamespace(t, sc.Net)()
	c, err := kernel.Load(sc.spec(t))
	if err != nil {
		t.Fatalf("kernel: %v", err)
	}
	defer c.Close()
	s := NewKernelSession(c)
	sc.Do(s)
	return s.log
}

func inRivet(t *testing.T, sc *Script, engine rivet.Engine) *Session {
	t.Helper()
	opts := sc.Options
	opts.Engine = engine
	c, err := rivet.NewCollectionWithOptions(sc.spec(t), opts)
	if err != nil {
		t.Fatalf("%v: %v", engine, err)
	}
	defer c.Close()
	s := NewSession(c)
	sc.Do(s)
	return s
}

// sameLog shows the first line that differs, with what led to it.
func sameLog(t *testing.T, engine rivet.Engine, got, want []string) {
	t.Helper()
	line := func(l []string, i int) string {
		if i < len(l) {
			return l[i]
		}
		return "(nothing more)"
	}
	for i := range max(len(got), len(want)) {
		if line(got, i) != line(want, i) {
			before := ""
			for _, l := range want[max(0, i-3):min(i, len(want))] {
				before += fmt.Sprintf("         %.400s\n", l)
			}
			t.Errorf("%v, line %d:\n%s   gives %.2000s\n  wanted %.2000s", engine, i+1, before, line(got, i), line(want, i))
			return
		}
	}
}

// What a script cannot find fails it; it does not pass by being the same on both sides.
func TestSessionSeesWhatIsNotThere(t *testing.T) {
	sc := Script{Object: "array", Do: func(*Session) {}}
	c, err := rivet.NewCollection(sc.spec(t))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s := NewSession(c)
	if out := s.Quiet("nothing", Input{}); out.Err == nil || errors.Is(out.Err, ebpf.ErrNotSupported) {
		t.Errorf("a program that is not there: %v", out.Err)
	}
}
