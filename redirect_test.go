package rivet_test

import (
	"bytes"
	"net/netip"
	"slices"
	"sync"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/rivetbpf/rivet"
)

// sendingSpec is a program that calls one helper with constants and returns what it gave, plus verdict.
func sendingSpec(typ ebpf.ProgramType, insns ...asm.Instruction) *ebpf.CollectionSpec {
	return &ebpf.CollectionSpec{
		Maps: map[string]*ebpf.MapSpec{
			"devs":  {Name: "devs", Type: ebpf.DevMap, KeySize: 4, ValueSize: 4, MaxEntries: 8},
			"cpus":  {Name: "cpus", Type: ebpf.CPUMap, KeySize: 4, ValueSize: 4, MaxEntries: 2},
			"words": {Name: "words", Type: ebpf.SockMap, KeySize: 4, ValueSize: 4, MaxEntries: 2},
			"socks": {Name: "socks", Type: ebpf.SockMap, KeySize: 4, ValueSize: 8, MaxEntries: 2},
		},
		Programs: map[string]*ebpf.ProgramSpec{"p": {Name: "p", Type: typ, License: "GPL", Instructions: append(insns, asm.Return())}},
	}
}

func mapArg(name string) asm.Instruction          { return asm.LoadMapPtr(asm.R1, 0).WithReference(name) }
func arg(r asm.Register, v int32) asm.Instruction { return asm.Mov.Imm(r, v) }

func onEngines(t *testing.T, spec *ebpf.CollectionSpec, opts rivet.CollectionOptions, f func(*testing.T, *rivet.Collection)) {
	t.Helper()
	for _, e := range rivet.Engines() {
		t.Run(e.String(), func(t *testing.T) {
			opts.Engine, opts.CPUs = e, 2
			c, err := rivet.NewCollectionWithOptions(spec, opts)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			f(t, c)
		})
	}
}

