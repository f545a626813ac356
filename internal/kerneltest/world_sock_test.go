//go:build linux

package kerneltest

import (
	"encoding/binary"
	"net/netip"
	"runtime"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/rivetbpf/rivet"
)

// loopback is a namespace with nothing but its loopback device.
var loopback = []string{"link set lo up"}

// The sockets of the scripts below. On the kernel's side [Session.sockets] makes the like.
var (
	listener = &rivet.Socket{Protocol: 6, State: 10, Local: netip.MustParseAddrPort("127.0.0.1:4321"), Cgroups: []uint64{1}, TCP: &rivet.TCPInfo{}}
	accepted = &rivet.Socket{Protocol: 6, State: 1, Local: listener.Local, Remote: client.Local, Cgroups: []uint64{1}, TCP: &rivet.TCPInfo{}}
	client   = &rivet.Socket{Protocol: 6, State: 1, Local: netip.MustParseAddrPort("127.0.0.1:40000"), Cgroups: []uint64{1}, TCP: &rivet.TCPInfo{},
		Remote: netip.MustParseAddrPort("127.0.0.1:4321")}
	udp       = &rivet.Socket{Protocol: 17, State: 7, Local: netip.MustParseAddrPort("0.0.0.0:5353")}
	listener6 = &rivet.Socket{Protocol: 6, State: 10, Local: netip.MustParseAddrPort("[::1]:4321"), TCP: &rivet.TCPInfo{}}
	udp6      = &rivet.Socket{Protocol: 17, State: 7, Local: netip.MustParseAddrPort("[::]:5354")}
	raw       = &rivet.Socket{Family: 2, Type: 3, Protocol: 1, State: 7, Local: netip.MustParseAddrPort("0.0.0.0:0")}

	socketHost = hosted(&rivet.FIB{Devices: pairDevices[:1]}, &rivet.SocketTable{Open: []*rivet.Socket{listener, accepted, client, udp, listener6, udp6}})
)

// made are the kernel's sockets: descriptors by what stands for them in rivet.
type made map[*rivet.Socket]int

// sockets opens them, and gives what a side puts into a map for one. close closes them.
func (s *Session) sockets() (of func(*rivet.Socket) any, closeAll func()) {
	if !s.Kernel {
		return func(k *rivet.Socket) any { return k }, func() {}
	}
	m := made{}
	bind := func(k *rivet.Socket, typ int) int {
		domain := unix.AF_INET
		var sa unix.Sockaddr = &unix.SockaddrInet4{Port: int(k.Local.Port()), Addr: [4]byte(k.Local.Addr().AsSlice()[:4])}
		if k.Local.Addr().Is6() {
			domain = unix.AF_INET6
			sa = &unix.SockaddrInet6{Port: int(k.Local.Port()), Addr: k.Local.Addr().As16()}
		}
		fd, err := unix.Socket(domain, typ|unix.SOCK_CLOEXEC, int(k.Protocol))
		if err != nil {
			s.Logf("socket: %v", err)
			return -1
		}
		m[k] = fd
		for _, opt := range []int{unix.SO_REUSEADDR, unix.SO_REUSEPORT} {
			if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, opt, 1); err != nil {
				s.Logf("setsockopt: %v", err)
			}
		}
		if err := unix.Bind(fd, sa); err != nil {
			s.Logf("bind %v: %v", k.Local, err)
		}
		return fd
	}
	check := func(what string, err error) {
		if err != nil {
			s.Logf("%s: %v", what, err)
		}
	}
	for _, k := range []*rivet.Socket{listener, listener6} {
		check("listen", unix.Listen(bind(k, unix.SOCK_STREAM), 8))
	}
	for _, k := range []*rivet.Socket{udp, udp6} {
		bind(k, unix.SOCK_DGRAM)
	}
	bind(raw, unix.SOCK_RAW)
	check("connect", unix.Connect(bind(client, unix.SOCK_STREAM), &unix.SockaddrInet4{Port: 4321, Addr: [4]byte{127, 0, 0, 1}}))
	fd, _, err := unix.Accept(m[listener])
	check("accept", err)
	m[accepted] = fd
	return func(k *rivet.Socket) any { return uint64(m[k]) }, func() {
		for _, fd := range m {
			unix.Close(fd)
		}
		runtime.KeepAlive(m)
	}
}

