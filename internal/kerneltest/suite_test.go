package kerneltest

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/rivetbpf/rivet"
)

const root = "../.."

// test is one object with what it is run on.
type test struct {
	name    string
	object  string
	entry   string
	set     []string // MAP[INDEX]=PROGRAM
	packets [][]byte

	notInKernel bool
	propagated  string // what the scheme by value gives for the first packet; see testdata/kernel/k.h
}

func (c *test) spec(t *testing.T) *ebpf.CollectionSpec {
	t.Helper()
	spec, err := ebpf.LoadCollectionSpec(c.object)
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

var slotRE = regexp.MustCompile(`^(\w+)\[(\d+)\]=(\w+)$`)

func (c *test) wire(t *testing.T, s Side) {
	t.Helper()
	for _, def := range c.set {
		m := slotRE.FindStringSubmatch(def)
		if m == nil {
			t.Fatalf("%s: slot %q", c.name, def)
		}
		index, err := strconv.ParseUint(m[2], 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Set(m[1], uint32(index), m[3]); err != nil {
			t.Fatalf("%s: %v", def, err)
		}
	}
}

// tests returns every program there is.
func tests(t *testing.T) []*test {
	t.Helper()
	all := []*test{
		{name: "examples/dispatch", object: root + "/examples/dispatch/dispatch.o", entry: "dispatch", packets: capture(t), propagated: "same"},
		{name: "examples/tailcalls", object: root + "/examples/tailcalls/tailcalls.o", entry: "main", packets: fixedPackets(), propagated: "same"},
	}
	all = append(all, mixtures(t)...)
	return append(all, benchmarks(t)...)
}

func capture(t *testing.T) (packets [][]byte) {
	t.Helper()
	f, err := os.Open(root + "/examples/dispatch/traffic.pcap")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := pcapgo.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for {
		p, _, err := r.ReadPacketData()
		if errors.Is(err, io.EOF) {
			return packets
		}
		if err != nil {
			t.Fatal(err)
		}
		packets = append(packets, p)
	}
}

// fixedPackets are bytes that are all zero, that count up, and that vary.
func fixedPackets() [][]byte {
	zero, up, mixed := make([]byte, 64), make([]byte, 64), make([]byte, 200)
	for i := range up {
		up[i] = byte(i)
	}
	x := uint32(12345)
	for i := range mixed {
		x = x*1664525 + 1013904223
		mixed[i] = byte(x >> 24)
	}
	return [][]byte{zero, up, mixed}
}

var noteRE = regexp.MustCompile(`(?m)^ \* (kernel|propagated): (.*)$`)

// mixtures are the programs of testdata/kernel.
func mixtures(t *testing.T) (l []*test) {
	t.Helper()
	sources, err := filepath.Glob(root + "/testdata/kernel/*.c")
	if err != nil {
		t.Fatal(err)
	}
	if len(sources) < 25 {
		t.Fatalf("%d programs in testdata/kernel, there must be more", len(sources))
	}
	for _, src := range sources {
		text, err := os.ReadFile(src)
		if err != nil {
			t.Fatal(err)
		}
		base := strings.TrimSuffix(src, ".c")
		c := &test{name: filepath.Base(base), object: base + ".o", entry: "entry", packets: fixedPackets()}
		for _, note := range noteRE.FindAllStringSubmatch(string(text), -1) {
			switch note[1] {
			case "kernel":
				c.notInKernel = note[2] == "no"
			case "propagated":
				c.propagated = note[2]
			}
		}
		if c.propagated == "" {
			t.Fatalf("%s: no comment says what the scheme by value gives", src)
		}
		l = append(l, c)
	}
	return l
}

// benchmarks are the programs of bench, for both instruction sets.
func benchmarks(t *testing.T) (l []*test) {
	t.Helper()
	var progs []struct {
		Program, Entry string
		Set            []string
	}
	text, err := os.ReadFile(root + "/bench/programs.json")
	if err == nil {
		err = json.Unmarshal(text, &progs)
	}
	if err != nil {
		t.Fatal(err)
	}
	text, err = os.ReadFile(root + "/bench/packet.hex")
	if err != nil {
		t.Fatal(err)
	}
	packet, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range progs {
		for _, suffix := range []string{".o", ".v4.o"} {
			l = append(l, &test{name: "bench/" + p.Program + suffix, object: root + "/bench/obj/" + p.Program + suffix,
				entry: p.Entry, set: p.Set, packets: [][]byte{packet}, propagated: "same"})
		}
	}
	return l
}

// engines are the configurations that must agree with each other and with the kernel.
func engines(scheme rivet.TailCalls) (l []rivet.CollectionOptions) {
	for _, e := range rivet.Engines() {
		if e == rivet.EngineInterp {
			l = append(l, rivet.CollectionOptions{Engine: e, TailCalls: scheme})
			continue
		}
		for _, march := range []string{"rv64gc", "rv64gc_zba_zbb"} {
			l = append(l, rivet.CollectionOptions{Engine: e, TailCalls: scheme, March: march})
		}
	}
	return l
}

func label(o rivet.CollectionOptions) string {
	return fmt.Sprintf("%v %s %v", o.Engine, o.March, o.TailCalls)
}

// compare runs the packets on both sides and reports the first difference after each.
func compare(t *testing.T, c *test, want, got Side) {
	t.Helper()
	for i, packet := range c.packets {
		w, err := want.Run(c.entry, packet)
		if err != nil {
			t.Fatalf("packet %d: reference: %v", i, err)
		}
		g, err := got.Run(c.entry, packet)
		if err != nil {
			t.Fatalf("packet %d: %v", i, err)
		}
		if g.Ret != w.Ret {
			t.Errorf("packet %d: returned %d (%#x), want %d (%#x)", i, g.Ret, g.Ret, w.Ret, w.Ret)
		}
		if !bytes.Equal(g.Data, w.Data) {
			t.Errorf("packet %d: is afterwards\n%x, want\n%x", i, g.Data, w.Data)
		}
		compareMaps(t, c, i, want, got)
		if t.Failed() {
			return
		}
	}
}

func compareMaps(t *testing.T, c *test, packet int, want, got Side) {
	t.Helper()
	for name, m := range c.spec(t).Maps {
		if m.Type != ebpf.Array {
			continue
		}
		w, err := want.Array(name)
		if err != nil {
			t.Fatal(err)
		}
		g, err := got.Array(name)
		if err != nil {
			t.Fatal(err)
		}
		for i := range w {
			if !slices.Equal(g[i], w[i]) {
				t.Errorf("packet %d: %s[%d] is\n%x, want\n%x", packet, name, i, g[i], w[i])
			}
		}
	}
}

// TestEnginesAgree compares every engine with the interpreter, on machines without BPF too.
func TestEnginesAgree(t *testing.T) {
	for _, c := range tests(t) {
		for _, scheme := range []rivet.TailCalls{rivet.TailCallsShared, rivet.TailCallsPropagated} {
			if scheme == rivet.TailCallsPropagated && c.propagated == "fuel" {
				continue
			}
			for _, opts := range engines(scheme) {
				if opts.Engine == rivet.EngineInterp {
					continue
				}
				t.Run(c.name+"/"+label(opts), func(t *testing.T) {
					want := open(t, c, rivet.CollectionOptions{Engine: rivet.EngineInterp, TailCalls: scheme})
					compare(t, c, want, open(t, c, opts))
				})
			}
		}
	}
}

func open(t *testing.T, c *test, opts rivet.CollectionOptions) *Rivet {
	t.Helper()
	r, err := NewRivet(c.spec(t), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	c.wire(t, r)
	return r
}

// TestPropagated compares the scheme by value with what was worked out by hand, or with the shared scheme where the two do not differ.
func TestPropagated(t *testing.T) {
	for _, c := range tests(t) {
		for _, opts := range engines(rivet.TailCallsPropagated) {
			t.Run(c.name+"/"+label(opts), func(t *testing.T) {
				switch c.propagated {
				case "same":
					compare(t, c, open(t, c, rivet.CollectionOptions{Engine: rivet.EngineInterp}), open(t, c, opts))
				case "fuel":
					wantFuel(t, c, opts)
				default:
					wantFigures(t, c, opts)
				}
			})
		}
	}
}

func wantFuel(t *testing.T, c *test, opts rivet.CollectionOptions) {
	t.Helper()
	opts.Fuel = 100_000
	_, err := open(t, c, opts).Run(c.entry, c.packets[0])
	var f *rivet.Fault
	if !errors.As(err, &f) || f.Kind != rivet.FaultFuel {
		t.Errorf("error is %v, want a fault for lack of fuel", err)
	}
}

var figuresRE = regexp.MustCompile(`^ret=(\d+) hits=([\d,]+)$`)

func wantFigures(t *testing.T, c *test, opts rivet.CollectionOptions) {
	t.Helper()
	m := figuresRE.FindStringSubmatch(c.propagated)
	if m == nil {
		t.Fatalf("comment %q: must be same, fuel, or ret=N hits=A,B,…", c.propagated)
	}
	r := open(t, c, opts)
	out, err := r.Run(c.entry, c.packets[0])
	if err != nil {
		t.Fatal(err)
	}
	if got := strconv.FormatUint(uint64(out.Ret), 10); got != m[1] {
		t.Errorf("returned %s, want %s", got, m[1])
	}
	var hits [8]uint64
	if err := r.Variables["hits"].Get(&hits); err != nil {
		t.Fatal(err)
	}
	for i, want := range strings.Split(m[2], ",") {
		if got := strconv.FormatUint(hits[i], 10); got != want {
			t.Errorf("hits[%d] is %s, want %s", i, got, want)
		}
	}
}
