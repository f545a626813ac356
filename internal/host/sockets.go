package host

import (
	"net/netip"
	"sync"
	"sync/atomic"
)

// Sockets tells about sockets: what bpf_sk_lookup_tcp and its kin ask.
type Sockets interface {
	// Lookup returns the socket that a packet of a flow would reach; nil when there is none.
	Lookup(q SocketQuery) *Socket
	// NetnsCookie returns the number of the network namespace that programs run in.
	NetnsCookie() uint64
}

// SocketQuery is a flow as bpf_sk_lookup_tcp and _udp are given it: Remote is the sender's side.
type SocketQuery struct {
	UDP           bool
	Local, Remote netip.AddrPort
	Netns         int32  // as the program gives it: -1 is its own, others are namespace IDs
	Ifindex       uint32 // of the device that the packet came in on
}

// Families, types, protocols and states of sockets that programs ask for most.
const (
	AFUnix  = 1
	AFInet  = 2
	AFInet6 = 10

	SockStream = 1
	SockDgram  = 2

	ProtoTCP = 6
	ProtoUDP = 17

	TCPEstablished = 1
	TCPSynRecv     = 3
	TCPTimeWait    = 6
	TCPClose       = 7
	TCPListen      = 10
	TCPNewSynRecv  = 12
)

// Socket is a socket as programs see it. Fill it before a program can reach it; what programs
// change afterwards (options, Mark, Priority, bound address) is read with its methods.
type Socket struct {
	Family   uint32 // AF_*; 0: as Local's address says
	Type     uint32 // SOCK_*; 0: as Protocol says
	Protocol uint32 // IPPROTO_*
	State    uint32 // TCP_*, for sockets of other protocols, too
	Local    netip.AddrPort
	Remote   netip.AddrPort
	// Ifindex is the device that it is bound to, 0: none.
	Ifindex        uint32
	Mark, Priority uint32
	// RxQueue is the number of the receive queue of its last packet, plus 1; 0: none.
	RxQueue uint32
	// Cookie is the socket's number; 0: one is made when it is asked for.
	Cookie uint64
	UID    uint32
	// Cgroups are the IDs of its control group and of those above it, from the root down.
	Cgroups []uint64
	// Listener is the listening socket that a TCP request or connection came from; nil: unknown.
	Listener *Socket
	// TCP is struct bpf_tcp_sock; nil where the socket is no full TCP socket.
	TCP *TCPInfo
	// Kernel is the kernel's structure of the socket, such as a struct tcp_sock, for programs that cast to it
	// (bpf_skc_to_tcp_sock and its kin). nil: such casts give NULL.
	Kernel []byte

	mu      sync.Mutex
	options map[option][]byte
	made    uint64 // in place of Cookie
}

// TCPInfo is struct bpf_tcp_sock.
type TCPInfo struct {
	SndCwnd, SRTT, RTTMin, SndSsthresh                           uint32
	RcvNxt, SndNxt, SndUna, MSSCache, ECNFlags                   uint32
	RateDelivered, RateInterval                                  uint32
	PacketsOut, RetransOut, TotalRetrans                         uint32
	SegsIn, DataSegsIn, SegsOut, DataSegsOut, LostOut, SackedOut uint32
	BytesReceived, BytesAcked                                    uint64
	DsackDups, Delivered, DeliveredCE, Retransmits               uint32
}

type option struct{ level, name int32 }

// SetOption keeps an option of a level, as setsockopt(2) sets it.
func (s *Socket) SetOption(level, name int32, value []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.options == nil {
		s.options = map[option][]byte{}
	}
	s.options[option{level, name}] = append([]byte{}, value...)
}

// Option returns an option that was set; ok is false where none was.
func (s *Socket) Option(level, name int32) (value []byte, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.options[option{level, name}]
	return append([]byte{}, v...), ok
}

// lastCookie is the last that was made; they are far from what anyone writes into Cookie.
var lastCookie atomic.Uint64

// CookieOf returns the socket's number, always the same (sock_gen_cookie).
func (s *Socket) CookieOf() uint64 {
	if s.Cookie != 0 {
		return s.Cookie
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.made == 0 {
		s.made = 1<<40 + lastCookie.Add(1)
	}
	return s.made
}

// FamilyOf returns the family, as set or as the local address has it.
func (s *Socket) FamilyOf() uint32 {
	switch {
	case s.Family != 0:
		return s.Family
	case s.Local.Addr().Is6() && !s.Local.Addr().Is4In6():
		return AFInet6
	case s.Local.Addr().IsValid():
		return AFInet
	}
	return 0
}

// OnlyIPv6 reports whether a socket of IPv6 takes no flows of IPv4: one that is bound to an address of its own (__inet6_bind).
func (s *Socket) OnlyIPv6() bool {
	a := s.Local.Addr()
	return a.Is6() && !a.Is4In6() && !a.IsUnspecified()
}

// TypeOf returns the type, as set or as the protocol has it.
func (s *Socket) TypeOf() uint32 {
	switch {
	case s.Type != 0:
		return s.Type
	case s.Protocol == ProtoTCP:
		return SockStream
	case s.Protocol == ProtoUDP:
		return SockDgram
	}
	return 0
}

// Full reports whether it is a full socket, no request and none that waits (sk_fullsock).
func (s *Socket) Full() bool { return s.State != TCPTimeWait && s.State != TCPNewSynRecv }

// noSockets is a host without sockets, promoted as [noNetwork] is.
type noSockets struct{}

// Lookup finds nothing.
func (noSockets) Lookup(SocketQuery) *Socket { return nil }

// NetnsCookie returns 1, the cookie of the first network namespace of a machine.
func (noSockets) NetnsCookie() uint64 { return 1 }
