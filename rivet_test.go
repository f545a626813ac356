package rivet_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/rivetbpf/rivet"
	"github.com/rivetbpf/rivet/internal/native"
)

// spec loads one of the objects of testdata/face.
func spec(t testing.TB, name string) *ebpf.CollectionSpec {
	t.Helper()
	s, err := ebpf.LoadCollectionSpec("testdata/face/" + name + ".o")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// everywhere runs a test on every engine, in both tail-call schemes.
func everywhere(t *testing.T, test func(t *testing.T, opts rivet.CollectionOptions)) {
	native.Poison = true
	for _, e := range rivet.Engines() {
		for _, tc := range []rivet.TailCalls{rivet.TailCallsShared, rivet.TailCallsPropagated} {
			t.Run(e.String()+"/"+tc.String(), func(t *testing.T) {
				test(t, rivet.CollectionOptions{Engine: e, TailCalls: tc})
			})
		}
	}
}

// load makes a collection that is closed with the test.
func load(t testing.TB, s *ebpf.CollectionSpec, opts rivet.CollectionOptions) *rivet.Collection {
	t.Helper()
	c, err := rivet.NewCollectionWithOptions(s, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// run runs a program that must not fail.
func run(t testing.TB, c *rivet.Collection, name string, opts *rivet.RunOptions) uint32 {
	t.Helper()
	ret, err := c.Programs[name].Run(opts)
	if err != nil {
		t.Fatal(err)
	}
	return ret
}

// fault runs a program that must fault.
func fault(t testing.TB, c *rivet.Collection, name string) *rivet.Fault {
	t.Helper()
	_, err := c.Programs[name].Run(nil)
	var f *rivet.Fault
	if !errors.As(err, &f) {
		t.Fatalf("%s: error is %v, want a fault", name, err)
	}
	return f
}

func counter(t testing.TB, c *rivet.Collection, i uint32) uint64 {
	t.Helper()
	var n uint64
	if err := c.Maps["counts"].Lookup(i, &n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestTailCallFromSubprogram(t *testing.T) {
	everywhere(t, func(t *testing.T, opts rivet.CollectionOptions) {
		c := load(t, spec(t, "basic"), opts)
		// Slots 1 and 3 are filled in the object; 0, 2 and what lies beyond are missed.
		for slot, want := range []uint32{1001, 1110, 1001, 1200, 1001} {
			ret, out, err := c.Programs["entry"].Test([]byte{byte(slot), 1, 2})
			if err != nil || ret != want || !bytes.Equal(out, []byte{0xee, 1, 2}) {
				t.Errorf("slot %d: %d, % x, %v; want %d", slot, ret, out, err, want)
			}
		}
		for i, want := range []uint64{5, 1, 1, 0} {
			if n := counter(t, c, uint32(i)); n != want {
				t.Errorf("counts[%d] is %d, want %d", i, n, want)
			}
		}
		if err := c.Maps["jump"].Put(uint32(0), c.Programs["other"]); err != nil {
			t.Fatal(err)
		}
		if ret := run(t, c, "entry", &rivet.RunOptions{Data: []byte{0}}); ret != 1200 {
			t.Errorf("after Put: %d, want 1200", ret)
		}
		if err := c.Maps["jump"].Delete(uint32(0)); err != nil {
			t.Fatal(err)
		}
		if ret := run(t, c, "entry", &rivet.RunOptions{Data: []byte{0}}); ret != 1001 {
			t.Errorf("after Delete: %d, want 1001", ret)
		}
		if ret := run(t, c, "entry", nil); ret != 0 {
			t.Errorf("without a packet: %d, want 0", ret)
		}
	})
}

func TestVariables(t *testing.T) {
	everywhere(t, func(t *testing.T, opts rivet.CollectionOptions) {
		s := spec(t, "basic")
		if err := s.Variables["scale"].Set(uint32(55)); err != nil {
			t.Fatal(err)
		}
		c := load(t, s, opts)
		if ret := run(t, c, "count", nil); ret != 155 {
			t.Errorf("count is %d, want 155", ret)
		}
		if err := c.Variables["seen"].Set(uint64(40)); err != nil {
			t.Fatal(err)
		}
		run(t, c, "entry", &rivet.RunOptions{Repeat: 2})
		var seen uint64
		if err := c.Variables["seen"].Get(&seen); err != nil || seen != 42 {
			t.Errorf("seen is %d, %v; want 42", seen, err)
		}
		var level int32
		if err := c.Variables["level"].Get(&level); err != nil || level != -7 {
			t.Errorf("level is %d, %v; want -7", level, err)
		}
		if err := c.Variables["scale"].Set(uint32(1)); !errors.Is(err, syscall.EPERM) {
			t.Errorf("a constant can be set: %v", err)
		}
		if err := c.Maps[".rodata"].Put(uint32(0), make([]byte, c.Maps[".rodata"].ValueSize())); !errors.Is(err, syscall.EPERM) {
			t.Errorf(".rodata can be written: %v", err)
		}
	})
}

func TestFaults(t *testing.T) {
	everywhere(t, func(t *testing.T, opts rivet.CollectionOptions) {
		opts.Fuel = 1000
		c := load(t, spec(t, "basic"), opts)
		for _, test := range []struct {
			prog, text, message string
			kind                rivet.FaultKind
			addr                uint64
			size                int
		}{
			{"wild", "return *(volatile __u32 *)16;", "access outside guest memory: 4 bytes at 0x10", rivet.FaultAccess, 16, 4},
			{"badkey", "return bpf_map_update_elem(", "map_update_elem: argument 2 (key): 4 bytes at 0x20: outside guest memory", rivet.FaultHelper, 0x20, 4},
			{"readonly", "return bpf_map_update_elem(&locked", "map is read-only for programs (BPF_F_RDONLY_PROG)", rivet.FaultHelper, 0, 0},
			{"spin", "for (volatile int i = 0;; i++)", "out of fuel", rivet.FaultFuel, 0, 0},
		} {
			f := fault(t, c, test.prog)
			if f.Kind != test.kind || f.Program != test.prog || f.Function != test.prog || f.Line == 0 ||
				!strings.HasSuffix(f.File, "basic.c") || !strings.Contains(f.Text, test.text) {
				t.Errorf("%s: %+v", test.prog, f)
			}
			if test.addr != 0 && (f.Addr != test.addr || f.Size != test.size) {
				t.Errorf("%s: %d bytes at %#x, want %d at %#x", test.prog, f.Size, f.Addr, test.size, test.addr)
			}
			if msg := f.Error(); !strings.Contains(msg, test.message) || strings.Contains(msg, "\n") {
				t.Errorf("%s: message %q lacks %q", test.prog, msg, test.message)
			}
		}
		// What faulted before runs the next time.
		if ret := run(t, c, "count", nil); ret != 110 {
			t.Errorf("count after faults is %d, want 110", ret)
		}
	})
}

func TestXDPContext(t *testing.T) {
	everywhere(t, func(t *testing.T, opts rivet.CollectionOptions) {
		c := load(t, spec(t, "basic"), opts)
		if ret := run(t, c, "fields", nil); ret != 100 {
			t.Errorf("default context: %d, want 100", ret)
		}
		type xdpMD struct{ Data, DataEnd, DataMeta, IngressIfindex, RxQueueIndex, EgressIfindex uint32 }
		var out xdpMD
		ret := run(t, c, "fields", &rivet.RunOptions{Data: make([]byte, 20), ContextOut: &out,
			Context: xdpMD{Data: 8, DataEnd: 20, IngressIfindex: 7, RxQueueIndex: 3}})
		if ret != 738 || out != (xdpMD{Data: 8, DataEnd: 20, IngressIfindex: 7, RxQueueIndex: 3}) {
			t.Errorf("given context: %d, %+v; want 738", ret, out)
		}
		for _, bad := range []xdpMD{{Data: 3}, {Data: 24}, {DataEnd: 19}, {DataMeta: 1}} {
			if _, err := c.Programs["fields"].Run(&rivet.RunOptions{Data: make([]byte, 20), Context: bad}); err == nil {
				t.Errorf("context %+v is accepted", bad)
			}
		}
	})
}

func TestSkbContext(t *testing.T) {
	everywhere(t, func(t *testing.T, opts rivet.CollectionOptions) {
		c := load(t, spec(t, "basic"), opts)
		in := []byte{1, 0, 0, 0, 0, 0, 2, 2, 2, 2, 2, 2, 0x86, 0xdd, 0, 0}
		ctx, ctxOut, out := make([]byte, 192), make([]byte, 192), make([]byte, 100)
		binary.LittleEndian.PutUint32(ctx[8:], 41)
		o := &rivet.RunOptions{Data: in, DataOut: out, Context: ctx, ContextOut: ctxOut}
		if ret := run(t, c, "mark", o); ret != 0x86dd {
			t.Errorf("returned %#x, want the EtherType", ret)
		}
		if len(o.DataOut) != len(in) || o.DataOut[5] != 2 {
			t.Errorf("packet afterwards is % x, want pkt_type 2 (multicast) in byte 5", o.DataOut)
		}
		if m, n := binary.LittleEndian.Uint32(ctxOut[8:]), binary.LittleEndian.Uint32(ctxOut[52:]); m != 42 || n != 16 {
			t.Errorf("mark is %d, cb[1] is %d; want 42 and 16", m, n)
		}
		_, err := c.Programs["mark"].Run(&rivet.RunOptions{Data: in, DataOut: make([]byte, 3)})
		if !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("short DataOut: %v, want ENOSPC", err)
		}
	})
}

func TestPlainContext(t *testing.T) {
	everywhere(t, func(t *testing.T, opts rivet.CollectionOptions) {
		c := load(t, spec(t, "basic"), opts)
		out := make([]uint64, 2)
		if ret := run(t, c, "point", &rivet.RunOptions{Context: []uint64{21, 0}, ContextOut: out}); ret != 21 || out[1] != 42 {
			t.Errorf("returned %d and %d, want 21 and 42", ret, out[1])
		}
		if _, err := c.Programs["point"].Run(&rivet.RunOptions{Data: []byte{1}}); err == nil {
			t.Error("a tracepoint takes a packet")
		}
		if _, err := c.Programs["point"].Run(&rivet.RunOptions{Context: make([]byte, 5000)}); err == nil {
			t.Error("a context of 5000 bytes is accepted")
		}
	})
}

func TestPackets(t *testing.T) {
	everywhere(t, func(t *testing.T, opts rivet.CollectionOptions) {
		c := load(t, spec(t, "basic"), opts)
		for _, n := range []int{1, 60, 1514, 3500, 3600, 9000, 65535, 200000} {
			in := bytes.Repeat([]byte{9}, n)
			_, out, err := c.Programs["entry"].Test(in)
			if in[0] = 0xee; err != nil || !bytes.Equal(in, out) {
				t.Errorf("%d bytes: %d bytes back, %v", n, len(out), err)
			}
		}
		if _, _, err := c.Programs["entry"].Test(make([]byte, 3<<20)); err == nil {
			t.Error("a packet of 3 MiB fits into 1 MiB")
		}
	})
}

func TestRawProgram(t *testing.T) {
	everywhere(t, func(t *testing.T, opts rivet.CollectionOptions) {
		var code bytes.Buffer
		// r0 = *(u16 *)(r1 + 0); r0 += r2; r0 |= 1 << 40
		err := asm.Instructions{
			asm.LoadMem(asm.R0, asm.R1, 0, asm.Half),
			asm.Add.Reg(asm.R0, asm.R2),
			asm.LoadImm(asm.R3, 1<<40, asm.DWord),
			asm.Or.Reg(asm.R0, asm.R3),
			asm.StoreImm(asm.R1, 2, 7, asm.Byte),
			asm.Return(),
		}.Marshal(&code, binary.LittleEndian)
		if err != nil {
			t.Fatal(err)
		}
		p, err := rivet.NewRawProgram("raw", code.Bytes(), opts)
		if err != nil {
			t.Fatal(err)
		}
		res, err := p.RunDetailed(&rivet.RunOptions{Data: []byte{1, 2, 3}})
		if err != nil || res.R0 != 1<<40|0x204 || !bytes.Equal(res.Data, []byte{1, 2, 7}) || res.Duration <= 0 {
			t.Errorf("%+v, %v", res, err)
		}
		if counts := opts.Engine != rivet.EngineNative; counts != (res.Retired > 0) {
			t.Errorf("%d instructions were counted", res.Retired)
		}
		p.Close()
		if _, err := p.Run(nil); err == nil {
			t.Error("a closed program runs")
		}
		if _, err := rivet.NewRawProgram("raw", []byte{1, 2, 3}, opts); err == nil {
			t.Error("three bytes are a program")
		}
	})
}

func TestHelpersOfTheWorld(t *testing.T) {
	everywhere(t, func(t *testing.T, opts rivet.CollectionOptions) {
		var printed bytes.Buffer
		opts.TracePrintk = &printed
		opts.Clock = func() uint64 { return 3 }
		opts.Random = func() uint32 { return 2 }
		c := load(t, spec(t, "basic"), opts)
		if ret := run(t, c, "env", &rivet.RunOptions{CPU: 1}); ret != 3021 {
			t.Errorf("env is %d, want 3021", ret)
		}
		if ret := run(t, c, "print", nil); ret != uint32(len("hello world -5 ff")) || printed.String() != "hello world -5 ff\n" {
			t.Errorf("printed %d, %q", ret, printed.String())
		}
		// update is -errno of an update times 100 plus that of a delete, which arrays refuse with EINVAL (22).
		for _, test := range []struct{ key, flags, want uint32 }{{1, 0, 22}, {1, 2, 22}, {1, 1, 1722}, {4, 0, 722}, {1, 3, 2222}, {1, 4, 2222}} {
			ctx := binary.LittleEndian.AppendUint32(make([]byte, 12), test.flags+1)
			ctx = binary.LittleEndian.AppendUint32(ctx, test.key)
			if ret := run(t, c, "update", &rivet.RunOptions{Context: ctx}); ret != test.want {
				t.Errorf("update of key %d, flags %d: %d, want %d", test.key, test.flags, ret, test.want)
			}
		}
		if n := counter(t, c, 1); n != 77 {
			t.Errorf("counts[1] is %d, want 77", n)
		}
	})
}

func TestTrace(t *testing.T) {
	everywhere(t, func(t *testing.T, opts rivet.CollectionOptions) {
		c := load(t, spec(t, "basic"), opts)
		var flow []string
		traced := &rivet.RunOptions{Data: []byte{1}, Trace: func(e rivet.TraceEvent) {
			flow = append(flow, e.Event+" "+e.Function)
		}}
		if opts.Engine == rivet.EngineNative {
			if _, err := c.Programs["entry"].Run(traced); !errors.Is(err, rivet.ErrNotSupported) {
				t.Errorf("tracing native code: %v", err)
			}
			return
		}
		run(t, c, "entry", traced)
		want := "entry entry, helper entry, call entry, tail_call leap, helper count, return entry, exit entry"
		if got := strings.Join(flow, ", "); got != want {
			t.Errorf("flow is\n%s, want\n%s", got, want)
		}
	})
}

// A slot is replaced while programs run: each tail call reaches the old or the
// new program, whole (property 7 of the tail-call contract).
func TestReplaceWhileRunning(t *testing.T) {
	everywhere(t, func(t *testing.T, opts rivet.CollectionOptions) {
		c := load(t, spec(t, "basic"), opts)
		var stop atomic.Bool
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for !stop.Load() {
					ret, err := c.Programs["hop"].Run(nil)
					if err != nil || ret != 1001 && ret != 1110 && ret != 1200 {
						t.Errorf("%d, %v", ret, err)
						return
					}
				}
			})
		}
		jump := c.Maps["jump"]
		for range 2000 {
			err := errors.Join(jump.Put(uint32(0), c.Programs["count"]), jump.Put(uint32(0), c.Programs["other"]), jump.Delete(uint32(0)))
			if err != nil {
				t.Error(err)
			}
		}
		stop.Store(true)
		wg.Wait()
	})
}

// Programs, maps and Close may be used from everywhere at once. More runs are
// asked for than have a place.
func TestConcurrency(t *testing.T) {
	everywhere(t, func(t *testing.T, opts rivet.CollectionOptions) {
		opts.MaxRuns = 2
		c := load(t, spec(t, "basic"), opts)
		var wg sync.WaitGroup
		const workers, rounds = 8, 200
		for range workers {
			wg.Go(func() {
				for range rounds {
					if _, err := c.Programs["count"].Run(nil); err != nil {
						t.Error(err)
					}
					counter(t, c, 1)
				}
			})
		}
		wg.Wait()
		if n := counter(t, c, 1); n != workers*rounds {
			t.Errorf("counted %d runs, want %d", n, workers*rounds)
		}
		for range workers {
			wg.Go(func() { c.Programs["count"].Run(nil) })
		}
		c.Close()
		wg.Wait()
		if _, err := c.Programs["count"].Run(nil); err == nil {
			t.Error("a closed collection runs programs")
		}
	})
}

func TestRunsAllocateNothing(t *testing.T) {
	everywhere(t, func(t *testing.T, opts rivet.CollectionOptions) {
		c := load(t, spec(t, "basic"), opts)
		for _, name := range []string{"entry", "mark", "env"} {
			p, o := c.Programs[name], &rivet.RunOptions{Data: []byte{1, 2, 3}}
			p.Run(o)
			if n := testing.AllocsPerRun(100, func() { p.Run(o) }); n > 0 {
				t.Errorf("a run of %s makes %.0f allocations", name, n)
			}
		}
	})
}

// A packet begins where a network driver leaves it: at 2 modulo 4, whatever its size.
func TestPacketAlignment(t *testing.T) {
	everywhere(t, func(t *testing.T, opts rivet.CollectionOptions) {
		code := []byte{0xbf, 0x10, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0} // r0 = r1; exit
		p, err := rivet.NewRawProgram("p", code, opts)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		for _, n := range []int{1, 64, 5000} {
			if res, err := p.RunDetailed(&rivet.RunOptions{Data: make([]byte, n)}); err != nil || res.R0%4 != 2 {
				t.Errorf("%d bytes lie at %#x, %v", n, res.R0, err)
			}
		}
	})
}

func BenchmarkRun(b *testing.B) {
	for _, e := range rivet.Engines() {
		b.Run(e.String(), func(b *testing.B) {
			c := load(b, spec(b, "basic"), rivet.CollectionOptions{Engine: e})
			opts := &rivet.RunOptions{Data: []byte{1, 2, 3}}
			b.ReportAllocs()
			for b.Loop() {
				opts.Data[0] = 1
				c.Programs["entry"].Run(opts)
			}
		})
	}
}
