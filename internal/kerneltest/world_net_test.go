//go:build linux

package kerneltest

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet"
)

// pair makes the two devices of the scripts below, 5 and 6.
var pair = []string{
	"link add v0 index 5 address 02:00:00:00:00:05 mtu 1400 type veth peer name v1 index 6 address 02:00:00:00:00:06",
	"link set lo up", "link set v0 up", "link set v1 up",
}

// pairDevices are the same for rivet. The loopback device is there as well.
var pairDevices = []rivet.Device{
	{Index: 1, MTU: 65536},
	{Index: 5, MTU: 1400, MAC: [6]byte{2, 0, 0, 0, 0, 5}},
	{Index: 6, MTU: 1500, MAC: [6]byte{2, 0, 0, 0, 0, 6}},
}

// netHost is a host with tables for network and sockets.
type netHost struct {
	rivet.DefaultHost
	*rivet.FIB
	*rivet.SocketTable
}

func hosted(f *rivet.FIB, s *rivet.SocketTable) rivet.CollectionOptions {
	return rivet.CollectionOptions{Host: netHost{FIB: f, SocketTable: s}, CPUs: 2}
}

var pairHost = hosted(&rivet.FIB{Devices: pairDevices}, &rivet.SocketTable{})

var netScripts = []Script{
	{Object: "net_redirect", Do: func(s *Session) {
		s.Run("on_xdp", packet64)
		s.Run("on_tc", packet64)
		s.Run("on_lwt", packet64)
	}},
	{Object: "net_devmap", Net: pair, Options: pairHost, Do: devMapScript},
	{Object: "net_devmaphash", Net: pair, Options: pairHost, Do: devMapHashScript},
	{Object: "net_cpumap", Net: pair, Options: pairHost, Do: cpuMapScript},
	{Object: "net_xskmap", Do: func(s *Session) {
		s.Run("entry", packet64)
		s.Delete("xsks", uint32(0))
		s.Delete("xsks", uint32(4))
		s.Logf("lookup: %v", s.Map("xsks").Lookup(uint32(0), new(uint32)) != nil)
		for _, flags := range []ebpf.MapUpdateFlags{3, 4} {
			s.Update("xsks", uint32(0), uint32(0), flags)
		}
		s.Update("xsks", uint32(4), uint32(0), 0)
	}},
	{Object: "net_clone", Net: pair, Options: pairHost, Do: func(s *Session) {
		s.Run("entry", packet64)
		s.Run("sent", packet64)
	}},
	{Object: "net_mtu", Net: pair, Options: pairHost, Do: mtuScript},
	{Object: "net_tunnel", Do: func(s *Session) {
		for _, p := range []string{"none", "ipv4", "ipv6", "options"} {
			s.Run(p, packet64)
		}
	}},
	{Object: "net_syncookie", Do: func(s *Session) {
		s.Run("ipv4", packet64)
		s.Run("ipv6", packet64)
	}},
	{Object: "net_xfrm", Do: func(s *Session) {
		s.Run("on_tc", packet64)
		s.Run("on_xdp", packet64)
	}},
	{Object: "net_conntrack", Do: func(s *Session) {
		s.Run("on_tc", packet64)
		s.Run("on_xdp", packet64)
	}},
	{Object: "net_fib", Name: "ipv4", Net: append(append([]string{}, pair...), routes4...), Options: hosted(fib4, &rivet.SocketTable{}), Do: fib4Script},
	{Object: "net_fib", Name: "ipv6", Net: append(append([]string{}, pair...), routes6...), Options: hosted(fib6, &rivet.SocketTable{}), Do: fib6Script},
	{Object: "net_fib", Name: "bad", Net: pair, Options: hosted(&rivet.FIB{Devices: closedDevices}, &rivet.SocketTable{}), Do: fibBadScript},
}

