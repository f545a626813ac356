package main

import (
	"bytes"
	"io"
	"net"
	"net/netip"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/rivetbpf/rivet"
	"github.com/rivetbpf/rivet/internal/testenv"
	"github.com/rivetbpf/rivet/rivettest"
)

// bench is a firewall under test, at a time that the test sets.
type bench struct {
	objects
	now time.Duration
}

func load(t *testing.T, engine rivet.Engine, l limits) *bench {
	t.Helper()
	spec, err := newSpec(l)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{now: time.Second}
	rivettest.LoadAndAssign(t, spec, &b.objects, rivet.CollectionOptions{Engine: engine, Clock: func() uint64 { return uint64(b.now) }})
	if err := b.block(blocklist); err != nil {
		t.Fatal(err)
	}
	return b
}

// packet has a transport layer, and "hello", between from and a server.
func packet(t *testing.T, from string, transport gopacket.SerializableLayer) []byte {
	t.Helper()
	protocol := layers.IPProtocol(253) // for experiments (RFC 3692)
	switch transport.(type) {
	case *layers.TCP:
		protocol = layers.IPProtocolTCP
	case *layers.UDP:
		protocol = layers.IPProtocolUDP
	case *layers.ICMPv4:
		protocol = layers.IPProtocolICMPv4
	}
	eth := &layers.Ethernet{SrcMAC: make(net.HardwareAddr, 6), DstMAC: make(net.HardwareAddr, 6)}
	if a := netip.MustParseAddr(from); a.Is4() {
		eth.EthernetType = layers.EthernetTypeIPv4
		ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: protocol, SrcIP: a.AsSlice(), DstIP: net.IP{192, 0, 2, 1}}
		return rivettest.Packet(t, eth, ip, transport, gopacket.Payload("hello"))
	}
	eth.EthernetType = layers.EthernetTypeIPv6
	ip := &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: protocol, SrcIP: net.ParseIP(from), DstIP: net.ParseIP("2001:db8::1")}
	return rivettest.Packet(t, eth, ip, transport, gopacket.Payload("hello"))
}

func mapped(s string) address { return netip.MustParseAddr(s).As16() }

// Each packet, by itself, is dropped for its reason or passes; nothing in it changes.
func TestPackets(t *testing.T) {
	rivettest.Engines(t, func(t *testing.T, engine rivet.Engine) {
		for _, c := range []struct {
			name   string
			packet []byte
			want   reason
		}{
			{"SYN", packet(t, "10.0.0.1", &layers.TCP{DstPort: 80, SYN: true}), passed},
			{"ACK", packet(t, "2001:db8:1::1", &layers.TCP{DstPort: 80, ACK: true}), passed},
			{"RST", packet(t, "10.0.0.1", &layers.TCP{RST: true}), passed},
			{"no flags", packet(t, "10.0.0.1", &layers.TCP{}), badFlags},
			{"SYN FIN", packet(t, "10.0.0.1", &layers.TCP{SYN: true, FIN: true}), badFlags},
			{"SYN RST", packet(t, "2001:db8:1::1", &layers.TCP{SYN: true, RST: true}), badFlags},
			{"DNS", packet(t, "10.0.0.1", &layers.UDP{SrcPort: 53, DstPort: 4000}), passed},
			{"memcached", packet(t, "10.0.0.1", &layers.UDP{SrcPort: 11211, DstPort: 4000}), amplified},
			{"chargen", packet(t, "2001:db8:1::1", &layers.UDP{SrcPort: 19, DstPort: 4000}), amplified},
			{"ping", packet(t, "10.0.0.1", &layers.ICMPv4{}), passed},
			{"big ping", append(packet(t, "10.0.0.1", &layers.ICMPv4{}), make([]byte, 1000)...), bigPing},
			{"other protocol", packet(t, "10.0.0.1", gopacket.Payload("experiment")), passed},
			{"range", packet(t, "203.0.113.200", &layers.TCP{SYN: true}), blocked},
			{"beside the range", packet(t, "203.0.112.200", &layers.TCP{SYN: true}), passed},
			{"address", packet(t, "198.51.100.7", &layers.UDP{}), blocked},
			{"beside the address", packet(t, "198.51.100.6", &layers.UDP{}), passed},
			{"range of IPv6", packet(t, "2001:db8:bad:1::7", &layers.TCP{SYN: true}), blocked},
			{"cut in Ethernet", make([]byte, 13), malformed},
			{"cut in IPv4", packet(t, "10.0.0.1", &layers.UDP{})[:33], malformed},
			{"cut in IPv6", packet(t, "2001:db8:1::1", &layers.UDP{})[:53], malformed},
			{"cut in TCP", packet(t, "10.0.0.1", &layers.TCP{SYN: true})[:53], malformed},
			{"cut in UDP", packet(t, "10.0.0.1", &layers.UDP{})[:41], malformed},
			{"ARP", append(make([]byte, 12), 8, 6), passed},
		} {
			t.Run(c.name, func(t *testing.T) {
				b := load(t, engine, limits{rate: 50, burst: 20})
				verdict := "XDP_DROP"
				if c.want == passed {
					verdict = "XDP_PASS"
				}
				rivettest.Run(t, b.Firewall, c.packet).ExpectVerdict(t, verdict).ExpectSamePacket(t)
				for r := range reasons {
					var sum, want counter
					for _, n := range rivettest.Value[[]counter](t, b.Counters, uint32(r)) {
						sum.Packets, sum.Bytes = sum.Packets+n.Packets, sum.Bytes+n.Bytes
					}
					if r == c.want {
						want = counter{1, uint64(len(c.packet))}
					}
					if sum != want {
						t.Errorf("%v: %+v, want %+v", r, sum, want)
					}
				}
				events := rivettest.Records[event](t, b.Events)
				if c.want == passed && len(events) != 0 || c.want != passed && (len(events) != 1 || events[0].Reason != c.want) {
					t.Errorf("events %v", events)
				}
			})
		}
	})
}

