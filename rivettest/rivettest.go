// Package rivettest helps to test eBPF programs with go test: it loads objects,
// runs packets through them, says what differs in packets and maps, and
// measures which lines of the C sources the tests executed. It needs neither root nor Linux.
//
//	func TestDropsBlocked(t *testing.T) {
//		coll := rivettest.Load(t, "firewall.o")
//		res := rivettest.Run(t, coll.Programs["firewall"], packet)
//		res.ExpectVerdict(t, "XDP_DROP")
//		rivettest.ExpectValue(t, coll.Maps["drops"], uint32(1), uint64(1))
//	}
//
// Functions whose names begin with Expect report what is wrong and go on, as
// [testing.T.Errorf] does; the others end the test where they cannot do their work.
//
// # Coverage
//
// The package adds two flags to tests that use it. They name files, which are written whenever a
// collection that [Load] and its like have made is closed, and hold all tests of the package so far:
//
//	go test ./firewall -rivet.coverprofile=cover.out -rivet.coverfunc=cover.txt
//	go tool cover -html=firewall/cover.out
//
// The names of files are relative to the folder of the package. The profile counts how often each place in the C sources was
// executed; go tool cover shows it with -html. Its -func reads Go sources alone:
// for C -rivet.coverfunc writes the same table, a line for each function of the objects, in which inlined functions
// count as part of those that they are in.
//
// Collections are then run by the interpreter, which counts, unless they ask for another engine. A source is
// found where the object says that it was compiled from, relative to the test's folder or one above; headers of the system are left out.
package rivettest

import (
	"strings"
	"sync"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet"
	"github.com/rivetbpf/rivet/internal/inspect"
)

// Load loads an object file and closes it with the test. At most one set of
// options may be given. What programs print with bpf_trace_printk goes to the test's log, unless the options say where.
func Load(t testing.TB, file string, opts ...rivet.CollectionOptions) *rivet.Collection {
	t.Helper()
	spec, err := rivet.LoadCollectionSpec(file)
	if err != nil {
		t.Fatal(err)
	}
	return LoadSpec(t, spec, opts...)
}

// LoadSpec is [Load] for a spec, cilium/ebpf's or rivet's, that was read and perhaps changed before.
func LoadSpec[S rivet.Spec](t testing.TB, spec *S, opts ...rivet.CollectionOptions) *rivet.Collection {
	t.Helper()
	coll, err := load(t, spec, opts)
	if err != nil {
		t.Fatal(err)
	}
	return coll
}

// LoadAndAssign is [rivet.LoadAndAssign] for a test: what a struct such as bpf2go generates asks for is loaded,
// and closed with the test.
func LoadAndAssign[S rivet.Spec](t testing.TB, spec *S, to any, opts ...rivet.CollectionOptions) {
	t.Helper()
	var all *ebpf.CollectionSpec
	switch s := any(spec).(type) {
	case *rivet.CollectionSpec:
		all = (*ebpf.CollectionSpec)(s)
	case *ebpf.CollectionSpec:
		all = s
	}
	part, err := inspect.Part(all, to)
	if err != nil {
		t.Fatal(err)
	}
	coll, err := load(t, part, opts)
	if err == nil {
		err = coll.Assign(to)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func load[S rivet.Spec](t testing.TB, spec *S, all []rivet.CollectionOptions) (*rivet.Collection, error) {
	t.Helper()
	var opts rivet.CollectionOptions
	switch len(all) {
	case 0:
	case 1:
		opts = all[0]
	default:
		t.Fatalf("%d sets of options: there may be one", len(all))
	}
	if opts.TracePrintk == nil {
		opts.TracePrintk = newLogWriter(t)
	}
	if covering() && (opts.Engine == rivet.EngineDefault || opts.Engine == rivet.EngineInterp) {
		opts.Coverage = true
	}
	coll, err := rivet.NewCollectionWithOptions(spec, opts)
	if err != nil {
		return nil, err
	}
	var programs []*rivet.Program // also those that leave the collection
	for _, p := range coll.Programs {
		programs = append(programs, p)
	}
	t.Cleanup(func() {
		for _, p := range programs {
			p.Close()
		}
		coll.Close()
		if coll.Engine() == rivet.EngineInterp && opts.Coverage {
			covered.add(t, coll.Coverage())
		}
	})
	return coll, nil
}

// Engines runs a test on each engine of this build, as a subtest with the engine's name. The test passes the engine on:
//
//	rivettest.Engines(t, func(t *testing.T, engine rivet.Engine) {
//		coll := rivettest.Load(t, "firewall.o", rivet.CollectionOptions{Engine: engine})
//		…
//	})
func Engines(t *testing.T, test func(t *testing.T, engine rivet.Engine)) {
	t.Helper()
	for _, e := range rivet.Engines() {
		t.Run(e.String(), func(t *testing.T) { test(t, e) })
	}
}

// logWriter writes lines to the log of a test, as long as that goes on.
type logWriter struct {
	mu sync.Mutex
	t  testing.TB // nil when the test has ended
}

func newLogWriter(t testing.TB) *logWriter {
	w := &logWriter{t: t}
	t.Cleanup(func() {
		w.mu.Lock()
		w.t = nil
		w.mu.Unlock()
	})
	return w
}

func (w *logWriter) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.t != nil {
		w.t.Log(strings.TrimRight(string(line), "\n"))
	}
	return len(line), nil
}