func devMapScript(s *Session) {
	s.Run("redirect", packet64)
	for _, flags := range []ebpf.MapUpdateFlags{0, 1, 2, 3, 8} {
		for _, key := range []uint32{0, 3, 4} {
			for _, dev := range []uint32{0, 1, 6, 77} {
				s.Update("devs", key, dev, flags)
			}
		}
	}
	s.Update("devs", uint32(0), uint32(5), 0)
	for _, v := range []uint64{5, 6 | 1<<63, 0, 5 | 9999<<32, 9999 << 32, 77} {
		s.Update("devs8", uint32(1), v, 0)
		s.Lookup("devs8", uint32(1))
	}
	s.Update("devs8", uint32(0), uint64(6), 0)
	s.Run("redirect", packet64)
	s.Run("look", packet64)
	s.Delete("devs", uint32(0))
	s.Delete("devs", uint32(0))
	s.Delete("devs", uint32(4))
	s.Lookup("devs", uint32(0))
	s.Pop("devs8", uint32(0))
	s.Run("look", packet64)
}

func devMapHashScript(s *Session) {
	s.Run("entry", packet64)
	for _, flags := range []ebpf.MapUpdateFlags{0, 1, 2, 3} {
		for _, key := range []uint32{0, 77, 1000, 5} {
			s.Update("devs", key, uint64(6), flags)
		}
	}
	s.Update("devs", uint32(77), uint64(5), 0)
	s.Update("devs", uint32(77), uint64(0), 0)
	s.Update("devs", uint32(77), uint64(99), 0)
	s.Update("devs", uint32(9), uint64(99), 1)
	s.Update("devs", uint32(77), uint64(5|5<<32), 0)
	s.Run("entry", packet64)
	s.Delete("devs", uint32(0))
	s.Delete("devs", uint32(0))
	for i := range uint32(200) { // more than what is set aside at once
		s.Update("devs", i+5000, uint64(6), 0)
		s.Delete("devs", i+5000)
	}
	s.Run("entry", packet64)
}

func cpuMapScript(s *Session) {
	s.Run("entry", packet64)
	for _, flags := range []ebpf.MapUpdateFlags{1, 2, 3} {
		s.Update("cpus", uint32(0), uint32(192), flags)
	}
	for _, key := range []uint32{0, 1, 4} {
		for _, size := range []uint32{0, 16384, 16385, 64} {
			s.Update("cpus", key, size, 0)
		}
	}
	s.Update("cpus8", uint32(0), uint64(64|9999<<32), 0)
	s.Update("cpus8", uint32(0), uint64(64), 0)
	s.Update("cpus8", uint32(1), uint64(9999<<32), 0)
	s.Run("entry", packet64)
	s.Delete("cpus", uint32(0))
	s.Delete("cpus", uint32(0))
	s.Delete("cpus", uint32(4))
	s.Lookup("cpus", uint32(0))
	s.Run("entry", packet64)
}

func mtuScript(s *Session) {
	packets := []Input{packet64, {Packet: make([]byte, 1414)}, {Packet: make([]byte, 1415)}}
	for _, size := range []uint32{0, 100, 1400, 2000} {
		for _, n := range []int{1000, 3000} {
			s.mtu("tc_mtu", segmented(n, size), []byte{5, 23: 0})
		}
	}
	for _, p := range []string{"xdp_mtu", "tc_mtu"} {
		for _, in := range packets {
			for _, dev := range []uint32{0, 5, 6, 77} {
				for _, length := range []uint32{0, 1400, 1401} {
					for _, diff := range []int32{0, 1, -1, 2000, -5000} {
						ask := binary.LittleEndian.AppendUint32(nil, dev)
						ask = binary.LittleEndian.AppendUint32(ask, length)
						ask = binary.LittleEndian.AppendUint32(ask, uint32(diff))
						ask = append(ask, make([]byte, 12)...)
						s.mtu(p, in, ask)
					}
				}
			}
		}
		for _, flags := range []byte{1, 2} {
			for _, at := range []int{4, 8, 23} { // a length, a difference, neither
				ask := make([]byte, 24)
				ask[at], ask[12] = 1, flags
				s.mtu(p, packet64, ask)
			}
		}
	}
}

// segmented is a packet that its device cuts into segments of some size.
func segmented(n int, size uint32) Input {
	ctx := make([]byte, 192)
	binary.LittleEndian.PutUint32(ctx[164:], 8) // gso_segs
	binary.LittleEndian.PutUint32(ctx[176:], size)
	return Input{Packet: make([]byte, n), Context: ctx}
}

