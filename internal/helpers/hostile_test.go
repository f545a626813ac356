package helpers

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet/internal/arena"
	"github.com/rivetbpf/rivet/internal/bell"
	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/engine"
	"github.com/rivetbpf/rivet/internal/maps"
	"github.com/rivetbpf/rivet/internal/progctx"
	"github.com/rivetbpf/rivet/internal/rcu"
)

// hostile is a guest that passes whatever it likes to the helpers of rings and dynptrs.
type hostile struct {
	run   *Run
	rng   *rand.Rand
	calls []*Helper
	mem   []byte // guest memory: a context, a packet, and from 800 on four dynptrs
	at    uint64
	ring  *maps.RingBuf
	user  *maps.UserRing
	last  [4]uint64 // what helpers returned
}

func newHostile(t *testing.T) *hostile {
	t.Helper()
	h := &hostile{rng: rand.New(rand.NewPCG(1, 2)), calls: slices.Concat(ringbufHelpers, perfHelpers, dynptrHelpers, dynptrProbeHelpers)}
	m := &bpf.Module{Funcs: []*bpf.Func{{Name: "f"}}, Maps: []*bpf.Map{
		{Name: "ring", Type: uint32(ebpf.RingBuf), MaxEntries: 4096},
		{Name: "user", Type: uint32(ebpf.UserRingbuf), MaxEntries: 4096},
		{Name: "perf", Type: uint32(ebpf.PerfEventArray), KeySize: 4, ValueSize: 4, MaxEntries: 2},
		{Name: "array", Type: uint32(ebpf.Array), KeySize: 4, ValueSize: 64, MaxEntries: 1},
	}}
	a, err := arena.New(maps.Memory(m.Maps, 2).Fixed + 4096)
	if err != nil {
		t.Fatal(err)
	}
	env := &maps.Env{Arena: a, Tables: engine.NewTables(m.Maps), CPUs: 2, RCU: new(rcu.Domain)}
	ms, err := maps.New(env, m.Maps)
	if err != nil {
		t.Fatal(err)
	}
	if h.at, err = a.Alloc(1024); err != nil {
		t.Fatal(err)
	}
	h.mem, _ = a.Bytes(h.at, 1024)
	h.ring, h.user = ms[0].Map.(*maps.RingBuf), ms[1].Map.(*maps.UserRing)
	ms[2].Map.(*maps.PerfArray).Attach(maps.NewPerfRing(0, new(bell.Bell), maps.PerfRingOptions{Size: 4096}))
	packet := progctx.NewPacket(h.mem[192:792], h.at+192, make([]byte, 64), 0, nil)
	h.run = &Run{World: NewWorld(m, env, ms, &Table{kfuncs: h.calls}, nil), Ctx: h.mem[:192], CtxAt: h.at, Type: "SchedCLS", Layout: progctx.For("SchedCLS"), Packet: &packet,
		Nested: func(int, int, *[5]uint64) (uint64, error) { return h.rng.Uint64N(2), nil }}
	return h
}

func (h *hostile) value() uint64 {
	a := h.run.World.Arena
	values := [...]uint64{0, 1, 7, 8, 16, 24, 100, 4096, 1 << 32, 1<<32 - 1, h.rng.Uint64(), h.rng.Uint64N(1 << 24), ^uint64(0) - h.rng.Uint64N(20),
		h.at, h.at + 800, h.at + 816, h.at + h.rng.Uint64N(1024), a.Base() + a.Size() - h.rng.Uint64N(20), h.user.Dynptr, h.last[h.rng.IntN(len(h.last))],
		bpf.FuncHandle(0), bpf.MapHandle(0), bpf.MapHandle(1), bpf.MapHandle(2), bpf.MapHandle(3), bpf.MapHandle(4)}
	return values[h.rng.IntN(len(values))]
}