// ipv4Packet is what programs of control groups can be run on.
var ipv4Packet = Input{Packet: append([]byte{12: 8, 13: 0, 14: 0x45, 17: 20, 22: 64, 23: 59, 26: 10, 29: 1, 30: 10, 33: 2}, make([]byte, 40)...)}

// flow is a struct bpf_sock_tuple: a packet from src to dst.
func flow(src, dst string) []byte {
	b := make([]byte, 0, 36)
	s, d := netip.MustParseAddrPort(src), netip.MustParseAddrPort(dst)
	b = append(append(b, s.Addr().AsSlice()...), d.Addr().AsSlice()...)
	b = binary.BigEndian.AppendUint16(b, s.Port())
	b = binary.BigEndian.AppendUint16(b, d.Port())
	return append(b, make([]byte, 36-len(b))...)
}

var sockScripts = []Script{
	{Object: "net_sklookup", Net: loopback, Options: socketHost, Do: lookupScript},
	{Object: "net_sock", Net: loopback, Options: socketHost, Do: func(s *Session) {
		_, done := s.sockets()
		defer done()
		for _, f := range [][]byte{flow("127.0.0.1:40000", "127.0.0.1:4321"), flow("127.0.0.1:9", "127.0.0.1:4321"), flow("127.0.0.1:9", "127.0.0.1:9")} {
			s.Update("tuples", uint32(0), f, 0)
			s.Run("entry", packet64)
			s.Logf("%d", s.Quiet("groups", ipv4Packet).Ret)
			s.Dump()
		}
	}},
	{Object: "net_skstorage", Net: loopback, Options: socketHost, Do: func(s *Session) {
		_, done := s.sockets()
		defer done()
		for _, f := range [][]byte{flow("127.0.0.1:40000", "127.0.0.1:4321"), flow("127.0.0.1:9", "127.0.0.1:4321")} {
			s.Update("tuples", uint32(0), f, 0)
			for _, p := range []string{"count", "count", "forget", "count", "forget"} { // leaves none for the next engine
				s.Run(p, packet64)
			}
		}
	}},
	{Object: "net_gencookie", Net: append([]string{"sysctl net/ipv4/tcp_syncookies 2"}, loopback...), Options: socketHost, Do: func(s *Session) {
		_, done := s.sockets()
		defer done()
		for _, f := range [][]byte{flow("127.0.0.1:1234", "127.0.0.1:4321"), flow("127.0.0.1:40000", "127.0.0.1:4321")} {
			s.Update("tuples", uint32(0), f, 0)
			s.Run("entry", packet64)
		}
	}},
	{Object: "net_choose", Net: loopback, Options: socketHost, Do: chooseScript},
	{Object: "net_skbsock", Do: func(s *Session) {
		for range 2 {
			s.Run("on_tc", ipv4Packet)
			s.Run("on_tc", packet64)
			s.Logf("%d", s.Quiet("on_cgroup", ipv4Packet).Ret)
			s.Dump()
		}
	}},
	{Object: "net_cookie", Do: func(s *Session) { s.Run("entry", packet64) }},
	{Object: "net_sockmap", Net: loopback, Options: socketHost, Do: sockMapScript},
	{Object: "net_sockwords", Net: loopback, Options: socketHost, Do: sockWordsScript},
}

func lookupScript(s *Session) {
	_, done := s.sockets()
	defer done()
	for _, f := range [][2]string{
		{"127.0.0.1:40000", "127.0.0.1:4321"}, {"127.0.0.1:40001", "127.0.0.1:4321"}, {"127.0.0.1:4321", "127.0.0.1:40000"},
		{"127.0.0.1:4322", "127.0.0.1:40000"}, {"10.0.0.1:1", "127.0.0.1:5353"}, {"10.0.0.1:1", "10.9.9.9:5353"}, {"10.0.0.1:1", "10.9.9.9:4321"},
		{"127.0.0.1:1", "127.0.0.2:4321"}, {"127.0.0.1:1", "127.0.0.1:5354"},
	} {
		s.Update("tuples", uint32(0), flow(f[0], f[1]), 0)
		for _, p := range []string{"tc_tcp4", "tc_udp4", "xdp_tcp4", "xdp_skc4", "tc_flags", "tc_netns", "tc_netns64", "tc_bad"} {
			s.Run(p, packet64)
		}
	}
	for _, f := range [][2]string{{"[::1]:1", "[::1]:4321"}, {"[::1]:1", "[::2]:4321"}, {"[fd00::1]:1", "[fd00::2]:5354"}, {"[fd00::1]:1", "[fd00::2]:5353"}} {
		s.Update("tuples", uint32(0), flow(f[0], f[1]), 0)
		s.Run("tc_tcp6", packet64)
		s.Run("xdp_udp6", packet64)
	}
}