func (s *Session) mtu(program string, in Input, ask []byte) {
	if err := s.Map("asked").Update(uint32(0), ask, 0); err != nil {
		s.Logf("update: %v", err)
	}
	out := s.Quiet(program, in)
	var got []byte
	err := s.Map("asked").Lookup(uint32(0), &got)
	s.Logf("%s, %d bytes, asked %x: %d %x %s %s", program, len(in.Packet), ask, out.Ret, got, Errno(out.Err), Errno(err))
}

// fibAsk is what bpf_fib_lookup is asked.
type fibAsk struct {
	family       uint8
	length       uint16
	ifindex      uint32
	src, dst     string
	table, mark  uint32
	tos          uint8
	size, flags  uint32
	sport, dport uint16
	protocol     uint8
}

func (a *fibAsk) bytes() []byte {
	le := binary.LittleEndian
	b := make([]byte, 80)
	b[0], b[1] = a.family, a.protocol
	binary.BigEndian.PutUint16(b[2:], a.sport)
	binary.BigEndian.PutUint16(b[4:], a.dport)
	le.PutUint16(b[6:], a.length)
	le.PutUint32(b[8:], a.ifindex)
	b[12] = a.tos
	for at, ip := range map[int]string{16: a.src, 32: a.dst} {
		if ip != "" {
			copy(b[at:], netip.MustParseAddr(ip).AsSlice())
		}
	}
	le.PutUint32(b[48:], a.table)
	le.PutUint32(b[52:], a.mark)
	size := a.size
	if size == 0 {
		size = 64
	}
	le.PutUint32(b[64:], size)
	le.PutUint32(b[68:], a.flags)
	return b
}

// fib asks in XDP and in tc, where a packet of its own counts if no length is given.
func (s *Session) fib(a fibAsk) {
	for _, p := range []string{"xdp_fib", "tc_fib"} {
		if err := s.Map("asked").Update(uint32(0), a.bytes(), 0); err != nil {
			s.Logf("update: %v", err)
		}
		out := s.Quiet(p, packet64)
		var got []byte
		err := s.Map("asked").Lookup(uint32(0), &got)
		code := fmt.Sprint("no answer")
		if len(got) == 80 {
			code = fmt.Sprintf("%d, params %x", int64(binary.LittleEndian.Uint64(got[72:])), got[:64])
		}
		s.Logf("%s %+v: %s %s %s", p, a, code, Errno(out.Err), Errno(err))
	}
}

// Flags of bpf_fib_lookup.
const (
	direct = 1 << iota
	output
	skipNeigh
	tableID
	source
	mark
)

var routes4 = []string{
	"addr add 10.0.0.1/24 dev v0", "addr add fd00::1/64 dev v0 nodad", "addr add 10.0.1.1/24 dev v1",
	"sysctl net/ipv4/conf/all/forwarding 1",
	"neigh add 10.0.0.9 lladdr 02:00:00:00:00:99 dev v0", "neigh add 10.0.1.9 lladdr 02:00:00:00:01:99 dev v1",
	"route add 172.16.0.0/12 via 10.0.0.9 metric 70", "route add 172.16.5.0/24 via 10.0.1.9", "route add 172.17.0.0/16 via 10.0.0.44",
	"route add 172.20.0.0/16 via 10.0.0.9 mtu lock 1000", "route add 172.21.0.0/16 via 10.0.0.9 src 10.0.1.1",
	"route add blackhole 192.0.2.0/26", "route add unreachable 192.0.2.64/26", "route add prohibit 192.0.2.128/26", "route add throw 192.0.2.192/26",
	"route add 198.51.100.0/24 via 10.0.1.9 table 100", "rule add fwmark 7 table 100 priority 50",
	"until fd00::1 -6 route show table local dev v0", "route add 203.0.113.0/24 via inet6 fd00::9 dev v0", "neigh add fd00::9 lladdr 02:00:00:00:06:99 dev v0",
}

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }
func addr(s string) netip.Addr     { return netip.MustParseAddr(s) }

func via(p string, dev uint32, gateway, src string, metric, mtu uint32) rivet.FIBRoute {
	r := rivet.FIBRoute{Prefix: prefix(p), Route: rivet.Route{Ifindex: dev, Metric: metric, MTU: mtu, Source: addr(src)}}
	if gateway != "" {
		r.Route.Gateway = addr(gateway)
	}
	return r
}

