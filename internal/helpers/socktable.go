package helpers

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/rivetbpf/rivet/internal/host"
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
	if len(t.block) == 0 {
		if r.More == nil || len(t.held) >= maxSockets {
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
	t.held = append(t.held, heldSocket{sock: s, addr: addr})
	return addr
}

// SocketAddr returns the address that a socket has for the program, as a field of a context holds it; 0 for nil.
func (r *Run) SocketAddr(s *host.Socket) uint64 { return r.hold(s) }

// heldAt finds the socket at an address: that of its struct bpf_sock, bpf_tcp_sock or of the kernel's structure.
func (r *Run) heldAt(addr uint64) *heldSocket {
	if r.acts == nil || addr == 0 {
		return nil
	}
	held := r.acts.socks.held
	for i := range held {
		if h := &held[i]; h.addr == addr || h.addr+sockTCPAt == addr || h.cast == addr {
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
		c.Run.hold(c.Run.Socket)
		h = c.Run.heldOf(c.Run.Socket)
	}
	if h == nil {
		return nil, c.bad(i, 0, "not a socket of this run")
	}
	return h, nil
}

func (r *Run) heldOf(s *host.Socket) *heldSocket {
	held := r.acts.socks.held
	for i := range held {
		if held[i].sock == s {
			return &held[i]
		}
	}
	return nil
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
	if s.TCP != nil {
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
