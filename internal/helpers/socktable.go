package helpers

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/rivetbpf/rivet/internal/host"
	"github.com/rivetbpf/rivet/internal/progctx"
)

var (
	le = binary.LittleEndian
	be = binary.BigEndian
)

// A socket that a program holds is a pointer to struct bpf_sock in memory of its run; struct bpf_tcp_sock and the
// kernel's own structure, as far as the host tells it, lie behind. What a program writes there it alone sees.
const (
	sockSize   = 80 // struct bpf_sock
	sockTCPAt  = 128
	sockRoom   = 256 // of one socket
	sockBlock  = 16  // sockets in a block
	maxSockets = 1024
)

// heldSocket is a socket at an address of the run.
type heldSocket struct {
	sock *host.Socket
	addr uint64
	tcp  uint64 // address of its struct bpf_tcp_sock; 0: not made yet
	refs int    // that sk_release has not taken back
	cast uint64 // address of the kernel's structure; 0: not asked for yet
}

// socketTable is what sockets a run knows.
type socketTable struct {
	held  []heldSocket
	block []byte // what is left of the block
	at    uint64
}

func (t *socketTable) reset() {
	clear(t.held)
	*t = socketTable{held: t.held[:0]}
}

// hold returns the address of a socket in this run, 0 where memory is spent.
func (r *Run) hold(s *host.Socket) uint64 {
	if s == nil {
		return 0
	}
	t := &r.act().socks
	for i := range t.held {
		if t.held[i].sock == s {
			return t.held[i].addr
		}
	}
	if len(t.held) >= maxSockets {
		return 0
	}
	if len(t.block) == 0 {
		if r.More == nil {
			return 0
		}
		b, at, err := r.More(sockRoom * sockBlock)
		if err != nil {
			return 0
		}
		t.block, t.at = b[:sockRoom*sockBlock], at
	}
	addr := t.at
	fillSocket(t.block[:sockRoom], s)
	t.block, t.at = t.block[sockRoom:], t.at+sockRoom
	t.held = append(t.held, heldSocket{sock: s, addr: addr, tcp: addr + sockTCPAt})
	return addr
}

// ShowSocket puts the run's socket, if it has one, into the context.
func (r *Run) ShowSocket() {
	off := r.Layout.SocketField()
	switch {
	case r.Socket == nil || off < 0 || off+8 > len(r.Ctx) || r.Layout.SkLookup():
	case r.Layout.SKB():
		if b, ok := r.World.Arena.Bytes(r.SkAt, sockSize); ok {
			clear(b)
			fillSocket(b, r.Socket)
			progctx.ShowSocket(r.Ctx, b)
		}
	default:
		le.PutUint64(r.Ctx[off:], r.hold(r.Socket))
	}
}

// packetSocket returns the socket of a struct __sk_buff at its address: the run's, or the one that BPF_PROG_TEST_RUN makes
// for a packet that has none.
func (r *Run) packetSocket() *heldSocket {
	a := r.act()
	s := r.owner()
	for i := range a.socks.held {
		if h := &a.socks.held[i]; h.addr == r.SkAt {
			return h
		}
	}
	a.socks.held = append(a.socks.held, heldSocket{sock: s, addr: r.SkAt})
	return &a.socks.held[len(a.socks.held)-1]
}

// owner returns the socket that the packet or the context belongs to; nil when it belongs to none.
func (r *Run) owner() *host.Socket {
	if r.Socket != nil || r.Layout == nil || !r.Layout.SKB() {
		return r.Socket
	}
	a := r.act()
	if a.dummy == nil {
		a.dummy = &host.Socket{State: host.TCPClose}
	}
	return a.dummy
}

// heldAt finds the socket at an address: that of its struct bpf_sock, bpf_tcp_sock or of the kernel's structure.
func (r *Run) heldAt(addr uint64) *heldSocket {
	if addr != 0 && addr == r.SkAt && r.Layout != nil && r.Layout.SKB() {
		return r.packetSocket()
	}
	if r.acts == nil || addr == 0 {
		return nil
	}
	held := r.acts.socks.held
	for i := range held {
		if h := &held[i]; h.addr == addr || h.tcp == addr || h.cast == addr {
			return h
		}
	}
	return nil
}

