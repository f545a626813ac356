package helpers

import (
	"math"
	"net/netip"

	"github.com/rivetbpf/rivet/internal/host"
	"github.com/rivetbpf/rivet/internal/maps"
)

// Sockets that a program finds, holds and looks at: net/core/filter.c. All come from the host.
var socketHelpers = []*Helper{
	{ID: 46, Name: "get_socket_cookie", Fn: getSocketCookie, Args: []Arg{{Name: "ctx", Kind: Scalar}}},
	{ID: 47, Name: "get_socket_uid", Fn: getSocketUID, Args: []Arg{{Name: "skb", Kind: Ctx}}},
	{ID: 79, Name: "skb_cgroup_id", Fn: skbCgroupID, Args: []Arg{{Name: "skb", Kind: Ctx}}},
	{ID: 83, Name: "skb_ancestor_cgroup_id", Fn: skbAncestorCgroupID, Args: []Arg{{Name: "skb", Kind: Ctx}, {Name: "level", Kind: Scalar}}},
	{ID: 84, Name: "sk_lookup_tcp", Fn: skLookup(false, true), Args: lookupArgs},
	{ID: 85, Name: "sk_lookup_udp", Fn: skLookup(true, true), Args: lookupArgs},
	{ID: 86, Name: "sk_release", Fn: skRelease, Args: []Arg{{Name: "sk", Kind: Scalar}}},
	{ID: 95, Name: "sk_fullsock", Fn: skFullsock, Args: []Arg{{Name: "sk", Kind: Scalar}}},
	{ID: 96, Name: "tcp_sock", Fn: tcpSock, Args: []Arg{{Name: "sk", Kind: Scalar}}},
	{ID: 98, Name: "get_listener_sock", Fn: getListener, Args: []Arg{{Name: "sk", Kind: Scalar}}},
	{ID: 99, Name: "skc_lookup_tcp", Fn: skLookup(false, false), Args: lookupArgs},
	{ID: 116, Name: "tcp_send_ack", Fn: tcpSendAck, Args: []Arg{{Name: "tp", Kind: Scalar}, {Name: "rcv_nxt", Kind: Scalar}}},
	{ID: 162, Name: "sock_from_file", Args: []Arg{{Name: "file", Kind: Scalar}}, Fn: func(*Call) (uint64, error) {
		return 0, nil // no file here is a socket
	}},
	{ID: 122, Name: "get_netns_cookie", Fn: getNetnsCookie, Args: []Arg{{Name: "ctx", Kind: Scalar}}},
	{ID: 124, Name: "sk_assign", Fn: skAssign,
		Args: []Arg{{Name: "ctx", Kind: Ctx}, {Name: "sk", Kind: Scalar}, {Name: "flags", Kind: Scalar}}},
	{ID: 128, Name: "sk_cgroup_id", Fn: skCgroupID, Args: []Arg{{Name: "sk", Kind: Scalar}}},
	{ID: 129, Name: "sk_ancestor_cgroup_id", Fn: skAncestorCgroupID, Args: []Arg{{Name: "sk", Kind: Scalar}, {Name: "level", Kind: Scalar}}},
	{ID: 136, Name: "skc_to_tcp6_sock", Fn: skcTo(isTCP6), Args: []Arg{{Name: "sk", Kind: Scalar}}},
	{ID: 137, Name: "skc_to_tcp_sock", Fn: skcTo(isTCP), Args: []Arg{{Name: "sk", Kind: Scalar}}},
	{ID: 138, Name: "skc_to_tcp_timewait_sock", Fn: skcTo(isTimeWait), Args: []Arg{{Name: "sk", Kind: Scalar}}},
	{ID: 139, Name: "skc_to_tcp_request_sock", Fn: skcTo(isRequest), Args: []Arg{{Name: "sk", Kind: Scalar}}},
	{ID: 140, Name: "skc_to_udp6_sock", Fn: skcTo(isUDP6), Args: []Arg{{Name: "sk", Kind: Scalar}}},
	{ID: 178, Name: "skc_to_unix_sock", Fn: skcTo(isUnix), Args: []Arg{{Name: "sk", Kind: Scalar}}},
	{ID: 196, Name: "skc_to_mptcp_sock", Fn: skcTo(isMPTCP), Args: []Arg{{Name: "sk", Kind: Scalar}}},
}

var lookupArgs = []Arg{{Name: "ctx", Kind: Ctx}, {Name: "tuple", Kind: Mem}, {Name: "tuple_size", Kind: Size},
	{Name: "netns", Kind: Scalar}, {Name: "flags", Kind: Scalar}}

// Sizes of struct bpf_sock_tuple.
const (
	tupleIPv4 = 12
	tupleIPv6 = 36
)

