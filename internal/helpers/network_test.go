package helpers

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/rivetbpf/rivet/internal/arena"
	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/engine"
	"github.com/rivetbpf/rivet/internal/host"
	"github.com/rivetbpf/rivet/internal/maps"
	"github.com/rivetbpf/rivet/internal/progctx"
	"github.com/rivetbpf/rivet/internal/rcu"
)

// netHost is a host with two devices, some sockets and a connection.
type netHost struct {
	host.Default
	socks []*host.Socket
}

func (netHost) Device(ifindex uint32) (host.Device, bool) {
	return host.Device{Index: ifindex, MTU: 1500}, ifindex == 1 || ifindex == 2
}

func (h netHost) Lookup(q host.SocketQuery) *host.Socket {
	for _, s := range h.socks {
		if s.Local == q.Local && (s.Protocol == host.ProtoUDP) == q.UDP {
			return s
		}
	}
	return nil
}

func (netHost) Connection(q host.ConnectionQuery) *host.Connection {
	if q.Dst.Port() != 80 {
		return nil
	}
	return &host.Connection{Kernel: []byte("a struct nf_conn"), Reply: true}
}

// The maps of netRun, by index.
const (
	devs = iota
	devHash
	cpus
	xsks
	socks
	sockHash
	array
)

// netRun is a run with a packet of n bytes, maps of all targets, and 1024 bytes of guest memory at at.
func netRun(t testing.TB, progType string, n int) (r *Run, mem []byte, at uint64) {
	t.Helper()
	m := &bpf.Module{Funcs: []*bpf.Func{{Name: "f"}}, Maps: []*bpf.Map{
		{Name: "devs", Type: 14, KeySize: 4, ValueSize: 4, MaxEntries: 4},
		{Name: "devhash", Type: 25, KeySize: 4, ValueSize: 8, MaxEntries: 4},
		{Name: "cpus", Type: 16, KeySize: 4, ValueSize: 4, MaxEntries: 2},
		{Name: "xsks", Type: 17, KeySize: 4, ValueSize: 4, MaxEntries: 4},
		{Name: "socks", Type: 15, KeySize: 4, ValueSize: 8, MaxEntries: 4},
		{Name: "sockhash", Type: 18, KeySize: 8, ValueSize: 8, MaxEntries: 4},
		{Name: "array", Type: 2, KeySize: 4, ValueSize: 4, MaxEntries: 4},
	}, Kfuncs: []string{"bpf_xdp_metadata_rx_timestamp", "bpf_xdp_metadata_rx_hash", "bpf_xdp_metadata_rx_vlan_tag",
		"bpf_skb_ct_lookup", "bpf_ct_release", "bpf_xdp_flow_lookup"}}
	if err := maps.Check(m.Maps); err != nil {
		t.Fatal(err)
	}
	a, err := arena.New(maps.Memory(m.Maps, 2).Fixed + 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	env := &maps.Env{Arena: a, Tables: engine.NewTables(m.Maps), CPUs: 2, RCU: new(rcu.Domain), Net: netHost{}}
	ms, err := maps.New(env, m.Maps)
	if err != nil {
		t.Fatal(err)
	}
	table, err := NewTable(m, nil)
	if err != nil {
		t.Fatal(err)
	}
	room := func(n int) ([]byte, uint64, error) {
		at, err := a.Alloc(uint64(n))
		if err != nil {
			return nil, 0, err
		}
		b, _ := a.Bytes(at, uint64(n))
		return b, at, nil
	}
	mem, at, err = room(1024)
	if err != nil {
		t.Fatal(err)
	}
	buf, bufAt, err := room(4096)
	if err != nil {
		t.Fatal(err)
	}
	ctx, ctxAt, err := room(256)
	if err != nil {
		t.Fatal(err)
	}
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(i)
	}
	pkt := progctx.NewPacket(buf, bufAt, data, 0, room)
	w := NewWorld(m, env, ms, table, nil)
	w.Host = netHost{}
	return &Run{World: w, Ctx: ctx, CtxAt: ctxAt, Layout: progctx.For(progType), Packet: &pkt, More: room}, mem, at
}