// cookies logs whether values of a map of sockets can be looked up, not what they are.
func (s *Session) cookies(m string, keys ...any) {
	for _, key := range keys {
		var v uint64
		s.Logf("lookup %s[%v]: %s", m, key, Errno(s.Map(m).Lookup(key, &v)))
	}
}

// putSocket updates a map of sockets and logs the error.
func (s *Session) putSocket(m string, key, value any, flags ebpf.MapUpdateFlags) {
	s.Logf("update %s[%v], flags %#x: %s", m, key, uint64(flags), Errno(s.Map(m).Update(key, value, flags)))
}

func sockMapScript(s *Session) {
	of, done := s.sockets()
	defer done()
	s.Run("entry", packet64)
	for _, flags := range []ebpf.MapUpdateFlags{2, 3, 0, 1, 2} {
		s.putSocket("socks", uint32(0), of(client), flags)
	}
	s.putSocket("socks", uint32(1), of(listener), 1)
	s.putSocket("socks", uint32(2), of(udp), 0)
	s.putSocket("socks", uint32(3), of(accepted), 0)
	s.putSocket("socks", uint32(2), uint64(9999), 0)
	s.putSocket("socks", uint32(2), uint64(1)<<40, 0)
	for _, flags := range []ebpf.MapUpdateFlags{2, 3, 0, 1, 2} {
		s.putSocket("hash", uint64(1), of(accepted), flags)
	}
	s.putSocket("hash", uint64(2), of(listener), 0)
	s.putSocket("hash", uint64(3), of(udp), 0)
	s.cookies("socks", uint32(0), uint32(1), uint32(3))
	s.cookies("hash", uint64(1), uint64(7))
	s.Run("entry", packet64)
	s.Run("remove", packet64)
	s.Run("entry", packet64)
	s.Delete("socks", uint32(0))
	s.Delete("socks", uint32(1))
	s.Delete("socks", uint32(3))
	s.Delete("hash", uint64(2))
	s.Delete("hash", uint64(2))
}

func sockWordsScript(s *Session) {
	of, done := s.sockets()
	defer done()
	word := func(k *rivet.Socket) any {
		if fd, ok := of(k).(uint64); ok {
			return uint32(fd)
		}
		return of(k)
	}
	s.Run("entry", packet64)
	s.putSocket("socks", uint32(0), word(client), 0)
	s.Run("entry", packet64)
	s.Logf("lookup: %s", Errno(s.Map("socks").Lookup(uint32(0), new(uint32))))
	for _, flags := range []ebpf.MapUpdateFlags{2, 3, 0, 1, 2} {
		s.putSocket("group", uint32(0), of(udp), flags)
	}
	s.putSocket("group", uint32(2), of(udp), 0)
	s.cookies("group", uint32(0), uint32(1), uint32(2))
	s.putSocket("group4", uint32(0), word(udp6), 0)
	s.Logf("lookup: %s", Errno(s.Map("group4").Lookup(uint32(0), new(uint32))))
	s.Delete("group", uint32(0))
	s.Delete("group", uint32(0))
	s.Delete("group", uint32(2))
}

func chooseScript(s *Session) {
	of, done := s.sockets()
	defer done()
	ctx := make([]byte, 72)
	le := binary.LittleEndian
	le.PutUint32(ctx[8:], 2)
	le.PutUint32(ctx[12:], 6)
	copy(ctx[16:], []byte{10, 0, 0, 1})
	copy(ctx[40:], []byte{127, 0, 0, 1})
	binary.BigEndian.PutUint16(ctx[36:], 1234)
	le.PutUint32(ctx[60:], 80)
	s.Logf("%d", s.Quiet("first", Input{Context: ctx}).Ret)
	s.Dump()
	s.putSocket("socks", uint32(0), of(listener), 0)
	s.putSocket("socks", uint32(1), of(listener6), 0)
	s.putSocket("socks", uint32(2), of(udp), 0)
	s.Logf("%d", s.Quiet("first", Input{Context: ctx}).Ret)
	s.Dump()
	s.putSocket("socks", uint32(1), of(listener), 0)
	s.Logf("%d", s.Quiet("first", Input{Context: ctx}).Ret)
	s.Dump()
}
