//go:build linux

package kerneltest

import (
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"

	"github.com/rivetbpf/rivet"
	"github.com/rivetbpf/rivet/internal/kernel"
	"github.com/rivetbpf/rivet/internal/testenv"
)

// randomRunsVar is how often each program is run on random packets; make soak sets it.
const randomRunsVar = "RIVET_RANDOM_RUNS"

// fickle are helpers, by number, whose results differ from one run to the next, or from one machine to another: the time, random
// numbers, tasks, cgroups, addresses and sockets of the kernel.
var fickle = []int64{5, 7, 13, 14, 15, 16, 22, 27, 34, 35, 46, 47, 55, 67, 69, 79, 80, 81, 83, 84, 85, 99, 106, 110, 111, 118, 120, 121, 122, 123, 124, 125, 128, 129, 145, 156, 158,
	160, 163, 168, 169, 170, 171, 204, 205, 206, 207, 208, 210}

// disorderly are helpers and kfuncs that call back in an order, or at a time, which is nobody's promise.
var disorderly = []string{"FnForEachMapElem", "FnTimerStart", "bpf_wq_start"}

// randomProgram is a program for which a random packet or map may take a way that its own script does not.
type randomProgram struct {
	object, name string
	inKernel     bool // it does the same there each time
}

// packetTypes are the types of programs that BPF_PROG_TEST_RUN gives a packet.
var packetTypes = []ebpf.ProgramType{ebpf.XDP, ebpf.SchedCLS, ebpf.SchedACT, ebpf.SocketFilter, ebpf.CGroupSKB, ebpf.LWTIn, ebpf.LWTOut, ebpf.LWTXmit}

// TestRandomWorld runs every program of testdata/world that takes a packet on random packets, with random values in its
// maps: in the kernel, interpreted and compiled.
func TestRandomWorld(t *testing.T) {
	testenv.NeedBPF(t)
	runs := 25
	if v := os.Getenv(randomRunsVar); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil {
			t.Fatalf("%s: %v", randomRunsVar, err)
		}
		runs = n
	}
	// Everything on one processor, so that per-CPU maps of the kernel are those of processor 0.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var old, one unix.CPUSet
	one.Set(0)
	if unix.SchedGetaffinity(0, &old) == nil && unix.SchedSetaffinity(0, &one) == nil {
		defer unix.SchedSetaffinity(0, &old)
	}
	objects, err := filepath.Glob(root + "/testdata/world/*.o")
	if err != nil || len(objects) == 0 {
		t.Fatalf("%d objects, %v", len(objects), err)
	}
	programs, inKernel, total := 0, 0, 0
	for _, object := range objects {
		for _, p := range randomPrograms(t, object) {
			t.Run(strings.TrimSuffix(filepath.Base(object), ".o")+"/"+p.name, func(t *testing.T) {
				kernelToo, n := runRandomly(t, p, runs)
				programs++
				total += n
				if kernelToo {
					inKernel++
				}
			})
		}
	}
	t.Logf("%d programs, %d of them in the kernel too, %d runs", programs, inKernel, total)
}

// randomPrograms lists the programs of an object that take packets.
func randomPrograms(t *testing.T, object string) (l []*randomProgram) {
	t.Helper()
	spec, err := rivet.LoadCollectionSpec(object)
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range spec.Programs {
		if !slices.Contains(packetTypes, p.Type) {
			continue
		}
		r := &randomProgram{object: object, name: name, inKernel: !evicts((*ebpf.CollectionSpec)(spec))}
		ordered := true
		for _, in := range p.Instructions {
			if in.IsBuiltinCall() && slices.Contains(fickle, in.Constant) {
				r.inKernel = false
			}
			ordered = ordered && !slices.Contains(disorderly, in.Reference()) &&
				!(in.IsBuiltinCall() && slices.Contains(disorderly, asm.BuiltinFunc(in.Constant).String()))
		}
		if ordered {
			l = append(l, r)
		}
	}
	slices.SortFunc(l, func(a, b *randomProgram) int { return strings.Compare(a.name, b.name) })
	return l
}

// evicts reports whether an object has maps that forget: what they forget is nobody's promise.
func evicts(spec *ebpf.CollectionSpec) bool {
	for _, m := range spec.Maps {
		if m.Type == ebpf.LRUHash || m.Type == ebpf.LRUCPUHash {
			return true
		}
	}
	return false
}

// sides makes what is compared: the first is the reference.
func (p *randomProgram) sides(t *testing.T) (l []*Session, kernelToo bool) {
	t.Helper()
	sc := scriptOf(p.object)
	if p.inKernel {
		// What the kernel refuses, or does not have, is compared between engines.
		if c, err := kernel.Load(sc.spec(t)); err == nil {
			t.Cleanup(c.Close)
			l, kernelToo = append(l, NewKernelSession(c)), true
		}
	}
	for _, engine := range []rivet.Engine{rivet.EngineInterp, rivet.EngineHart} {
		var random, clock uint32
		opts := sc.Options
		opts.Engine = engine
		opts.Clock = func() uint64 { clock++; return 1e9 + uint64(clock) }
		opts.Random = func() uint32 { random = random*1664525 + 1013904223; return random }
		if opts.Host == nil {
			opts.Host = steadyHost{}
		}
		c, err := rivet.NewCollectionWithOptions(sc.spec(t), opts)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		l = append(l, NewSession(c))
	}
	return l, kernelToo
}

// scriptOf returns the first script of an object, for its options.
func scriptOf(object string) *Script {
	name := strings.TrimSuffix(filepath.Base(object), ".o")
	for _, subject := range scripts {
		for i := range subject {
			if subject[i].Object == name {
				return &subject[i]
			}
		}
	}
	return &Script{Object: name}
}