func special(p string, t rivet.RouteType) rivet.FIBRoute {
	return rivet.FIBRoute{Prefix: prefix(p), Route: rivet.Route{Type: t}}
}

func inTable(n uint32, r rivet.FIBRoute) rivet.FIBRoute {
	r.Table = n
	return r
}

var fib4 = &rivet.FIB{
	Devices: pairDevices,
	Rules:   []rivet.FIBRule{{Mark: 7, Table: 100}},
	Neighbors: []rivet.Neighbor{
		{Ifindex: 5, IP: addr("10.0.0.9"), MAC: [6]byte{2, 0, 0, 0, 0, 0x99}}, {Ifindex: 6, IP: addr("10.0.1.9"), MAC: [6]byte{2, 0, 0, 0, 1, 0x99}},
		{Ifindex: 5, IP: addr("fd00::9"), MAC: [6]byte{2, 0, 0, 0, 6, 0x99}},
	},
	Routes: []rivet.FIBRoute{
		special("10.0.0.1/32", rivet.RouteLocal), special("10.0.1.1/32", rivet.RouteLocal), special("127.0.0.0/8", rivet.RouteLocal),
		via("10.0.0.0/24", 5, "", "10.0.0.1", 0, 0), via("10.0.1.0/24", 6, "", "10.0.1.1", 0, 0),
		via("172.16.0.0/12", 5, "10.0.0.9", "10.0.0.1", 70, 0), via("172.16.5.0/24", 6, "10.0.1.9", "10.0.1.1", 0, 0),
		via("172.17.0.0/16", 5, "10.0.0.44", "10.0.0.1", 0, 0), via("172.20.0.0/16", 5, "10.0.0.9", "10.0.0.1", 0, 1000),
		via("172.21.0.0/16", 5, "10.0.0.9", "10.0.1.1", 0, 0),
		special("192.0.2.0/26", rivet.RouteBlackhole), special("192.0.2.64/26", rivet.RouteUnreachable), special("192.0.2.128/26", rivet.RouteProhibit),
		inTable(100, via("198.51.100.0/24", 6, "10.0.1.9", "10.0.1.1", 0, 0)),
		via("203.0.113.0/24", 5, "fd00::9", "10.0.0.1", 0, 0),
	},
}

func fib4Script(s *Session) {
	for _, dst := range []string{"10.0.0.9", "10.0.0.1", "10.0.0.77", "172.16.1.1", "172.16.5.5", "172.17.1.1", "172.20.1.1", "172.21.1.1", "127.0.0.1", "8.8.8.8",
		"192.0.2.1", "192.0.2.65", "192.0.2.129", "192.0.2.193", "198.51.100.1", "203.0.113.5"} {
		for _, flags := range []uint32{0, direct, skipNeigh, source, source | skipNeigh, direct | source, mark, direct | tableID, output} {
			s.fib(fibAsk{family: 2, ifindex: 6, dst: dst, src: "10.0.1.50", table: 100, mark: 7, flags: flags})
		}
	}
	for _, length := range []uint16{20, 1000, 1001, 1400, 1401, 1500, 65535} {
		for _, dst := range []string{"10.0.0.9", "172.16.5.5", "172.20.1.1", "172.16.1.1"} {
			s.fib(fibAsk{family: 2, ifindex: 5, dst: dst, length: length, tos: 0x10, protocol: 6, sport: 1, dport: 2})
		}
	}
	s.fib(fibAsk{family: 2, ifindex: 5, dst: "172.16.5.5", flags: output})
	s.fib(fibAsk{family: 2, ifindex: 6, dst: "172.16.5.5", flags: output})
	s.fib(fibAsk{family: 2, ifindex: 5, dst: "172.16.5.5", flags: direct | tableID, table: 253})
	s.fib(fibAsk{family: 2, ifindex: 77, dst: "172.16.5.5"})
	s.fib(fibAsk{family: 2, ifindex: 0, dst: "172.16.5.5"})
}