// skLookup is bpf_sk_lookup_tcp and _udp, which give full sockets, and bpf_skc_lookup_tcp, which gives any.
func skLookup(udp, full bool) func(*Call) (uint64, error) {
	return func(c *Call) (uint64, error) {
		q := host.SocketQuery{UDP: udp, Netns: int32(c.Args[3])}
		if netns := c.Args[3]; c.Args[4] != 0 || int32(netns) >= 0 && netns > math.MaxInt32 {
			return 0, nil
		}
		var ok bool
		if q.Remote, q.Local, ok = tuple(c.Mem[1]); !ok {
			return 0, nil
		}
		if c.Run.Layout != nil {
			q.Ifindex = c.Run.Layout.Ingress(c.Run.Ctx)
		}
		s := c.Run.World.Host.Lookup(q)
		if full {
			s = fullOf(s)
		}
		return c.take(s)
	}
}

// tuple reads struct bpf_sock_tuple: its source is the sender of the packet, which is remote to the socket.
func tuple(b []byte) (src, dst netip.AddrPort, ok bool) {
	switch len(b) {
	case tupleIPv4:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b)), be.Uint16(b[8:])),
			netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[4:])), be.Uint16(b[10:])), true
	case tupleIPv6:
		return netip.AddrPortFrom(netip.AddrFrom16([16]byte(b)), be.Uint16(b[32:])),
			netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[16:])), be.Uint16(b[34:])), true
	}
	return src, dst, false
}

// take gives the program a socket to release.
func (c *Call) take(s *host.Socket) (uint64, error) {
	if s == nil {
		return 0, nil
	}
	addr := c.Run.hold(s)
	if addr == 0 {
		return 0, c.errNoMemory()
	}
	c.Run.heldAt(addr).refs++
	return addr, nil
}

// fullOf is sk_to_full_sk, nil where what it gives is no full socket.
func fullOf(s *host.Socket) *host.Socket {
	if s != nil && s.State == host.TCPNewSynRecv {
		s = s.Listener
	}
	if s == nil || !s.Full() {
		return nil
	}
	return s
}

// skRelease takes back what a lookup gave. The verifier sees to it in Linux that each is released once.
func skRelease(c *Call) (uint64, error) {
	h, err := c.socket(0, false)
	if err != nil {
		return 0, err
	}
	if h.refs == 0 {
		return 0, c.bad(0, 0, "the socket is released more often than it was looked up")
	}
	h.refs--
	return 0, nil
}

// ofArg returns the socket that pointer argument i has, or that the context has if the argument is the context.
func (c *Call) ofArg(i int) (*host.Socket, error) {
	if c.Args[i] == c.Run.CtxAt {
		return c.Run.owner(), nil
	}
	h, err := c.socket(i, true)
	if h == nil {
		return nil, err
	}
	return h.sock, nil
}

func getSocketCookie(c *Call) (uint64, error) {
	s, err := c.ofArg(0)
	if s == nil {
		return 0, err
	}
	return s.CookieOf(), nil
}

// overflowUID is what stands for a user that a namespace does not have.
const overflowUID = 65534

func getSocketUID(c *Call) (uint64, error) {
	s := fullOf(c.Run.owner())
	if s == nil {
		return overflowUID, nil
	}
	return uint64(s.UID), nil
}

func getNetnsCookie(c *Call) (uint64, error) {
	if at := c.Args[0]; at != 0 && at != c.Run.CtxAt {
		return 0, c.bad(0, 0, "neither NULL nor the program's context")
	}
	return c.Run.World.Host.NetnsCookie(), nil
}

// cgroupAt is __bpf_sk_ancestor_cgroup_id: the control group at a level counted from the root, which is 0; 0 where there is none.
func cgroupAt(s *host.Socket, level int) uint64 {
	if s = fullOf(s); s == nil || level < 0 || level >= len(s.Cgroups) {
		return 0
	}
	return s.Cgroups[level]
}

func ownCgroup(s *host.Socket) uint64 {
	if s = fullOf(s); s == nil {
		return 0
	}
	return cgroupAt(s, len(s.Cgroups)-1)
}

func skbCgroupID(c *Call) (uint64, error) { return ownCgroup(c.Run.owner()), nil }

func skbAncestorCgroupID(c *Call) (uint64, error) {
	return cgroupAt(c.Run.owner(), int(int32(c.Args[1]))), nil
}

func skCgroupID(c *Call) (uint64, error) {
	s, err := c.ofArg(0)
	return ownCgroup(s), err
}

func skAncestorCgroupID(c *Call) (uint64, error) {
	s, err := c.ofArg(0)
	return cgroupAt(s, int(int32(c.Args[1]))), err
}

// skFullsock is bpf_sk_fullsock.
func skFullsock(c *Call) (uint64, error) {
	h, err := c.socket(0, false)
	if err != nil || !h.sock.Full() {
		return 0, err
	}
	return h.addr, nil
}

func tcpSock(c *Call) (uint64, error) {
	h, err := c.socket(0, false)
	if err != nil || !h.sock.Full() || h.sock.Protocol != host.ProtoTCP {
		return 0, err
	}
	if h.tcp == 0 { // that of the packet's own socket has a place of its own
		if c.Run.More == nil {
			return 0, c.errNoMemory()
		}
		b, at, err := c.Run.More(sockRoom - sockTCPAt)
		if err != nil {
			return 0, c.errNoMemory()
		}
		if h.sock.TCP != nil {
			fillTCP(b, h.sock.TCP)
		}
		h.tcp = at
	}
	return h.tcp, nil
}

