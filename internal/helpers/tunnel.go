package helpers

import (
	"fmt"
	"net/netip"

	"github.com/rivetbpf/rivet/internal/maps"
)

// Metadata of tunnels that devices with collect_md read and write: enum bpf_func_id 20, 21, 29 and 30,
// net/core/filter.c.
var tunnelHelpers = []*Helper{
	{ID: 20, Name: "skb_get_tunnel_key", Fn: getTunnelKey,
		Args: []Arg{{Name: "skb", Kind: Ctx}, {Name: "key", Kind: MemW}, {Name: "size", Kind: Size}, {Name: "flags", Kind: Scalar}}},
	{ID: 21, Name: "skb_set_tunnel_key", Fn: setTunnelKey,
		Args: []Arg{{Name: "skb", Kind: Ctx}, {Name: "key", Kind: Mem}, {Name: "size", Kind: Size}, {Name: "flags", Kind: Scalar}}},
	{ID: 29, Name: "skb_get_tunnel_opt", Fn: getTunnelOpt,
		Args: []Arg{{Name: "skb", Kind: Ctx}, {Name: "opt", Kind: MemW}, {Name: "size", Kind: Size}}},
	{ID: 30, Name: "skb_set_tunnel_opt", Fn: setTunnelOpt,
		Args: []Arg{{Name: "skb", Kind: Ctx}, {Name: "opt", Kind: Mem}, {Name: "size", Kind: Size}}},
}

// Tunnel is the metadata of a packet that a tunnel device took out of its outer headers, or is to put into
// them (struct ip_tunnel_info).
type Tunnel struct {
	ID       uint32     // VNI, GRE key, …
	Remote   netip.Addr // the other end: the sender of a packet that came in, the receiver of one that leaves
	Local    netip.Addr
	TOS, TTL uint8
	Label    uint32 // flow label of IPv6
	// Flags are TUNNEL_* of linux/if_tunnel.h, in host byte order.
	Flags uint16
	// Options are those of Geneve, VXLAN or ERSPAN, as bytes; nil: none.
	Options []byte
}

// String says where the tunnel leads.
func (t *Tunnel) String() string {
	s := fmt.Sprintf("%v, id %d", t.Remote, t.ID)
	if len(t.Options) > 0 {
		s += fmt.Sprintf(", options %x", t.Options)
	}
	return s
}

// Flags of a tunnel key, as programs give them.
const (
	tunIPv6     = 1 << 0 // BPF_F_TUNINFO_IPV6
	tunZeroCsum = 1 << 1 // BPF_F_ZERO_CSUM_TX
	tunDontFrag = 1 << 2 // BPF_F_DONT_FRAGMENT
	tunSeq      = 1 << 3 // BPF_F_SEQ_NUMBER
	tunNoKey    = 1 << 4 // BPF_F_NO_TUNNEL_KEY
	tunFlags    = 1 << 4 // BPF_F_TUNINFO_FLAGS, of bpf_skb_get_tunnel_key
)

// TUNNEL_* of linux/if_tunnel.h.
const (
	tunnelCsum     = 0x0001
	tunnelKey      = 0x0004
	tunnelSeq      = 0x0008
	tunnelDontFrag = 0x0100
	tunnelGeneve   = 0x0800
	tunnelVXLAN    = 0x1000
	tunnelNoCache  = 0x2000
	tunnelERSPAN   = 0x4000
	tunnelGTP      = 0x8000
	tunnelOptions  = tunnelGeneve | tunnelVXLAN | tunnelERSPAN | tunnelGTP
)

// struct bpf_tunnel_key, and the sizes that it had when it was younger.
const (
	keyID      = 0
	keyRemote  = 4
	keyRemote1 = 8 // size of the first version
	keyTOS     = 20
	keyTTL     = 21
	keyFlags   = 22 // size of the second
	keyLabel   = 24 // of the third
	keyLocal   = 28 // of the fourth
	keySize    = 44
	maxTunOpts = 255 // IP_TUNNEL_OPTS_MAX
	flowLabel  = 0x000fffff
)

// tunnelState is what a packet has for a tunnel. Until a program sets a key it is what came with the packet.
type tunnelState struct {
	key  Tunnel
	set  bool
	opts [maxTunOpts]byte // where key.Options lie after a program set them
}

// Tunnel returns what the program set for the tunnel that its packet leaves by; nil when it set nothing.
func (r *Run) Tunnel() *Tunnel {
	if r.acts == nil || !r.acts.tunnel.set {
		return nil
	}
	return &r.acts.tunnel.key
}

// tunnelInfo is skb_tunnel_info: what was set, and if nothing was, what came with the packet. src is the sender's address.
func (r *Run) tunnelInfo() (t *Tunnel, src, dst netip.Addr) {
	if t = r.Tunnel(); t != nil {
		return t, t.Local, t.Remote
	}
	if t = r.Received; t != nil {
		return t, t.Remote, t.Local
	}
	return nil, src, dst
}

