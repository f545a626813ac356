package host

import "net/netip"

// Connections tells about tracked connections: what bpf_skb_ct_lookup and bpf_xdp_ct_lookup ask.
type Connections interface {
	// Connection returns the connection that packets of a flow belong to; nil when none is tracked.
	Connection(q ConnectionQuery) *Connection
}

// ConnectionQuery is a flow.
type ConnectionQuery struct {
	Proto    uint8 // IPPROTO_TCP or IPPROTO_UDP
	Src, Dst netip.AddrPort
	Netns    int32 // as the program gives it: -1 is its own
	Zone     uint16
}

// Connection is a tracked connection.
type Connection struct {
	// Kernel is the kernel's struct nf_conn, as far as programs read it. They find fields by its BTF
	// (CollectionOptions.KernelTypes); what they write there they alone see.
	Kernel []byte
	// Reply says that the flow is the direction of the answers (IP_CT_DIR_REPLY).
	Reply bool
}

// noConnections is a host that tracks none, promoted as [noNetwork] is.
type noConnections struct{}

// Connection finds nothing.
func (noConnections) Connection(ConnectionQuery) *Connection { return nil }
