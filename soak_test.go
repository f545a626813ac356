package rivet_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet"
	"github.com/rivetbpf/rivet/internal/arena"
	"github.com/rivetbpf/rivet/internal/native"
)

// soakVar names the environment variable that says how long TestSoak runs, such
// as 5m. make soak sets it.
const soakVar = "RIVET_SOAK"

// TestSoak lets everything happen at once, on four threads, with a garbage
// collection always going on and a profile being taken: thousands of goroutines
// run programs whose helpers allocate, grow the stack, call back, fail and panic,
// while slots are replaced and collections closed, forgotten and opened again.
// Nothing may get lost (every run is counted by the guest and by the test) and
// nothing may leak (mappings and goroutines).
func TestSoak(t *testing.T) {
	engines := rivet.Engines()
	d := 4 * time.Second / time.Duration(len(engines))
	if slices.Contains(engines, rivet.EngineNative) {
		engines, d = []rivet.Engine{rivet.EngineNative}, 20*time.Second
	}
	if testing.Short() {
		d = time.Second
	}
	if s := os.Getenv(soakVar); s != "" {
		var err error
		if d, err = time.ParseDuration(s); err != nil {
			t.Fatalf("%s: %v", soakVar, err)
		}
	}
	native.Poison = true
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	defer debug.SetGCPercent(debug.SetGCPercent(1))
	for _, e := range engines {
		t.Run(e.String(), func(t *testing.T) { soakFor(t, e, d) })
	}
}

const (
	soakWorkers = 2000
	soakPlaces  = 4
)

// soak is what its goroutines share.
type soak struct {
	t      *testing.T
	opts   rivet.CollectionOptions
	spec   *ebpf.CollectionSpec
	stop   atomic.Bool
	places [soakPlaces]atomic.Pointer[generation]
	done   [len(soakJobs)]atomic.Int64 // runs of each kind
	missed atomic.Int64                // runs that met a closed collection
	opened atomic.Int64
	profil atomic.Int64 // profiles in which generated code was seen
}

// generation is one collection between its opening and its end.
type generation struct {
	c       *rivet.Collection
	mu      sync.RWMutex // held for reading by whoever uses c
	over    bool
	closing atomic.Bool
	runs    atomic.Uint64 // what the guest's counters must be
	tails   atomic.Uint64
}

func soakFor(t *testing.T, e rivet.Engine, d time.Duration) {
	s := &soak{t: t, opts: rivet.CollectionOptions{Engine: e, Helpers: soakHelpers(), MaxRuns: 48}, spec: soakSpec(t)}
	s.warmUp()
	before := settle(usage{})
	var wg sync.WaitGroup
	for i := range s.places {
		s.places[i].Store(s.open())
	}
	for i := range soakWorkers {
		wg.Go(func() { s.work(rand.New(rand.NewPCG(1, uint64(i)))) })
	}
	others := []func(){s.replaceSlots, s.forget, s.collect, s.profile}
	for i := range s.places {
		others = append(others, func() { s.reopen(i) })
	}
	for _, f := range others {
		wg.Go(func() {
			for !s.stop.Load() && !t.Failed() {
				f()
			}
			s.stop.Store(true)
		})
	}
	for end := time.Now().Add(d); time.Now().Before(end) && !s.stop.Load(); {
		time.Sleep(20 * time.Millisecond)
	}
	s.stop.Store(true)
	wg.Wait()
	for i := range s.places {
		s.end(s.places[i].Swap(nil), i%2 == 0)
	}
	s.report(d)
	if after := settle(before); after.worse(before) {
		t.Errorf("left over: %v, before: %v", after, before)
	}
}

// warmUp makes what stays: goroutines of the runtime, the profiler's buffers.
func (s *soak) warmUp() {
	s.end(s.open(), true)
	s.collect()
	s.profile()
}