var routes6 = []string{
	"addr add fd00::1/64 dev v0 nodad", "addr add fd01::1/64 dev v1 nodad", "sysctl net/ipv6/conf/all/forwarding 1",
	"until fd00::1 -6 route show table local dev v0", "until fd01::1 -6 route show table local dev v1",
	"neigh add fd00::9 lladdr 02:00:00:00:00:99 dev v0", "neigh add fd01::9 lladdr 02:00:00:00:01:99 dev v1",
	"route add fd10::/32 via fd00::9 metric 70", "route add fd10:0:5::/48 via fd01::9", "route add fd11::/32 via fd00::44",
	"route add fd12::/32 via fd00::9 mtu lock 1300", "route add fd13::/32 via fd00::9 src fd01::1",
	"route add blackhole fd20::/32", "route add unreachable fd21::/32", "route add prohibit fd22::/32",
	"route add fd30::/32 via fd01::9 table 100", "-6 rule add fwmark 7 table 100 priority 50",
}

var fib6 = &rivet.FIB{
	Devices:   pairDevices,
	Rules:     []rivet.FIBRule{{Mark: 7, Table: 100}},
	Neighbors: []rivet.Neighbor{{Ifindex: 5, IP: addr("fd00::9"), MAC: [6]byte{2, 0, 0, 0, 0, 0x99}}, {Ifindex: 6, IP: addr("fd01::9"), MAC: [6]byte{2, 0, 0, 0, 1, 0x99}}},
	Routes: []rivet.FIBRoute{
		special("fd00::1/128", rivet.RouteLocal), special("fd01::1/128", rivet.RouteLocal), special("::1/128", rivet.RouteLocal),
		via("fd00::/64", 5, "", "fd00::1", 256, 0), via("fd01::/64", 6, "", "fd01::1", 256, 0),
		via("fd10::/32", 5, "fd00::9", "fd00::1", 70, 0), via("fd10:0:5::/48", 6, "fd01::9", "fd01::1", 1024, 0),
		via("fd11::/32", 5, "fd00::44", "fd00::1", 1024, 0), via("fd12::/32", 5, "fd00::9", "fd00::1", 1024, 1300),
		via("fd13::/32", 5, "fd00::9", "fd01::1", 1024, 0),
		special("fd20::/32", rivet.RouteBlackhole), special("fd21::/32", rivet.RouteUnreachable), special("fd22::/32", rivet.RouteProhibit),
		inTable(100, via("fd30::/32", 6, "fd01::9", "fd01::1", 1024, 0)),
	},
}

func fib6Script(s *Session) {
	for _, dst := range []string{"fd00::9", "fd00::1", "fd00::77", "fd10::1", "fd10:0:5::5", "fd11::1", "fd12::1", "fd13::1", "::1", "2001:db8::1",
		"fd20::1", "fd21::1", "fd22::1", "fd30::1", "fe80::1", "ff02::1"} {
		for _, flags := range []uint32{0, direct, skipNeigh, source, source | skipNeigh, mark, direct | tableID, output} {
			s.fib(fibAsk{family: 10, ifindex: 6, dst: dst, src: "fd01::50", table: 100, mark: 7, flags: flags})
		}
	}
	for _, length := range []uint16{1300, 1301, 1400, 1401, 1501} {
		for _, dst := range []string{"fd00::9", "fd10:0:5::5", "fd12::1"} {
			s.fib(fibAsk{family: 10, ifindex: 5, dst: dst, length: length})
		}
	}
	s.fib(fibAsk{family: 10, ifindex: 5, dst: "fd00::9", src: "fe80::1"})
	s.fib(fibAsk{family: 10, ifindex: 77, dst: "fd00::9"})
}

// closedDevices forward nothing, as devices in a new namespace do.
var closedDevices = func() []rivet.Device {
	d := append([]rivet.Device{}, pairDevices...)
	for i := range d {
		d[i].NoForward4, d[i].NoForward6 = true, true
	}
	return d
}()

func fibBadScript(s *Session) {
	for _, family := range []uint8{0, 1, 2, 10, 255} {
		for _, flags := range []uint32{0, 64, 1 << 31} {
			for _, size := range []uint32{64, 63, 1} {
				s.fib(fibAsk{family: family, ifindex: 5, dst: "10.0.0.9", size: size, flags: flags})
			}
		}
	}
}