// getListener is bpf_get_listener_sock: what it gives is not to be released.
func getListener(c *Call) (uint64, error) {
	h, err := c.socket(0, false)
	if err != nil {
		return 0, err
	}
	s := h.sock
	if s.State == host.TCPNewSynRecv {
		s = s.Listener
	}
	if s == nil || s.State != host.TCPListen {
		return 0, nil
	}
	return c.Run.hold(s), nil
}

// Flags of bpf_sk_assign in sk_lookup programs.
const (
	assignReplace     = 1 << 0 // BPF_SK_LOOKUP_F_REPLACE
	assignNoReuseport = 1 << 1 // BPF_SK_LOOKUP_F_NO_REUSEPORT
)

// Assigned returns the socket that the program gave its packet or connection (bpf_sk_assign); nil when it gave none.
func (r *Run) Assigned() *host.Socket {
	if r.acts == nil {
		return nil
	}
	return r.acts.assigned
}

// skAssign is bpf_sk_assign, of tc programs, and bpf_sk_lookup_assign.
func skAssign(c *Call) (uint64, error) {
	h, err := c.socket(1, true)
	if err != nil {
		return 0, err
	}
	if c.Run.Layout != nil && c.Run.Layout.SkLookup() {
		return maps.Guest(c.assignLookup(h)), nil
	}
	if h == nil || c.Args[2] != 0 {
		return maps.Guest(maps.EINVAL), nil
	}
	c.Run.act().assigned = h.sock
	return 0, nil
}

func (c *Call) assignLookup(h *heldSocket) error {
	flags := c.Args[2]
	if flags&^(assignReplace|assignNoReuseport) != 0 {
		return maps.EINVAL
	}
	a := c.Run.act()
	family, proto := c.Run.Layout.LookupFor(c.Run.Ctx)
	switch {
	case h != nil && h.sock.Protocol != proto:
		return maps.EPROTOTYPE
	case h != nil && h.sock.FamilyOf() != family && (h.sock.FamilyOf() == host.AFInet || h.sock.OnlyIPv6()):
		return maps.EAFNOSUPPORT
	case a.assigned != nil && flags&assignReplace == 0:
		return maps.EEXIST
	}
	addr := uint64(0)
	a.assigned = nil
	if h != nil {
		a.assigned, addr = h.sock, h.addr
	}
	if off := c.Run.Layout.SocketField(); off+8 <= len(c.Run.Ctx) {
		le.PutUint64(c.Run.Ctx[off:], addr)
	}
	return nil
}

// Sockets that a cast to a structure of the kernel takes.
func isTCP(s *host.Socket) bool {
	return s.Full() && s.Protocol == host.ProtoTCP && s.TypeOf() == host.SockStream
}
func isTCP6(s *host.Socket) bool     { return isTCP(s) && s.FamilyOf() == host.AFInet6 }
func isTimeWait(s *host.Socket) bool { return s.State == host.TCPTimeWait }
func isRequest(s *host.Socket) bool  { return s.State == host.TCPNewSynRecv }
func isUnix(s *host.Socket) bool     { return s.Full() && s.FamilyOf() == host.AFUnix }
func isUDP6(s *host.Socket) bool {
	return s.Full() && s.Protocol == host.ProtoUDP && s.TypeOf() == host.SockDgram && s.FamilyOf() == host.AFInet6
}
func isMPTCP(s *host.Socket) bool { return s.Full() && s.Protocol == protoMPTCP }

const protoMPTCP = 262

// skcTo is a cast to a structure of the kernel: the bytes that the host has of it, NULL where the socket is of
// another kind or the host has none.
func skcTo(is func(*host.Socket) bool) func(*Call) (uint64, error) {
	return func(c *Call) (uint64, error) {
		h, err := c.socket(0, true)
		if h == nil || !is(h.sock) || len(h.sock.Kernel) == 0 {
			return 0, err
		}
		if h.cast == 0 && c.Run.More != nil {
			b, at, err := c.Run.More(len(h.sock.Kernel))
			if err != nil {
				return 0, c.errNoMemory()
			}
			copy(b, h.sock.Kernel)
			h.cast = at
		}
		return h.cast, nil
	}
}

// maxAcks bounds what a run is remembered to have acknowledged.
const maxAcks = 1024

// Acks returns the sequence numbers that the run had acknowledged (bpf_tcp_send_ack).
func (r *Run) Acks() []uint32 {
	if r.acts == nil {
		return nil
	}
	return r.acts.acks
}

// tcpSendAck is bpf_tcp_send_ack, of congestion control: the connection is that of the context, whatever tp points to.
func tcpSendAck(c *Call) (uint64, error) {
	if a := c.Run.act(); len(a.acks) < maxAcks {
		a.acks = append(a.acks, uint32(c.Args[1]))
	}
	return 0, nil
}