// An event says all about the packet that was dropped.
func TestEvent(t *testing.T) {
	rivettest.Engines(t, func(t *testing.T, engine rivet.Engine) {
		b := load(t, engine, limits{rate: 50, burst: 20})
		p := packet(t, "198.51.100.9", &layers.TCP{SrcPort: 1000, DstPort: 22, SYN: true, FIN: true})
		rivettest.Run(t, b.Firewall, p).ExpectVerdict(t, "XDP_DROP")
		rivettest.ExpectRecords(t, b.Events, event{Time: uint64(time.Second), Source: mapped("198.51.100.9"), Target: mapped("192.0.2.1"),
			Length: uint32(len(p)), SourcePort: 1000, TargetPort: 22, Protocol: 6, Reason: badFlags})
	})
}

// A source may send a burst, and then at its rate; others do not suffer from it.
func TestRate(t *testing.T) {
	rivettest.Engines(t, func(t *testing.T, engine rivet.Engine) {
		b := load(t, engine, limits{rate: 10, burst: 5})
		p, other := packet(t, "10.0.0.1", &layers.UDP{}), packet(t, "10.0.0.2", &layers.UDP{})
		send := func(packet []byte, n int) (through int) {
			for range n {
				if rivettest.Run(t, b.Firewall, packet).Verdict == "XDP_PASS" {
					through++
				}
			}
			return through
		}
		if n := send(p, 20); n != 5 {
			t.Errorf("%d packets of the burst passed, want 5", n)
		}
		if n := send(other, 5); n != 5 {
			t.Errorf("%d packets of the other source passed, want 5", n)
		}
		rivettest.ExpectEntries(t, b.Buckets, map[address]bucket{
			mapped("10.0.0.1"): {uint64(1500 * time.Millisecond)}, mapped("10.0.0.2"): {uint64(1500 * time.Millisecond)}})
		b.now += 300 * time.Millisecond
		if n := send(p, 20); n != 3 {
			t.Errorf("%d packets passed 300 ms later, want 3", n)
		}
		b.now += time.Hour
		if n := send(p, 20); n != 5 {
			t.Errorf("%d packets passed an hour later, want 5", n)
		}
	})
}

// However many processors take tokens of one bucket at once, each is taken once.
func TestRateOnManyProcessors(t *testing.T) {
	rivettest.Engines(t, func(t *testing.T, engine rivet.Engine) {
		const burst = 5000
		b := load(t, engine, limits{rate: 10, burst: burst})
		p := packet(t, "10.0.0.1", &layers.UDP{})
		var through atomic.Int64
		send := func(cpu uint32, n int) {
			for range n {
				v, err := b.Firewall.Run(&rivet.RunOptions{Data: p, CPU: cpu})
				if err != nil {
					t.Error(err)
					return
				}
				if v == 2 { // XDP_PASS
					through.Add(1)
				}
			}
		}
		var all sync.WaitGroup
		for cpu := range uint32(min(8, rivet.MustPossibleCPU())) {
			all.Go(func() { send(cpu, 1000) })
		}
		all.Wait()
		send(0, burst) // what is left in the bucket
		if n := through.Load(); n != burst {
			t.Errorf("%d packets passed, want %d", n, burst)
		}
	})
}

// More sources than there are buckets: old ones are forgotten and none is kept out.
func TestManySources(t *testing.T) {
	b := load(t, rivet.EngineDefault, limits{rate: 10, burst: 5})
	p := packet(t, "10.0.0.1", &layers.UDP{})
	for i := range 5000 {
		p[28], p[29] = byte(i>>8), byte(i)
		rivettest.Run(t, b.Firewall, p).ExpectVerdict(t, "XDP_PASS")
	}
	if n := len(rivettest.Entries[address, bucket](t, b.Buckets)); n == 0 || n > 1024 {
		t.Errorf("%d sources are remembered", n)
	}
}