// args are mostly such as may be right.
func (h *hostile) args(c *Helper) (args [5]uint64) {
	handles := map[ebpf.MapType]uint64{ebpf.RingBuf: bpf.MapHandle(0), ebpf.UserRingbuf: bpf.MapHandle(1), ebpf.PerfEventArray: bpf.MapHandle(2)}
	for i := range args {
		args[i] = h.value()
		if i >= len(c.Args) || h.rng.IntN(8) == 0 {
			continue
		}
		switch a := c.Args[i]; {
		case a.Kind == MapOf:
			args[i] = handles[a.Type]
		case a.Kind == Ctx:
			args[i] = h.at
		case a.Kind == Func:
			args[i] = bpf.FuncHandle(0)
		case a.Kind.isMem():
			args[i] = h.at + 800 + 16*h.rng.Uint64N(4)
		case a.Name == "flags":
			args[i] = h.rng.Uint64N(4)
		}
	}
	return args
}

// end ends the run. Then no record may stay reserved.
func (h *hostile) end(t *testing.T) {
	t.Helper()
	h.run.End()
	for state := maps.RingRecord; state != maps.RingEmpty; {
		if _, _, state = h.ring.Next(nil); state == maps.RingWait {
			t.Fatal("a record stays reserved after the run")
		}
	}
}

// Rings and dynptrs take whatever a guest passes and has written to its memory: they give an error number, or an
// error that ends the run. When the run has ended the rings work.
func TestHostileRings(t *testing.T) {
	h := newHostile(t)
	good, bad := 0, 0
	for i := range 200_000 {
		if h.rng.IntN(16) == 0 {
			dynptr{h.value(), h.rng.Uint32(), uint32(h.value())}.put(h.mem[800+16*h.rng.IntN(4):])
		}
		n := h.rng.IntN(len(h.calls))
		args := h.args(h.calls[n])
		r0, err := h.run.Helper(bpf.CallKfunc, int32(n), &args)
		h.last[i%len(h.last)] = r0
		if good++; err != nil {
			good, bad = good-1, bad+1
		}
		if err != nil || h.rng.IntN(32) == 0 {
			h.end(t)
			if pos, _, err := h.user.Reserve(h.rng.IntN(64)); err == nil {
				h.user.Commit(pos, h.rng.IntN(4) == 0)
			}
		}
	}
	if good < 1000 || bad < 1000 {
		t.Errorf("%d calls succeeded and %d ended the run: the mixture is no use", good, bad)
	}
	if err := h.ring.Output([]byte("well"), 0); err != nil {
		t.Fatal(err)
	}
	if data, _, _ := h.ring.Next(nil); string(data) != "well" {
		t.Errorf("the record that was put out at the end is %q", data)
	}
	if _, err := h.user.Drain(0, func(uint64, uint32) (uint64, error) { return 0, nil }); err != nil {
		t.Error(err)
	}
	if _, _, err := h.user.Reserve(4088); err != nil {
		t.Errorf("what was drained is not free: %v", err)
	}
}

// Tracing programs that put samples out for a socket buffer or an XDP frame of the kernel's have no bytes of it.
func TestObjectOutput(t *testing.T) {
	h := newHostile(t)
	for n, c := range h.calls {
		if c.ID != 111 && c.ID != 121 {
			continue
		}
		for flags, want := range map[uint64]uint64{0: 0, 1<<32 - 1: 0, 1: maps.Guest(maps.ENOENT), 2: maps.Guest(maps.E2BIG),
			1 << 32: maps.Guest(maps.EFAULT), 1 << 52: maps.Guest(maps.EINVAL)} {
			r0, err := h.run.Helper(bpf.CallKfunc, int32(n), &[5]uint64{h.rng.Uint64(), bpf.MapHandle(2), flags, h.at, 8})
			if r0 != want || err != nil {
				t.Errorf("%s, flags %#x: %#x, %v; want %#x", c.Name, flags, r0, err, want)
			}
		}
	}
}