// call calls a helper that must not fault.
func (r *Run) call(t testing.TB, id int32, args ...uint64) int64 {
	t.Helper()
	var a [5]uint64
	copy(a[:], args)
	r0, err := r.Helper(bpf.CallHelper, id, &a)
	if err != nil {
		t.Fatal(err)
	}
	return int64(r0)
}

// fault calls a helper that must fault, and looks into the message.
func (r *Run) fault(t testing.TB, want string, id int32, args ...uint64) {
	t.Helper()
	var a [5]uint64
	copy(a[:], args)
	if r0, err := r.Helper(bpf.CallHelper, id, &a); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("helper %d: %d, error %v, want one about %q", id, int64(r0), err, want)
	}
}

func key32(k uint32) []byte   { return binary.LittleEndian.AppendUint32(nil, k) }
func value64(v uint64) []byte { return binary.LittleEndian.AppendUint64(nil, v) }

func put(t testing.TB, r *Run, m int, key, value []byte) {
	t.Helper()
	if err := r.World.Maps[m].Write(key, value, 0); err != nil {
		t.Fatal(err)
	}
}

func TestRedirect(t *testing.T) {
	neigh := make([]byte, 20)
	for _, test := range []struct {
		typ  string
		id   int32
		args []uint64
		r0   int64
		kind RedirectKind
	}{
		{"XDP", 23, []uint64{7, 0}, 4, ToDevice},
		{"XDP", 23, []uint64{7, 1}, 0, ToNothing},
		{"SchedCLS", 23, []uint64{7, 0}, 7, ToDevice},
		{"SchedCLS", 23, []uint64{7, FIngress}, 7, ToDevice},
		{"SchedCLS", 23, []uint64{7, 2}, 2, ToNothing},
		{"SchedCLS", 155, []uint64{7, 0}, 7, ToPeer},
		{"SchedCLS", 155, []uint64{7, 1}, 2, ToNothing},
		{"SchedCLS", 152, []uint64{7, 0, 0, 0}, 7, ToNeighbor},
		{"SchedCLS", 152, []uint64{7, 0, 0, 1}, 2, ToNothing},
	} {
		r, _, _ := netRun(t, test.typ, 64)
		got := r.call(t, test.id, test.args...)
		d := r.Redirect()
		kind := ToNothing
		if d != nil {
			kind = d.Kind
		}
		if got != test.r0 || kind != test.kind || d != nil && d.Ifindex != 7 {
			t.Errorf("%s, helper %d%v: %d, %+v", test.typ, test.id, test.args, got, d)
		}
	}
	r, mem, at := netRun(t, "SchedCLS", 64)
	copy(mem, neigh)
	binary.LittleEndian.PutUint32(mem, 2)
	copy(mem[4:], []byte{10, 0, 0, 9})
	if r0 := r.call(t, 152, 3, at, 20, 0); r0 != 7 || r.Redirect().NextHop != netip.MustParseAddr("10.0.0.9") {
		t.Errorf("%d, %+v", r0, r.Redirect())
	}
	for _, size := range []uint64{1, 19} {
		if r0 := r.call(t, 152, 3, at, size, 0); r0 != tcShot {
			t.Errorf("a neighbour of %d bytes gives %d", size, r0)
		}
	}
	r.fault(t, "outside guest memory", 152, 3, 1<<40, 20, 0)
	r.ResetActions()
	if r.Redirect() != nil {
		t.Error("a redirection outlives its run")
	}
}