// oldKey reports whether a size is one that struct bpf_tunnel_key once had.
func oldKey(size int) bool {
	return size == keyRemote1 || size == keyFlags || size == keyLabel || size == keyLocal
}

func getTunnelKey(c *Call) (uint64, error) {
	to, flags := c.Mem[1], c.Args[3]
	clear(to) // what an error leaves behind
	t, src, dst := c.Run.tunnelInfo()
	switch {
	case t == nil || flags&^(tunIPv6|tunFlags) != 0:
		return maps.Guest(maps.EINVAL), nil
	case (src.Is6() || dst.Is6()) != (flags&tunIPv6 != 0):
		return maps.Guest(maps.EPROTO), nil
	case len(to) != keySize && !oldKey(len(to)), len(to) == keyRemote1 && flags&tunIPv6 != 0:
		return maps.Guest(maps.EINVAL), nil
	}
	var key [keySize]byte
	le.PutUint32(key[keyID:], t.ID)
	key[keyTOS], key[keyTTL] = t.TOS, t.TTL
	if flags&tunFlags != 0 {
		be.PutUint16(key[keyFlags:], t.Flags)
	}
	putAddr(key[keyRemote:keyRemote+16], src)
	putAddr(key[keyLocal:keyLocal+16], dst)
	if flags&tunIPv6 != 0 {
		le.PutUint32(key[keyLabel:], t.Label)
	}
	copy(to, key[:])
	return 0, nil
}

// putAddr writes an address as struct bpf_tunnel_key has it: IPv4 as a number of the host's byte order.
func putAddr(b []byte, a netip.Addr) {
	switch {
	case a.Is4():
		v := a.As4()
		le.PutUint32(b, be.Uint32(v[:]))
	case a.IsValid():
		v := a.As16()
		copy(b, v[:])
	}
}

// getAddr is the inverse of putAddr.
func getAddr(b []byte, ipv6 bool) netip.Addr {
	if ipv6 {
		return netip.AddrFrom16([16]byte(b))
	}
	var v [4]byte
	be.PutUint32(v[:], le.Uint32(b))
	return netip.AddrFrom4(v)
}

func setTunnelKey(c *Call) (uint64, error) {
	from, flags := c.Mem[1], c.Args[3]
	if flags&^(tunIPv6|tunZeroCsum|tunDontFrag|tunSeq|tunNoKey) != 0 || len(from) != keySize && !oldKey(len(from)) {
		return maps.Guest(maps.EINVAL), nil
	}
	var key [keySize]byte
	copy(key[:], from)
	ipv6 := flags&tunIPv6 != 0
	label := le.Uint32(key[keyLabel:])
	if !ipv6 && label != 0 || le.Uint16(key[keyFlags:]) != 0 {
		return maps.Guest(maps.EINVAL), nil
	}
	s := &c.Run.act().tunnel
	s.set = true
	s.key = Tunnel{
		ID: le.Uint32(key[keyID:]), TOS: key[keyTOS], TTL: key[keyTTL], Label: label & flowLabel, Flags: tunnelKeyFlags(flags),
		Remote: getAddr(key[keyRemote:keyRemote+16], ipv6), Local: getAddr(key[keyLocal:keyLocal+16], ipv6),
	}
	return 0, nil
}

func tunnelKeyFlags(flags uint64) uint16 {
	f := uint16(tunnelKey | tunnelCsum | tunnelNoCache)
	if flags&tunDontFrag != 0 {
		f |= tunnelDontFrag
	}
	if flags&tunZeroCsum != 0 {
		f &^= tunnelCsum
	}
	if flags&tunSeq != 0 {
		f |= tunnelSeq
	}
	if flags&tunNoKey != 0 {
		f &^= tunnelKey
	}
	return f
}

func getTunnelOpt(c *Call) (uint64, error) {
	to := c.Mem[1]
	clear(to)
	t, _, _ := c.Run.tunnelInfo()
	switch {
	case t == nil || t.Options == nil:
		return maps.Guest(maps.ENOENT), nil
	case len(to) < len(t.Options):
		return maps.Guest(maps.ENOMEM), nil
	}
	return uint64(copy(to, t.Options)), nil
}

// setTunnelOpt adds options to the key that the program set before.
func setTunnelOpt(c *Call) (uint64, error) {
	from := c.Mem[1]
	t := c.Run.Tunnel()
	switch {
	case t == nil || len(from)%4 != 0:
		return maps.Guest(maps.EINVAL), nil
	case len(from) > maxTunOpts:
		return maps.Guest(maps.ENOMEM), nil
	}
	s := &c.Run.acts.tunnel
	t.Options = s.opts[:copy(s.opts[:], from)]
	t.Flags |= tunnelOptions
	return 0, nil
}