func detailed(t *testing.T, c *rivet.Collection, opts *rivet.RunOptions) rivet.RunResult {
	t.Helper()
	res, err := c.Programs["p"].RunDetailed(opts)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

var packet = make([]byte, 64)

func TestResultRedirect(t *testing.T) {
	spec := sendingSpec(ebpf.XDP, mapArg("devs"), arg(asm.R2, 3), arg(asm.R3, 2), asm.FnRedirectMap.Call())
	onEngines(t, spec, rivet.CollectionOptions{}, func(t *testing.T, c *rivet.Collection) {
		if res := detailed(t, c, &rivet.RunOptions{Data: packet}); res.R0 != 2 || res.Redirect != nil {
			t.Errorf("an empty map: %d, %v", res.R0, res.Redirect)
		}
		if err := c.Maps["devs"].Put(uint32(3), uint32(7)); err != nil {
			t.Fatal(err)
		}
		res := detailed(t, c, &rivet.RunOptions{Data: packet, Repeat: 3})
		r := res.Redirect
		if res.R0 != 4 || r == nil || r.Kind != rivet.RedirectMapDevice || r.Ifindex != 7 || r.Map != c.Maps["devs"] || !bytes.Equal(r.Key, []byte{3, 0, 0, 0}) {
			t.Fatalf("%d, %+v", res.R0, r)
		}
		if got, want := r.String(), "device 7, devs[3]"; got != want {
			t.Errorf("prints as %q, want %q", got, want)
		}
		if err := c.Maps["devs"].Delete(uint32(3)); err != nil {
			t.Fatal(err)
		}
		if res := detailed(t, c, &rivet.RunOptions{Data: packet}); res.Redirect != nil {
			t.Errorf("a redirection of a run before: %v", res.Redirect)
		}
	})
}

// The packet goes where the program said only if its verdict says so, too.
func TestResultRedirectNeedsTheVerdict(t *testing.T) {
	for verdict, want := range map[int32]bool{0: false, 2: false, 7: true} {
		spec := sendingSpec(ebpf.SchedCLS, arg(asm.R1, 5), arg(asm.R2, 1), asm.FnRedirect.Call(), arg(asm.R0, verdict))
		onEngines(t, spec, rivet.CollectionOptions{}, func(t *testing.T, c *rivet.Collection) {
			r := detailed(t, c, &rivet.RunOptions{Data: packet}).Redirect
			if (r != nil) != want || r != nil && (!r.Ingress || r.String() != "device 5, ingress") {
				t.Errorf("verdict %d: %+v", verdict, r)
			}
		})
	}
}

func TestResultBroadcast(t *testing.T) {
	spec := sendingSpec(ebpf.XDP, mapArg("devs"), arg(asm.R2, 0), arg(asm.R3, 8|16), asm.FnRedirectMap.Call())
	onEngines(t, spec, rivet.CollectionOptions{}, func(t *testing.T, c *rivet.Collection) {
		for i, dev := range []uint32{4, 1, 6} {
			if err := c.Maps["devs"].Put(uint32(i), dev); err != nil {
				t.Fatal(err)
			}
		}
		r := detailed(t, c, &rivet.RunOptions{Data: packet}).Redirect // came in on device 1
		if r == nil || !slices.Equal(r.Broadcast, []uint32{4, 6}) || r.String() != "devices [4 6], devs[0]" {
			t.Errorf("%+v", r)
		}
	})
}

func TestResultClones(t *testing.T) {
	spec := sendingSpec(ebpf.SchedCLS, asm.Mov.Reg(asm.R6, asm.R1), arg(asm.R2, 9), arg(asm.R3, 1), asm.FnCloneRedirect.Call(),
		asm.LoadMem(asm.R2, asm.R6, 76, asm.Word), asm.StoreImm(asm.R2, 0, 0x5a, asm.Byte),
		asm.Mov.Reg(asm.R1, asm.R6), arg(asm.R2, 8), arg(asm.R3, 0), asm.FnCloneRedirect.Call())
	onEngines(t, spec, rivet.CollectionOptions{}, func(t *testing.T, c *rivet.Collection) {
		if cl := detailed(t, c, &rivet.RunOptions{Data: packet, Repeat: 2}).Clones; len(cl) != 2 {
			t.Errorf("%d clones of the last repetition", len(cl))
		}
		cl := detailed(t, c, &rivet.RunOptions{Data: packet}).Clones
		if len(cl) != 2 || cl[0].Ifindex != 9 || !cl[0].Ingress || cl[1].Ingress || cl[0].Data[0] != 0 || cl[1].Data[0] != 0x5a || len(cl[0].Data) != 64 {
			t.Fatalf("%+v", cl)
		}
		if got, want := cl[0].String(), "device 9, 64 bytes, ingress"; got != want {
			t.Errorf("prints as %q, want %q", got, want)
		}
	})
}

// A device that the host does not have is refused where Linux refuses it.
func TestDevicesOfTheHost(t *testing.T) {
	type machine struct {
		rivet.DefaultHost
		*rivet.FIB
	}
	spec := sendingSpec(ebpf.XDP, arg(asm.R0, 2))
	opts := rivet.CollectionOptions{Host: machine{FIB: &rivet.FIB{Devices: []rivet.Device{{Index: 2}}}}}
	onEngines(t, spec, opts, func(t *testing.T, c *rivet.Collection) {
		if err := c.Maps["devs"].Put(uint32(0), uint32(2)); err != nil {
			t.Error(err)
		}
		if err := c.Maps["devs"].Put(uint32(0), uint32(3)); err == nil {
			t.Error("a device that is not there is taken")
		}
		if err := c.Maps["socks"].Put(uint32(0), uint64(1)); err == nil {
			t.Error("a descriptor is taken for a socket")
		}
		if err := c.Maps["devs"].Put(uint32(0), &rivet.Socket{}); err == nil {
			t.Error("a socket is taken for a device")
		}
		if err := c.Maps["socks"].Put(uint32(0), (*rivet.Socket)(nil)); err == nil {
			t.Error("no socket is taken for one")
		}
		if b, err := c.Maps["words"].DumpJSON(); err != nil || string(b) != "[]" {
			t.Errorf("a map of descriptors dumps as %s, %v", b, err)
		}
		sock := &rivet.Socket{Protocol: 6, State: 1, Local: netip.MustParseAddrPort("127.0.0.1:1"), Cookie: 77}
		var cookie uint64
		if err := c.Maps["socks"].Put(uint32(0), sock); err != nil {
			t.Error(err)
		}
		if err := c.Maps["socks"].Lookup(uint32(0), &cookie); err != nil || cookie != 77 {
			t.Errorf("%d, %v", cookie, err)
		}
	})
}

func TestSocketTable(t *testing.T) {
	ap := netip.MustParseAddrPort
	any := &rivet.Socket{Protocol: 6, State: 10, Local: ap("0.0.0.0:80")}
	one := &rivet.Socket{Protocol: 6, State: 10, Local: ap("10.0.0.1:80")}
	conn := &rivet.Socket{Protocol: 6, State: 1, Local: ap("10.0.0.1:80"), Remote: ap("10.0.0.2:1000")}
	dual := &rivet.Socket{Protocol: 17, State: 7, Local: ap("[::]:53")}
	bound := &rivet.Socket{Protocol: 17, State: 7, Local: ap("0.0.0.0:54"), Ifindex: 3}
	table := &rivet.SocketTable{Open: []*rivet.Socket{any, one, conn, dual, bound}}
	for _, test := range []struct {
		udp           bool
		local, remote string
		ifindex       uint32
		netns         int32
		want          *rivet.Socket
	}{
		{false, "10.0.0.1:80", "10.0.0.2:1000", 1, -1, conn}, {false, "10.0.0.1:80", "10.0.0.2:1001", 1, -1, one},
		{false, "10.0.0.9:80", "10.0.0.2:1000", 1, -1, any}, {false, "10.0.0.1:81", "10.0.0.2:1000", 1, -1, nil},
		{false, "[fd00::1]:80", "[fd00::2]:1", 1, -1, nil}, {true, "10.0.0.1:53", "10.0.0.2:1", 1, -1, dual},
		{true, "[fd00::1]:53", "[fd00::2]:1", 1, -1, dual}, {true, "10.0.0.1:80", "10.0.0.2:1000", 1, -1, nil},
		{true, "10.0.0.1:54", "10.0.0.2:1", 1, -1, nil}, {true, "10.0.0.1:54", "10.0.0.2:1", 3, -1, bound},
		{false, "10.0.0.1:80", "10.0.0.2:1000", 1, 0, nil},
	} {
		q := rivet.SocketQuery{UDP: test.udp, Local: ap(test.local), Remote: ap(test.remote), Ifindex: test.ifindex, Netns: test.netns}
		if got := table.Lookup(q); got != test.want {
			t.Errorf("%+v: %+v", q, got)
		}
	}
}

// Networks and sockets of a host take the place of the default's, whichever is embedded first.
func TestHostOfParts(t *testing.T) {
	var h rivet.Host = struct {
		rivet.DefaultHost
		*rivet.FIB
		*rivet.SocketTable
	}{FIB: &rivet.FIB{Devices: []rivet.Device{{Index: 4, MTU: 9000}}}, SocketTable: &rivet.SocketTable{Cookie: 12}}
	if d, ok := h.Device(4); !ok || d.MTU != 9000 {
		t.Errorf("%+v", d)
	}
	if _, ok := h.Device(1); ok {
		t.Error("the default's devices are there")
	}
	if h.NetnsCookie() != 12 {
		t.Error("the default's sockets are there")
	}
	if d, ok := (rivet.DefaultHost{}).Device(5); !ok || d.Index != 5 {
		t.Errorf("the default has no device 5: %+v", d)
	}
}

// The socket that a run is given is where contexts show it: as a pointer, and in the fields of struct __sk_buff.
func TestRunOptionsSocket(t *testing.T) {
	sock := &rivet.Socket{Protocol: 6, State: 1, Local: netip.MustParseAddrPort("10.0.0.1:80"), Remote: netip.MustParseAddrPort("10.0.0.2:999"), Cookie: 55,
		TCP: &rivet.TCPInfo{SndCwnd: 12}}
	opts := &rivet.RunOptions{Data: packet, Socket: sock}
	load := func(at int16, size asm.Size) []asm.Instruction {
		return []asm.Instruction{asm.LoadMem(asm.R1, asm.R1, at, asm.DWord), asm.LoadMem(asm.R0, asm.R1, 44, size)}
	}
	for _, test := range []struct {
		name  string
		typ   ebpf.ProgramType
		insns []asm.Instruction
		want  uint64
	}{
		{"cookie", ebpf.SchedCLS, []asm.Instruction{asm.FnGetSocketCookie.Call()}, 55},
		{"skb->sk->src_port", ebpf.SchedCLS, load(168, asm.Word), 80},
		{"skb->local_port", ebpf.CGroupSKB, []asm.Instruction{asm.LoadMem(asm.R0, asm.R1, 136, asm.Word)}, 80},
		{"tcp_sock(skb->sk)->snd_cwnd", ebpf.SchedCLS, []asm.Instruction{asm.LoadMem(asm.R1, asm.R1, 168, asm.DWord), asm.FnTcpSock.Call(),
			asm.LoadMem(asm.R0, asm.R0, 0, asm.Word)}, 12},
		{"msg->sk->src_port", ebpf.SkMsg, load(72, asm.Word), 80},
		{"apply bytes", ebpf.SkMsg, []asm.Instruction{arg(asm.R2, 9), asm.FnMsgApplyBytes.Call(), arg(asm.R0, 3)}, 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			onEngines(t, sendingSpec(test.typ, test.insns...), rivet.CollectionOptions{}, func(t *testing.T, c *rivet.Collection) {
				for range 2 {
					if res := detailed(t, c, opts); res.R0 != test.want {
						t.Errorf("%d, want %d", res.R0, test.want)
					}
				}
				if res := detailed(t, c, opts); test.typ == ebpf.SkMsg && test.want == 3 && res.ApplyBytes != 9 {
					t.Errorf("%d bytes", res.ApplyBytes)
				}
			})
		})
	}
}