func TestRedirectMap(t *testing.T) {
	r, _, _ := netRun(t, "XDP", 64)
	put(t, r, devs, key32(1), key32(2))
	put(t, r, devs, key32(2), key32(1))
	put(t, r, devHash, key32(99), value64(2))
	put(t, r, cpus, key32(1), key32(192))
	put(t, r, xsks, key32(3), key32(0))
	binary.LittleEndian.PutUint32(r.Ctx[12:], 1) // came in on device 1
	for _, test := range []struct {
		m          int
		key, flags uint64
		r0         int64
		kind       RedirectKind
		value      uint32
		all        []uint32
	}{
		{devs, 1, 0, 4, ToMapDevice, 2, nil},
		{devs, 0, 2, 2, ToNothing, 0, nil},
		{devs, 1, 4, 0, ToNothing, 0, nil},
		{devs, 77, 3, 3, ToNothing, 0, nil},
		{devs, 77, FBroadcast, 4, ToMapDevice, 0, []uint32{2, 1}},
		{devs, 77, FBroadcast | FExcludeIngress, 4, ToMapDevice, 0, []uint32{2}},
		{devHash, 99, 0, 4, ToMapDevice, 2, nil},
		{devHash, 1, FBroadcast, 4, ToMapDevice, 0, []uint32{2}},
		{cpus, 1, 0, 4, ToCPU, 192, nil},
		{cpus, 0, 2, 2, ToNothing, 0, nil},
		{cpus, 1, FBroadcast, 0, ToNothing, 0, nil},
		{xsks, 3, 0, 4, ToXSK, 0, nil},
		{xsks, 2, 1, 1, ToNothing, 0, nil},
	} {
		r.ResetActions()
		r0 := r.call(t, 51, bpf.MapHandle(test.m), test.key, test.flags)
		d := r.Redirect()
		switch {
		case r0 != test.r0 || (d == nil) != (test.kind == ToNothing):
			t.Errorf("%+v: %d, %+v", test, r0, d)
		case d != nil && (d.Kind != test.kind || d.Value != test.value || d.Map.Index != test.m || len(test.all) > 0 && !slices.Equal(d.Broadcast, test.all)):
			t.Errorf("%+v: %+v", test, d)
		}
	}
	// A miss clears what was there before; bad flags do not.
	r.call(t, 51, bpf.MapHandle(devs), 1, 0)
	r.call(t, 51, bpf.MapHandle(devs), 1, 1<<40)
	if r.Redirect() == nil {
		t.Error("bad flags cleared the redirection")
	}
	r.call(t, 51, bpf.MapHandle(devs), 0, 0)
	if r.Redirect() != nil {
		t.Error("a miss left the redirection")
	}
	r.fault(t, `map "array" is of kind Array`, 51, bpf.MapHandle(array), 0, 0)
	if n := testing.AllocsPerRun(100, func() { r.call(t, 51, bpf.MapHandle(devs), 1, 0) }); n != 0 {
		t.Errorf("a redirection allocates %v times", n)
	}
}

func TestCloneRedirect(t *testing.T) {
	r, _, _ := netRun(t, "SchedCLS", 64)
	ctx := r.CtxAt
	if r0 := r.call(t, 13, ctx, 2, 0); r0 != 0 {
		t.Fatal(r0)
	}
	r.Packet.Bytes[0] = 0xff
	r.call(t, 13, ctx, 1, FIngress)
	if got := r.call(t, 13, ctx, 9, 0); got != -22 {
		t.Errorf("a device that is not there: %d", got)
	}
	if got := r.call(t, 13, ctx, 1, 2); got != -22 {
		t.Errorf("bad flags: %d", got)
	}
	c := r.Clones()
	if len(c) != 2 || len(c[0].Data) != 64 || c[0].Data[0] != 0 || c[0].Ifindex != 2 || c[1].Data[0] != 0xff || c[1].Flags != FIngress {
		t.Errorf("%+v", c)
	}
	big, _, _ := netRun(t, "SchedCLS", 3000)
	n := 0
	for big.call(t, 13, big.CtxAt, 1, 0) == 0 {
		n++
	}
	if n != maxCloned/3000 {
		t.Errorf("%d clones of 3000 bytes", n)
	}
	big.ResetActions()
	if len(big.Clones()) != 0 {
		t.Error("clones outlive their run")
	}
	if got := big.call(t, 13, big.CtxAt, 1, 0); got != 0 {
		t.Errorf("the next run cannot clone: %d", got)
	}
}