// socket returns the socket that argument i points to. It is nil where that is NULL and may be.
func (c *Call) socket(i int, nullable bool) (*heldSocket, error) {
	addr := c.Args[i]
	if addr == 0 && nullable {
		return nil, nil
	}
	h := c.Run.heldAt(addr)
	if h == nil && addr != 0 && addr == c.Run.CtxAt && c.Run.Socket != nil { // the context is the socket's
		h = c.Run.heldAt(c.Run.hold(c.Run.Socket))
	}
	if h == nil {
		return nil, c.bad(i, 0, "not a socket of this run")
	}
	return h, nil
}

// fillSocket writes struct bpf_sock and, of TCP sockets, struct bpf_tcp_sock.
func fillSocket(b []byte, s *host.Socket) {
	le.PutUint32(b[0:], s.Ifindex)
	le.PutUint32(b[4:], s.FamilyOf())
	le.PutUint32(b[8:], s.TypeOf())
	le.PutUint32(b[12:], s.Protocol)
	le.PutUint32(b[16:], s.Mark)
	le.PutUint32(b[20:], s.Priority)
	connected := s.Remote.IsValid() && s.Remote.Port() != 0
	fillAddr(b[24:44], s.Local.Addr(), connected)
	le.PutUint32(b[44:], uint32(s.Local.Port()))
	be.PutUint16(b[48:], s.Remote.Port())
	fillAddr(b[52:72], s.Remote.Addr(), connected)
	le.PutUint32(b[72:], s.State)
	le.PutUint32(b[76:], s.RxQueue-1) // -1: none
	if s.TCP != nil && len(b) == sockRoom {
		fillTCP(b[sockTCPAt:], s.TCP)
	}
}

// fillAddr writes an address as struct bpf_sock has it: an IPv4 address, and behind it one of IPv6. Each family shows
// something in the other's place, too: once connected (sk_rcv_saddr_set), or always (__inet6_bind).
func fillAddr(b []byte, a netip.Addr, connected bool) {
	v4 := a.Is4() || a.Is4In6()
	switch v6 := a.As16(); {
	case !a.IsValid():
	case v4 && connected:
		copy(b, v6[12:])
		copy(b[4:], v6[:])
	case v4:
		copy(b, v6[12:])
	case a.IsUnspecified():
	default:
		copy(b, loopback4For6[:])
		copy(b[4:], v6[:])
	}
}

// loopback4For6 is LOOPBACK4_IPV6, what stands for an address of IPv6 among those of IPv4.
var loopback4For6 = [4]byte{127, 0, 0, 6}

// fillTCP writes struct bpf_tcp_sock.
func fillTCP(b []byte, t *host.TCPInfo) {
	for i, v := range [...]uint32{t.SndCwnd, t.SRTT, t.RTTMin, t.SndSsthresh, t.RcvNxt, t.SndNxt, t.SndUna, t.MSSCache, t.ECNFlags,
		t.RateDelivered, t.RateInterval, t.PacketsOut, t.RetransOut, t.TotalRetrans, t.SegsIn, t.DataSegsIn, t.SegsOut, t.DataSegsOut,
		t.LostOut, t.SackedOut} {
		le.PutUint32(b[4*i:], v)
	}
	le.PutUint64(b[80:], t.BytesReceived)
	le.PutUint64(b[88:], t.BytesAcked)
	for i, v := range [...]uint32{t.DsackDups, t.Delivered, t.DeliveredCE, t.Retransmits} {
		le.PutUint32(b[96+4*i:], v)
	}
}

// errNoMemory says that a run's memory for sockets is spent.
func (c *Call) errNoMemory() error {
	return fmt.Errorf("%s: no guest memory for a socket (raise CollectionOptions.PacketMemory)", c.Helper.Name)
}
