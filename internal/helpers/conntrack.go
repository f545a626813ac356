package helpers

import (
	"github.com/rivetbpf/rivet/internal/host"
	"github.com/rivetbpf/rivet/internal/maps"
)

// Tracked connections and offloaded flows: net/netfilter/nf_conntrack_bpf.c, nf_flow_table_bpf.c.
var conntrackKfuncs = []*Helper{
	{Name: "bpf_skb_ct_lookup", Fn: ctLookup, Args: ctLookupArgs},
	{Name: "bpf_xdp_ct_lookup", Fn: ctLookup, Args: ctLookupArgs},
	{Name: "bpf_ct_release", Fn: ctRelease, Args: []Arg{{Name: "ct", Kind: Scalar}}},
	{Name: "bpf_xdp_flow_lookup", Fn: flowLookup,
		Args: []Arg{{Name: "ctx", Kind: Ctx}, {Name: "tuple", Kind: Mem, Size: 64}, {Name: "opts", Kind: MemW}, {Name: "opts_len", Kind: Size}}},
}

var ctLookupArgs = []Arg{{Name: "ctx", Kind: Ctx}, {Name: "tuple", Kind: Mem, Nullable: true}, {Name: "tuple_len", Kind: SizeOrZero},
	{Name: "opts", Kind: MemW, Nullable: true}, {Name: "opts_len", Kind: SizeOrZero}}

// struct bpf_ct_opts, and the size that it had before there were zones in it.
const (
	ctNetns    = 0
	ctError    = 4
	ctProto    = 8
	ctDir      = 9
	ctZone     = 10
	ctReserved = 13
	ctOptsSize = 16
	ctOldSize  = 12
)

// heldConn is a connection at an address of the run.
type heldConn struct {
	addr uint64
	refs int
}

// ctLookup is bpf_skb_ct_lookup and bpf_xdp_ct_lookup.
func ctLookup(c *Call) (uint64, error) {
	opts := c.Mem[3]
	conn, err := c.connection(opts)
	if err != nil {
		if len(opts) >= ctError+4 {
			le.PutUint32(opts[ctError:], uint32(maps.Guest(err)))
		}
		return 0, nil
	}
	opts[ctDir] = 0
	if conn.Reply {
		opts[ctDir] = 1
	}
	return c.holdConn(conn)
}

// connection is __bpf_nf_ct_lookup, checks in its order.
func (c *Call) connection(opts []byte) (*host.Connection, error) {
	switch {
	case opts == nil || c.Mem[1] == nil, len(opts) != ctOptsSize && len(opts) != ctOldSize:
		return nil, maps.EINVAL
	case len(opts) == ctOptsSize && (opts[ctReserved]|opts[ctReserved+1]|opts[ctReserved+2] != 0):
		return nil, maps.EINVAL
	case len(opts) == ctOldSize && le.Uint16(opts[ctZone:]) != 0:
		return nil, maps.EINVAL
	}
	q := host.ConnectionQuery{Proto: opts[ctProto], Netns: int32(le.Uint32(opts[ctNetns:])), Zone: le.Uint16(opts[ctZone:])}
	switch {
	case q.Proto != host.ProtoTCP && q.Proto != host.ProtoUDP:
		return nil, maps.EPROTO
	case q.Netns < -1:
		return nil, maps.EINVAL
	}
	var ok bool
	if q.Src, q.Dst, ok = tuple(c.Mem[1]); !ok {
		return nil, maps.EAFNOSUPPORT
	}
	conn := c.Run.World.Host.Connection(q)
	switch {
	case conn == nil && q.Netns >= 0:
		return nil, maps.ENONET // no such namespace
	case conn == nil:
		return nil, maps.ENOENT
	}
	return conn, nil
}

// holdConn copies what the host has of a connection into memory of the run.
func (c *Call) holdConn(conn *host.Connection) (uint64, error) {
	if c.Run.More == nil {
		return 0, c.errNoMemory()
	}
	b, at, err := c.Run.More(max(len(conn.Kernel), 1))
	if err != nil {
		return 0, c.errNoMemory()
	}
	copy(b, conn.Kernel)
	a := c.Run.act()
	a.conns = append(a.conns, heldConn{addr: at, refs: 1})
	return at, nil
}

// ctRelease takes back what a lookup gave.
func ctRelease(c *Call) (uint64, error) {
	conns := c.Run.act().conns
	for i := range conns {
		if k := &conns[i]; k.addr == c.Args[0] && k.refs > 0 {
			k.refs--
			return 0, nil
		}
	}
	return 0, c.bad(0, 0, "not a connection that the run holds")
}

// flowOptsSize is the size of struct bpf_flowtable_opts, which is an error number.
const flowOptsSize = 4

// flowLookup is bpf_xdp_flow_lookup on a machine that offloads no flows.
func flowLookup(c *Call) (uint64, error) {
	opts, e := c.Mem[2], maps.ENOENT
	if len(opts) != flowOptsSize {
		e = maps.EINVAL
	}
	if len(opts) >= flowOptsSize {
		le.PutUint32(opts, uint32(maps.Guest(e)))
	}
	return 0, nil
}