// steadyHost is the same for every engine.
type steadyHost struct{ rivet.DefaultHost }

func (steadyHost) CurrentTask(uint32) rivet.Task { return rivet.Task{PID: 7, TGID: 7, Comm: "steady"} }

// longest is how long one program may take: a few do in a run what others do in thousands.
const longest = time.Minute

func runRandomly(t *testing.T, p *randomProgram, runs int) (kernelToo bool, n int) {
	t.Helper()
	sides, kernelToo := p.sides(t)
	r := rand.New(rand.NewPCG(1, uint64(len(p.name))))
	start := time.Now()
	for i := range runs {
		if i%25 == 0 && time.Since(start) > longest {
			t.Logf("%d of %d runs took %v; it was left at that", i, runs, longest)
			break
		}
		if i%8 == 0 {
			randomMaps(sides, r)
		}
		in := Input{Packet: randomPacket(r)}
		want := sides[0].Quiet(p.name, in)
		for _, s := range sides[1:] {
			got := s.Quiet(p.name, in)
			n++
			if got.String() != want.String() {
				t.Fatalf("run %d, packet %x:\n%.1500s, wanted\n%.1500s", i, in.Packet, got, want)
			}
		}
		if i%25 == 24 || i == runs-1 {
			sameMaps(t, sides, i)
		}
	}
	return kernelToo, n
}

// sameMaps compares all maps.
func sameMaps(t *testing.T, sides []*Session, run int) {
	t.Helper()
	for _, s := range sides {
		s.log = s.log[:0]
		s.Dump()
	}
	for _, s := range sides[1:] {
		for i := range max(len(s.log), len(sides[0].log)) {
			if i >= len(s.log) || i >= len(sides[0].log) || s.log[i] != sides[0].log[i] {
				t.Fatalf("after run %d, maps differ:\n%.3000s\nwanted\n%.3000s", run, strings.Join(s.log, "\n"), strings.Join(sides[0].log, "\n"))
			}
		}
	}
}

// randomMaps puts the same random values into the same maps of all sides.
func randomMaps(sides []*Session, r *rand.Rand) {
	names := sides[0].maps()
	slices.Sort(names)
	for _, name := range names {
		m := sides[0].Map(name)
		if strings.HasPrefix(name, ".") || m.ValueSize() > 1<<16 || !slices.Contains([]ebpf.MapType{ebpf.Array, ebpf.Hash, ebpf.LPMTrie}, m.Type()) {
			continue
		}
		for range 3 {
			key, value := randomBytes(r, int(m.KeySize())), randomBytes(r, int(m.ValueSize()))
			switch m.Type() {
			case ebpf.Array:
				binary.LittleEndian.PutUint32(key, r.Uint32N(m.MaxEntries()))
			case ebpf.LPMTrie:
				binary.LittleEndian.PutUint32(key, r.Uint32N(8*m.KeySize()-31))
			}
			for _, s := range sides {
				_ = s.Map(name).Update(key, value, 0) // refused or not, the maps must be equal afterwards
			}
		}
	}
}

// randomBytes is small numbers more often than others.
func randomBytes(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		if b[i] = byte(r.Uint32()); r.IntN(3) > 0 {
			b[i] &= 3
		}
		if i%4 != 0 && r.IntN(2) == 0 {
			b[i] = 0
		}
	}
	return b
}

// frames begin random packets: Ethernet with IPv4 and TCP, UDP, ICMP, IPv6 and TCP, VLAN, ARP. None is broadcast: what
// that is, the loopback device of BPF_PROG_TEST_RUN does not know.
var frames = []string{
	"\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x01\x08\x00E\x00\x00\x34\x00\x01\x40\x00\x40\x06\x26\xb6\x0a\x00\x00\x01\x0a\x00\x00\x02\xc3\x50\x00\x50\x00\x00\x00\x01\x00\x00\x00\x00\x50\x02\x20\x00\x00\x00\x00\x00",
	"\x01\x00\x5e\x00\x00\x02\x02\x00\x00\x00\x00\x01\x08\x00E\x00\x00\x34\x00\x01\x00\x00\x01\x11\x26\xb6\x0a\x00\x00\x01\xe0\x00\x00\x02\xc3\x50\x00\x35\x00\x20\x00\x00",
	"\x02\x00\x00\x00\x00\x02\x02\x00\x00\x00\x00\x01\x08\x00F\x00\x00\x38\x00\x01\x00\x00\x40\x01\x26\xb6\x0a\x00\x00\x01\x0a\x00\x00\x02\x94\x04\x00\x00\x08\x00\x00\x00\x00\x00",
	"\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x01\x86\xdd\x60\x00\x00\x00\x00\x20\x06\x40\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\xc3\x50\x00\x50",
	"\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x01\x81\x00\x00\x05\x08\x00E\x00\x00\x28\x00\x01\x00\x00\x40\x06\x26\xb6\x0a\x00\x00\x01\x0a\x00\x00\x02\xc3\x50\x00\x50",
	"\x01\x00\x5e\x00\x00\x02\x02\x00\x00\x00\x00\x01\x08\x06\x00\x01\x08\x00\x06\x04\x00\x01",
}

// randomPacket is one of frames, followed by random bytes, with some bytes changed.
func randomPacket(r *rand.Rand) []byte {
	b := []byte(frames[r.IntN(len(frames))])
	n := 64 + r.IntN(64)
	if r.IntN(8) == 0 {
		n = 64 + r.IntN(1400)
	}
	for len(b) < n {
		b = append(b, byte(r.Uint32()))
	}
	for range r.IntN(4) {
		b[r.IntN(54)] = byte(r.Uint32())
	}
	return b
}