func soakSpec(t *testing.T) *ebpf.CollectionSpec {
	spec, err := ebpf.LoadCollectionSpec("testdata/soak/soak.o")
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

func (s *soak) open() *generation {
	c, err := rivet.NewCollectionWithOptions(s.spec, s.opts)
	if err == nil {
		err = c.Maps["jump"].Put(uint32(2), c.Programs["chain"])
	}
	if err != nil {
		s.t.Errorf("opening a collection: %v", err)
		s.stop.Store(true)
		return nil
	}
	s.opened.Add(1)
	return &generation{c: c}
}

// end waits for the runs of a generation and compares the counters. A
// generation that is closed is so while its programs run.
func (s *soak) end(g *generation, closed bool) {
	if g == nil {
		return
	}
	if closed {
		g.closing.Store(true)
		g.c.Close()
	}
	g.mu.Lock()
	g.over = true
	g.mu.Unlock()
	for i, want := range []uint64{g.runs.Load(), g.tails.Load()} {
		var n uint64
		if err := g.c.Maps["counts"].Lookup(uint32(i), &n); err != nil || n != want {
			s.t.Errorf("counts[%d] is %d, want %d; %v", i, n, want, err)
		}
	}
	if !closed {
		return
	}
	if err := g.c.Maps["jump"].Put(uint32(0), g.c.Programs["leaf_b"]); err != nil {
		s.t.Errorf("a slot of a closed collection: %v", err)
	}
	if _, err := g.c.Programs["mixed"].Run(nil); err == nil || !strings.Contains(err.Error(), "closed") {
		s.t.Errorf("a run of a closed collection: %v", err)
	}
}

// soakJobs are the kinds of runs: program, input, and what must come out.
var soakJobs = [...]struct {
	prog string
	max  uint32 // of the input, which begins at 1: interface 0 is none
	want func(n, ret uint32, err error) bool
	runs uint64 // what a run adds to the guest's counter
}{
	{"mixed", 1 << 20, nil, 1},
	{"chain", 1, func(_, ret uint32, err error) bool { return err == nil && ret == 33 }, 34},
	{"callback", 1 << 20, func(n, ret uint32, err error) bool { return err == nil && ret == 9*n+3+5 }, 1},
	{"loop", 30000, func(n, ret uint32, err error) bool { return err == nil && ret == uint32(uint64(n)*(uint64(n)-1)/2) }, 1},
	{"fails", failKinds, wantFail, 1},
	{"wild", 1 << 16, func(n, _ uint32, err error) bool {
		var f *rivet.Fault
		return errors.As(err, &f) && f.Kind == rivet.FaultAccess && f.Addr == uint64(n)*16 && f.Size == 4
	}, 1},
}

// work runs programs until the end. Every so often its goroutine gives way to
// a fresh one, whose stack is small.
func (s *soak) work(r *rand.Rand) {
	for !s.stop.Load() && !s.t.Failed() {
		done := make(chan struct{})
		go func() { // a helper may end the goroutine
			defer close(done)
			for i := 0; i < 32 && !s.stop.Load(); i++ {
				s.once(r)
			}
		}()
		<-done
	}
}

func (s *soak) once(r *rand.Rand) {
	g := s.places[r.IntN(soakPlaces)].Load()
	if g == nil {
		return
	}
	g.mu.RLock()
	defer g.mu.RUnlock()
	if g.over {
		return
	}
	kind := r.IntN(len(soakJobs))
	job := &soakJobs[kind]
	n, slot := 1+r.Uint32N(job.max), [...]uint32{0, 1, 3}[r.IntN(3)]
	ended := false
	defer func() { // runs for Goexit, too
		if !ended {
			s.count(g, kind, job.runs)
		}
	}()
	ret, err := g.c.Programs[job.prog].Run(&rivet.RunOptions{Context: xdpInput(n, slot)})
	ended = true
	var f *rivet.Fault
	if err != nil && !errors.As(err, &f) && g.closing.Load() && strings.Contains(err.Error(), "closed") {
		s.missed.Add(1)
		return
	}
	s.count(g, kind, job.runs)
	if job.want == nil {
		s.mixed(g, n, ret, err)
	} else if !job.want(n, ret, err) {
		s.t.Errorf("%s(%d): %d, %v", job.prog, n, int32(ret), err)
	}
}

func (s *soak) count(g *generation, kind int, runs uint64) {
	g.runs.Add(runs)
	s.done[kind].Add(1)
}

// mixed checks a run whose tail call reaches either leaf, or misses.
func (s *soak) mixed(g *generation, n, ret uint32, err error) {
	switch {
	case err == nil && (ret == 3*n+1010 || ret == 3*n+2010):
		g.tails.Add(1)
	case err != nil || ret != 17:
		s.t.Errorf("mixed(%d): %d, %v", n, int32(ret), err)
	}
}

// xdpInput is a struct xdp_md without a packet.
func xdpInput(ifindex, queue uint32) []byte {
	b := make([]byte, 24)
	le.PutUint32(b[12:], ifindex)
	le.PutUint32(b[16:], queue)
	return b
}

// replaceSlots changes where tail calls go, of collections that may be closed.
func (s *soak) replaceSlots() {
	for i := range s.places {
		g := s.places[i].Load()
		if g == nil {
			continue
		}
		jump := g.c.Maps["jump"]
		for _, slot := range []uint32{0, 1, 3} {
			err := jump.Put(slot, g.c.Programs[[]string{"leaf_a", "leaf_b"}[rand.IntN(2)]])
			if rand.IntN(3) == 0 {
				err = errors.Join(err, jump.Delete(slot))
			}
			if err != nil {
				s.t.Errorf("slot %d: %v", slot, err)
			}
		}
	}
	time.Sleep(100 * time.Microsecond)
}

// reopen puts a new collection in the place of one that it closes or forgets.
func (s *soak) reopen(place int) {
	if g := s.open(); g != nil {
		s.end(s.places[place].Swap(g), rand.IntN(2) == 0)
	}
	time.Sleep(5 * time.Millisecond)
}

// forget opens a collection and has nothing of it but a map, then nothing.
func (s *soak) forget() {
	if g := s.open(); g != nil {
		m, v := g.c.Maps["counts"], g.c.Programs["chain"]
		if ret, err := v.Run(nil); err != nil || ret != 33 {
			s.t.Errorf("chain: %d, %v", ret, err)
		}
		g, v = nil, nil
		runtime.GC()
		var n uint64
		if err := m.Lookup(uint32(0), &n); err != nil || n != 34 {
			s.t.Errorf("counts[0] is %d, want 34; %v", n, err)
		}
	}
	time.Sleep(20 * time.Millisecond)
}

func (s *soak) collect() {
	runtime.GC()
	time.Sleep(time.Millisecond)
}

// profile takes a CPU profile. Generated code shows in it as what Go does not know.
func (s *soak) profile() {
	var out bytes.Buffer
	if err := pprof.StartCPUProfile(&out); err != nil {
		s.t.Logf("no profile: %v", err) // the test runs with -cpuprofile
		time.Sleep(time.Second)
		return
	}
	time.Sleep(300 * time.Millisecond)
	pprof.StopCPUProfile()
	z, err := gzip.NewReader(&out)
	if err != nil {
		s.t.Errorf("profile: %v", err)
		return
	}
	text, err := io.ReadAll(z)
	if err != nil {
		s.t.Errorf("profile: %v", err)
	}
	if bytes.Contains(text, []byte("runtime._ExternalCode")) {
		s.profil.Add(1)
	}
}

func (s *soak) report(d time.Duration) {
	var b strings.Builder
	for i := range s.done {
		n := s.done[i].Load()
		fmt.Fprintf(&b, " %s %d", soakJobs[i].prog, n)
		if n == 0 {
			s.t.Errorf("no run of %s in %v", soakJobs[i].prog, d)
		}
	}
	s.t.Logf("%v:%s; %d collections opened, %d runs met a closed one, generated code in %d profiles",
		d, b.String(), s.opened.Load(), s.missed.Load(), s.profil.Load())
}

// usage is what must not grow.
type usage struct {
	goroutines int
	arenas     int // mapped
	mappings   int // of native engines
	low        int // mappings below 4 GiB, as the kernel counts them
	code       int // executable ones
}

func (u usage) worse(than usage) bool {
	return u.goroutines > than.goroutines || u.arenas > than.arenas || u.mappings > than.mappings ||
		u.low > than.low || u.code > than.code
}

// settle returns what is used once everything that is unreachable is gone. It
// waits until that is no more than want.
func settle(want usage) usage {
	for i := 0; ; i++ {
		runtime.GC()
		time.Sleep(20 * time.Millisecond)
		u := usage{goroutines: runtime.NumGoroutine(), arenas: arena.Live(), mappings: native.Mappings()}
		for _, m := range memoryMap() {
			if m.start >= arena.Base && m.end <= 1<<32 {
				u.low++
			}
			if strings.Contains(m.perm, "x") {
				u.code++
			}
		}
		if i >= 10 && !u.worse(want) || i == 500 || want == (usage{}) && i == 20 {
			return u
		}
	}
}

// mapping is a line of /proc/self/maps.
type mapping struct {
	start, end uint64
	perm       string // such as r-xp
}

// memoryMap returns nothing where there is no such file.
func memoryMap() []mapping {
	text, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return nil
	}
	var l []mapping
	for line := range strings.Lines(string(text)) {
		var m mapping
		if n, _ := fmt.Sscanf(line, "%x-%x %s", &m.start, &m.end, &m.perm); n == 3 {
			l = append(l, m)
		}
	}
	return l
}