// What a run does to the network costs no memory of the host's unless somebody asks for it.
func TestRedirectAllocatesNothing(t *testing.T) {
	spec := sendingSpec(ebpf.XDP, mapArg("devs"), arg(asm.R2, 3), arg(asm.R3, 2), asm.FnRedirectMap.Call())
	onEngines(t, spec, rivet.CollectionOptions{}, func(t *testing.T, c *rivet.Collection) {
		if err := c.Maps["devs"].Put(uint32(3), uint32(7)); err != nil {
			t.Fatal(err)
		}
		opts := &rivet.RunOptions{Data: packet}
		if n := testing.AllocsPerRun(100, func() {
			if r0, err := c.Programs["p"].Run(opts); r0 != 4 || err != nil {
				t.Error(r0, err)
			}
		}); n != 0 {
			t.Errorf("%v allocations", n)
		}
	})
}

// Runs at once have redirections of their own.
func TestRedirectsAtOnce(t *testing.T) {
	spec := sendingSpec(ebpf.SchedCLS, asm.LoadMem(asm.R1, asm.R1, 8, asm.Word), arg(asm.R2, 0), asm.FnRedirect.Call())
	onEngines(t, spec, rivet.CollectionOptions{}, func(t *testing.T, c *rivet.Collection) {
		var wg sync.WaitGroup
		for g := range uint32(4) {
			wg.Add(1)
			go func() {
				defer wg.Done()
				ctx := make([]byte, 192)
				ctx[8] = byte(g + 1) // mark
				for range 200 {
					res, err := c.Programs["p"].RunDetailed(&rivet.RunOptions{Data: packet, Context: ctx})
					if err != nil || res.Redirect == nil || res.Redirect.Ifindex != g+1 {
						t.Errorf("%+v, %v", res.Redirect, err)
						return
					}
				}
			}()
		}
		wg.Wait()
	})
}