func TestTunnelReceived(t *testing.T) {
	r, mem, at := netRun(t, "SchedCLS", 64)
	r.Received = &Tunnel{ID: 5, Remote: netip.MustParseAddr("10.0.0.1"), Local: netip.MustParseAddr("10.0.0.2"), TTL: 9, Flags: tunnelKey, Options: []byte{1, 2, 3, 4}}
	if got := r.call(t, 20, r.CtxAt, at, keySize, tunFlags); got != 0 {
		t.Fatal(got)
	}
	if le.Uint32(mem) != 5 || le.Uint32(mem[keyRemote:]) != 0x0a000001 || le.Uint32(mem[keyLocal:]) != 0x0a000002 || mem[keyTTL] != 9 || be.Uint16(mem[keyFlags:]) != tunnelKey {
		t.Errorf("%x", mem[:keySize])
	}
	if got := r.call(t, 29, r.CtxAt, at, 8); got != 4 || le.Uint64(mem) != 0x04030201 {
		t.Errorf("options: %d, %x", got, mem[:8])
	}
	if got := r.call(t, 29, r.CtxAt, at, 3); got != -12 || mem[0]|mem[1]|mem[2] != 0 {
		t.Errorf("too little room: %d, %x", got, mem[:4])
	}
	if got := r.call(t, 30, r.CtxAt, at, 4); got != -22 {
		t.Errorf("options without a key of the program's: %d", got)
	}
	r.fault(t, "outside guest memory", 20, r.CtxAt, 1<<33, keySize, 0)
	r.fault(t, "a size of 0", 20, r.CtxAt, at, 0, 0)
	r.fault(t, "negative", 29, r.CtxAt, at, math.MaxUint32)
	if r.Tunnel() != nil {
		t.Error("reading sets")
	}
	clear(mem)
	if got := r.call(t, 21, r.CtxAt, at, keySize, 0); got != 0 || r.Tunnel() == nil {
		t.Errorf("set: %d", got)
	}
	r.ResetActions()
	if r.Tunnel() != nil {
		t.Error("a tunnel outlives its run")
	}
}

// Whatever a program of whatever type passes is an answer or a fault, never a panic: there is no verifier that keeps a helper
// from programs it is not for.
func TestNetworkHelpersSurvive(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, typ := range []string{"XDP", "SchedCLS", "SkSKB", "SockOps", "SkMsg", "SkReuseport", "SkLookup", "CGroupSockAddr", "CGroupSock", "Kprobe", progctx.TypeRaw} {
		r, mem, at := netRun(t, typ, 60)
		size, err := r.Layout.ContextSize(0)
		if err != nil {
			t.Fatal(err)
		}
		r.Ctx = r.Ctx[:min(size, len(r.Ctx))]
		if size == 0 {
			r.Ctx, r.CtxAt = nil, 0
		}
		for i := range 40_000 {
			if i%1000 == 0 {
				r.ResetActions()
				r.Packet.Bytes = r.Packet.Bytes[:min(len(r.Packet.Bytes), 60)]
			}
			h := networkHelpers[rng.IntN(len(networkHelpers))]
			var args [5]uint64
			for j := range args {
				args[j] = randomArg(rng, r, at)
			}
			for j := range mem[:128] {
				mem[j] = byte(rng.Uint32()) & byte(rng.Uint32()) & byte(rng.Uint32())
			}
			r.Socket = nil
			if rng.IntN(2) == 0 {
				r.Socket = &host.Socket{Protocol: 6, State: uint32(rng.IntN(13)), Local: netip.MustParseAddrPort("1.2.3.4:5")}
			}
			c := &Call{Run: r, Helper: h, Args: args}
			if c.bind() == nil {
				_, _ = h.Fn(c) // an error is a fault
			}
		}
	}
}

// randomArg is a number or a pointer that some helper may take.
func randomArg(rng *rand.Rand, r *Run, at uint64) uint64 {
	switch rng.IntN(8) {
	case 0:
		return uint64(rng.IntN(70))
	case 1:
		return r.CtxAt
	case 2:
		return bpf.MapHandle(rng.IntN(len(r.World.Maps)))
	case 3:
		return rng.Uint64()
	case 4:
		return r.hold(&host.Socket{Protocol: 6, State: uint32(rng.IntN(13))})
	case 5:
		return []uint64{0, 12, 16, 20, 36, 44, 64}[rng.IntN(7)]
	}
	return at + uint64(rng.IntN(64))
}
