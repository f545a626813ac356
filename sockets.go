package rivet

import (
	"net/netip"

	"github.com/rivetbpf/rivet/internal/host"
)

// Sockets is the part of [Host] that knows sockets. [SocketTable] is one.
type Sockets = host.Sockets

// Socket is a socket as programs see it.
type Socket = host.Socket

// SocketQuery is a flow whose socket is looked up.
type SocketQuery = host.SocketQuery

// TCPInfo is what struct bpf_tcp_sock shows of a TCP socket.
type TCPInfo = host.TCPInfo

// Connections is the part of [Host] that knows tracked connections.
type Connections = host.Connections

// ConnectionQuery is a flow whose connection is looked up, Connection what is known of it.
type (
	ConnectionQuery = host.ConnectionQuery
	Connection      = host.Connection
)

// SocketTable is a [Sockets] that finds sockets as Linux does: first one connected to the flow, then one bound to its
// local address, then one bound to the port alone. Fill it before programs run. It is embedded as [FIB] is.
type SocketTable struct {
	// Open are the sockets that there are.
	Open []*Socket
	// Cookie is the number of the network namespace, 0 for 1.
	Cookie uint64
}

// Lookup implements [Sockets].
func (t *SocketTable) Lookup(q SocketQuery) *Socket {
	var best *Socket
	score := 0
	for _, s := range t.Open {
		if n := fit(s, &q); n > score {
			best, score = s, n
		}
	}
	return best
}

// fit says how well a socket fits a flow, 0 for not at all (compute_score of inet_hashtables.c and udp.c).
func fit(s *Socket, q *SocketQuery) int {
	proto := uint32(host.ProtoTCP)
	if q.UDP {
		proto = host.ProtoUDP
	}
	local, flow := s.Local.Addr().Unmap(), q.Local.Addr().Unmap()
	score := 1
	switch {
	case q.Netns >= 0 || s.Protocol != proto || s.Local.Port() != q.Local.Port(), s.Ifindex != 0 && s.Ifindex != q.Ifindex:
		return 0
	case local == flow:
		score += 2
	case !local.IsUnspecified() || !bothFamilies(local, flow):
		return 0
	}
	switch remote := s.Remote; {
	case !remote.IsValid() || remote.Port() == 0: // a UDP socket that is not connected, or a listener
		if s.Protocol == host.ProtoTCP && s.State != host.TCPListen {
			return 0
		}
	case remote.Port() != q.Remote.Port() || remote.Addr().Unmap() != q.Remote.Addr().Unmap():
		return 0
	default:
		score += 4
	}
	return score
}

// bothFamilies reports whether a socket bound to no address takes flows of an address: one of IPv6 takes both.
func bothFamilies(unspecified, flow netip.Addr) bool {
	return unspecified.Is6() || flow.Is4()
}

// NetnsCookie implements [Sockets].
func (t *SocketTable) NetnsCookie() uint64 { return max(t.Cookie, 1) }
