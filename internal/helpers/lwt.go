package helpers

import (
	"slices"

	"github.com/rivetbpf/rivet/internal/maps"
	"github.com/rivetbpf/rivet/internal/progctx"
)

// Lightweight tunnels, and when a packet is to be sent: enum bpf_func_id 73 and 192 (net/core/filter.c, net/core/lwt_bpf.c).
var lwtHelpers = []*Helper{
	{ID: 73, Name: "lwt_push_encap", Fn: inTunnel(lwtPushEncap, "LWTIn", "LWTXmit"), Args: []Arg{{Name: "skb", Kind: Ctx},
		{Name: "type", Kind: Scalar}, {Name: "hdr", Kind: Mem}, {Name: "len", Kind: Size}}},
	{ID: 192, Name: "skb_set_tstamp", Fn: onSKB(skbSetTstamp), Args: []Arg{{Name: "skb", Kind: Ctx},
		{Name: "tstamp", Kind: Scalar}, {Name: "tstamp_type", Kind: Scalar}}},
}

const (
	lwtEncapIP     = 2   // BPF_LWT_ENCAP_IP
	lwtMaxHeadroom = 256 // LWT_BPF_MAX_HEADROOM
)

// inTunnel is a helper that Linux has for programs of those types alone.
func inTunnel(fn func(*Call) (uint64, error), types ...string) func(*Call) (uint64, error) {
	return func(c *Call) (uint64, error) {
		if c.Run.Layout == nil || !slices.Contains(types, c.Run.Type) {
			return 0, c.bad(0, 0, "not the context of a lightweight tunnel's program that has this helper")
		}
		return fn(c)
	}
}

// lwtPushEncap is bpf_lwt_push_ip_encap. Headers of segment routing need a route, which nothing here looks for: their
// types are unknown, as without CONFIG_IPV6_SEG6_BPF.
func lwtPushEncap(c *Call) (uint64, error) {
	p, hdr := c.Run.Packet, c.Mem[2]
	n := len(hdr)
	if uint32(c.Args[1]) != lwtEncapIP || n < ipv4Header || n > lwtMaxHeadroom {
		return errno(maps.EINVAL)
	}
	v4 := hdr[0]>>4 == 4
	if v4 && n < int(hdr[0]&15)*4 || !v4 && (hdr[0]>>4 != 6 || n < ipv6Header) {
		return errno(maps.EINVAL)
	}
	var header [lwtMaxHeadroom]byte // hdr may be in the packet, which moves
	copy(header[:], hdr)
	if err := p.Resize(n, 0); err != nil {
		return errno(maps.ENOMEM)
	}
	copy(p.Payload(), header[:n])
	if c.Run.Type == "LWTIn" {
		c.sum(p.Payload()[:n], 0)
	}
	p.SKB.Network, p.SKB.Encapsulated = p.Data(), true
	c.Run.Moved()
	if err := c.setHash(0, false); err != nil {
		return 0, err
	}
	c.setProtocol(protoIPv6)
	if ip := p.Payload(); v4 {
		c.setProtocol(protoIPv4)
		if size := int(ip[0]&15) * 4; ip[10]|ip[11] == 0 {
			le.PutUint16(ip[10:], ^csum16(csumPartial(ip[:min(size, len(ip))], 0)))
		}
	}
	if c.isGSO() { // only TCP can, which no packet is known to be
		return errno(maps.ENOTSUPP)
	}
	return 0, nil
}

// Clocks of a packet's time (BPF_SKB_CLOCK_*).
const (
	skbClockRealtime = iota
	skbClockMonotonic
	skbClockTAI
)

// skbSetTstamp is bpf_skb_set_tstamp.
func skbSetTstamp(c *Call) (uint64, error) {
	tstamp, clock := c.Args[1], uint32(c.Args[2])
	if proto := c.protocol(); proto != protoIPv4 && proto != protoIPv6 {
		return errno(maps.EOPNOTSUPP)
	}
	if clock > skbClockTAI || clock != skbClockRealtime && tstamp == 0 {
		return errno(maps.EINVAL)
	}
	le.PutUint64(c.Run.Ctx[progctx.SkbTstamp:], tstamp)
	c.Run.Ctx[progctx.SkbTstampType] = byte(clock)
	return 0, nil
}