// Events that nobody reads are lost, and counted; packets are dropped all the same.
func TestEventsAreLost(t *testing.T) {
	b := load(t, rivet.EngineDefault, limits{rate: 10, burst: 5})
	p := packet(t, "203.0.113.1", &layers.UDP{})
	for range 2000 {
		rivettest.Run(t, b.Firewall, p).ExpectVerdict(t, "XDP_DROP")
	}
	var lost uint64
	if err := b.Lost.Get(&lost); err != nil {
		t.Fatal(err)
	}
	if n := len(rivettest.Records[event](t, b.Events)); n == 0 || lost == 0 || n+int(lost) != 2000 {
		t.Errorf("%d events and %d lost of 2000", n, lost)
	}
	rivettest.ExpectValue(t, b.Blocked4, range4{24, [4]byte{203, 0, 113}}, uint64(2000))
}

// The command shows each drop of the capture and sums up.
func TestCommand(t *testing.T) {
	for _, engine := range rivet.Engines() {
		var out bytes.Buffer
		c := &config{limits: limits{50, 20}, engine: engine, list: blocklist, capture: bytes.NewReader(traffic)}
		if err := run(&out, c); err != nil {
			t.Fatalf("%v: %v", engine, err)
		}
		events, sums, _ := strings.Cut(out.String(), "\n\n")
		if n := strings.Count(events, "\n") + 1; n != 56 {
			t.Errorf("%v: %d events, want 56:\n%s", engine, n, events)
		}
		for _, want := range []string{`passed +124 +14394\n`, `blocked +9 +582\n`, `too fast +35 +8470\n`, `203\.0\.113\.0/24 +5 packets\n`,
			`2001:db8:bad::/48 +3 packets\n`, `0 events lost`} {
			if !regexp.MustCompile(want).MatchString(sums) {
				t.Errorf("%v: the summary lacks %q:\n%s", engine, want, sums)
			}
		}
	}
}

func TestWrongInput(t *testing.T) {
	for name, c := range map[string]*config{
		"list":    {limits: limits{50, 20}, list: "10.0.0.0/8\n10.0.0/8", capture: bytes.NewReader(traffic)},
		"capture": {limits: limits{50, 20}, capture: strings.NewReader("no capture")},
		"rate":    {limits: limits{0, 20}, capture: bytes.NewReader(traffic)},
	} {
		if err := run(io.Discard, c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// The kernel gives the packets of the capture the same verdicts and counts.
func TestAsInKernel(t *testing.T) {
	testenv.NeedBPF(t)
	fast := limits{rate: 1_000_000, burst: 1000} // so that its clock does not matter
	b := load(t, rivet.EngineDefault, fast)
	spec, err := newSpec(fast)
	if err != nil {
		t.Fatal(err)
	}
	kernel, err := ebpf.NewCollection((*ebpf.CollectionSpec)(spec))
	if err != nil {
		t.Fatal(err)
	}
	defer kernel.Close()
	if err := kernel.Maps["blocked4"].Put(range4{24, [4]byte{203, 0, 113}}, uint64(0)); err != nil {
		t.Fatal(err)
	}
	capture, err := pcapgo.NewReader(bytes.NewReader(traffic))
	if err != nil {
		t.Fatal(err)
	}
	// One list for both.
	if err := b.Blocked4.Delete(range4{32, [4]byte{198, 51, 100, 7}}); err != nil {
		t.Fatal(err)
	}
	if err := b.Blocked6.Delete(range6{48, netip.MustParseAddr("2001:db8:bad::").As16()}); err != nil {
		t.Fatal(err)
	}
	n := 0
	for {
		data, _, err := capture.ReadPacketData()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(data) < 14 {
			continue // the kernel runs programs on whole Ethernet headers
		}
		want, _, err := kernel.Programs["firewall"].Test(data)
		if err != nil {
			t.Fatal(err)
		}
		if got := rivettest.Run(t, b.Firewall, data); uint32(got.R0) != want {
			t.Errorf("packet %x: rivet's verdict is %s, the kernel's %d", data, got.Verdict, want)
		}
		n++
	}
	for r := range reasons {
		sum := func(values []counter) (c counter) {
			for _, v := range values {
				c.Packets, c.Bytes = c.Packets+v.Packets, c.Bytes+v.Bytes
			}
			return c
		}
		var want []counter
		if err := kernel.Maps["counters"].Lookup(uint32(r), &want); err != nil {
			t.Fatal(err)
		}
		if got := sum(rivettest.Value[[]counter](t, b.Counters, uint32(r))); got != sum(want) {
			t.Errorf("%v: %+v, the kernel has %+v", r, got, sum(want))
		}
	}
	t.Logf("%d packets", n)
}
