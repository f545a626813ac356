package helpers

import (
	"encoding/binary"
	"hash/maphash"

	"github.com/rivetbpf/rivet/internal/maps"
	"github.com/rivetbpf/rivet/internal/progctx"
)

// Bytes of a packet, its type and its hash, for programs that are given a struct __sk_buff: net/core/filter.c.
var skbHelpers = []*Helper{
	{ID: 9, Name: "skb_store_bytes", Fn: onSKB(skbStoreBytes), Args: []Arg{{Name: "skb", Kind: Ctx}, {Name: "offset", Kind: Scalar},
		{Name: "from", Kind: Mem}, {Name: "len", Kind: Size}, {Name: "flags", Kind: Scalar}}},
	{ID: 26, Name: "skb_load_bytes", Fn: onPacket(skbLoadBytes), Args: []Arg{{Name: "skb", Kind: Ctx}, {Name: "offset", Kind: Scalar},
		{Name: "to", Kind: MemW}, {Name: "len", Kind: Size}}},
	{ID: 68, Name: "skb_load_bytes_relative", Fn: onSKB(skbLoadBytesRelative), Args: []Arg{{Name: "skb", Kind: Ctx}, {Name: "offset", Kind: Scalar},
		{Name: "to", Kind: MemW}, {Name: "len", Kind: Size}, {Name: "start_header", Kind: Scalar}}},
	{ID: 39, Name: "skb_pull_data", Fn: onSKB(skbPullData), Args: []Arg{{Name: "skb", Kind: Ctx}, {Name: "len", Kind: Scalar}}},
	{ID: 32, Name: "skb_change_type", Fn: onSKB(skbChangeType), Args: []Arg{{Name: "skb", Kind: Ctx}, {Name: "type", Kind: Scalar}}},
	{ID: 34, Name: "get_hash_recalc", Fn: onSKB(getHashRecalc), Args: []Arg{{Name: "skb", Kind: Ctx}}},
	{ID: 41, Name: "set_hash_invalid", Fn: onSKB(func(c *Call) (uint64, error) { return 0, c.setHash(0, false) }), Args: []Arg{{Name: "skb", Kind: Ctx}}},
	{ID: 48, Name: "set_hash", Fn: onSKB(func(c *Call) (uint64, error) { return 0, c.setHash(uint32(c.Args[1]), true) }),
		Args: []Arg{{Name: "skb", Kind: Ctx}, {Name: "hash", Kind: Scalar}}},
	{ID: 97, Name: "skb_ecn_set_ce", Fn: onSKB(skbEcnSetCE), Args: []Arg{{Name: "skb", Kind: Ctx}}},
	{ID: 17, Name: "get_cgroup_classid", Args: []Arg{{Name: "skb", Kind: Ctx}},
		Fn: func(c *Call) (uint64, error) { return uint64(c.Run.World.Host.CgroupClass()), nil }},
	{ID: 24, Name: "get_route_realm", Args: []Arg{{Name: "skb", Kind: Ctx}},
		Fn: func(c *Call) (uint64, error) { return uint64(c.Run.World.Host.RouteRealm()), nil }},
	{ID: 151, Name: "skb_cgroup_classid", Args: []Arg{{Name: "skb", Kind: Ctx}},
		Fn: func(c *Call) (uint64, error) { return uint64(c.Run.World.Host.CgroupClass()), nil }},
}

// Flags of skb_store_bytes, and what skb_load_bytes_relative counts from.
const (
	fRecomputeCsum  = 1 << 0 // BPF_F_RECOMPUTE_CSUM
	fInvalidateHash = 1 << 1 // BPF_F_INVALIDATE_HASH
	hdrStartMac     = 0      // BPF_HDR_START_MAC
	hdrStartNet     = 1      // BPF_HDR_START_NET
	maxOffset       = 0xffff
)

// EtherTypes, in the byte order of a packet as a little-endian guest reads them.
const (
	protoIPv4   = 0x0008
	protoIPv6   = 0xdd86
	proto8021Q  = 0x0081
	proto8021AD = 0xa888
)

// onSKB is a helper that Linux has for programs that are given a struct __sk_buff alone.
func onSKB(fn func(*Call) (uint64, error)) func(*Call) (uint64, error) {
	return func(c *Call) (uint64, error) {
		if c.Run.Layout == nil || !c.Run.Layout.SKB() {
			return 0, c.bad(0, 0, "not a struct __sk_buff")
		}
		return fn(c)
	}
}

// onPacket is a helper that also those have whose context says where a packet is: sk_reuseport.
func onPacket(fn func(*Call) (uint64, error)) func(*Call) (uint64, error) {
	return func(c *Call) (uint64, error) {
		if c.Run.Layout == nil || !c.Run.Layout.Packet || c.Run.Layout.XDP() {
			return 0, c.bad(0, 0, "not the context of a program with a packet")
		}
		return fn(c)
	}
}

// The fields of struct __sk_buff that helpers read and write are those in guest memory: a program may have changed them.
func (c *Call) skb(off int) uint32        { return le.Uint32(c.Run.Ctx[off:]) }
func (c *Call) setSKB(off int, v uint32)  { le.PutUint32(c.Run.Ctx[off:], v) }
func (c *Call) isGSO() bool               { return c.skb(progctx.SkbGSOSize) != 0 }
func (c *Call) protocol() uint16          { return uint16(c.skb(progctx.SkbProtocol)) }
func (c *Call) setProtocol(proto uint16)  { c.setSKB(progctx.SkbProtocol, uint32(proto)) }
func (c *Call) networkOffset() int        { return int(c.Run.Packet.SKB.Network - c.Run.Packet.Data()) }
func (c *Call) macHeaderLen() int         { return int(c.Run.Packet.SKB.Network - c.Run.Packet.SKB.Mac) }
func within(b []byte, off, n uint64) bool { return off <= uint64(len(b)) && n <= uint64(len(b))-off }

func skbStoreBytes(c *Call) (uint64, error) {
	return number(c.storeSKB(uint64(uint32(c.Args[1])), c.Mem[2], c.Args[4]))
}

// storeSKB is __bpf_skb_store_bytes.
func (c *Call) storeSKB(off uint64, from []byte, flags uint64) error {
	b := c.Run.Packet.Payload()
	switch {
	case flags&^(fRecomputeCsum|fInvalidateHash) != 0:
		return maps.EINVAL
	case !within(b, off, uint64(len(from))):
		return maps.EFAULT
	}
	to := b[off : off+uint64(len(from))]
	if flags&fRecomputeCsum != 0 {
		c.unsum(to, int(off))
	}
	copy(to, from)
	if flags&fRecomputeCsum != 0 {
		c.sum(to, int(off))
	}
	if flags&fInvalidateHash != 0 {
		return c.setHash(0, false)
	}
	return nil
}

func skbLoadBytes(c *Call) (uint64, error) {
	off, to := uint64(uint32(c.Args[1])), c.Mem[2]
	b := c.Run.Packet.Payload()
	if !within(b, off, uint64(len(to))) {
		clear(to)
		return errno(maps.EFAULT)
	}
	copy(to, b[off:])
	return 0, nil
}

func skbLoadBytesRelative(c *Call) (uint64, error) {
	off, to, p := uint64(uint32(c.Args[1])), c.Mem[2], c.Run.Packet
	var start uint64
	switch uint32(c.Args[4]) {
	case hdrStartMac:
		start = p.SKB.Mac
	case hdrStartNet:
		start = p.SKB.Network
	}
	b, ok := p.At(start+off, len(to))
	if start == 0 || off > maxOffset || !ok {
		clear(to)
		return errno(maps.EFAULT)
	}
	copy(to, b)
	return 0, nil
}

// skbPullData is skb_ensure_writable: all of the packet is linear and writable.
func skbPullData(c *Call) (uint64, error) {
	if uint64(uint32(c.Args[1])) > uint64(c.Run.Packet.Len()) {
		return errno(maps.ENOMEM)
	}
	return 0, nil
}

// skbChangeType is skb_pkt_type_ok: from and to PACKET_HOST, BROADCAST, MULTICAST, OTHERHOST.
func skbChangeType(c *Call) (uint64, error) {
	const otherHost = 3
	if to := uint32(c.Args[1]); to <= otherHost && c.skb(progctx.SkbPktType) <= otherHost {
		c.setSKB(progctx.SkbPktType, to)
		return 0, nil
	}
	return errno(maps.EINVAL)
}

func (c *Call) setHash(hash uint32, valid bool) error {
	c.setSKB(progctx.SkbHash, hash)
	c.Run.Packet.SKB.HashValid = valid
	return nil
}

// getHashRecalc is skb_get_hash.
func getHashRecalc(c *Call) (uint64, error) {
	if !c.Run.Packet.SKB.HashValid && c.skb(progctx.SkbHash) == 0 {
		if err := c.setHash(c.flowHash(), true); err != nil {
			return 0, err
		}
	}
	return uint64(c.skb(progctx.SkbHash)), nil
}

// flowSeed makes hashes differ from process to process, as Linux's do.
var flowSeed = maphash.MakeSeed()

// flowHash hashes addresses and ports, the same for both directions of a flow. It is never 0.
func (c *Call) flowHash() uint32 {
	p := c.Run.Packet
	ip, _ := p.At(p.SKB.Network, max(p.Len()-c.networkOffset(), 0))
	var src, dst, ports []byte
	proto := byte(0)
	switch {
	case c.protocol() == protoIPv4 && len(ip) >= 20:
		src, dst, proto = ip[12:16], ip[16:20], ip[9]
		if first := binary.BigEndian.Uint16(ip[6:])&0x1fff == 0; first && len(ip) >= int(ip[0]&15)*4 {
			ports = ip[ip[0]&15*4:]
		}
	case c.protocol() == protoIPv6 && len(ip) >= 40:
		src, dst, proto, ports = ip[8:24], ip[24:40], ip[6], ip[40:]
	}
	const tcp, udp, sctp = 6, 17, 132
	a, b := maphash.Bytes(flowSeed, src), maphash.Bytes(flowSeed, dst)
	if len(ports) >= 4 && (proto == tcp || proto == udp || proto == sctp) {
		a += uint64(binary.BigEndian.Uint16(ports)) * 0x9e3779b97f4a7c15
		b += uint64(binary.BigEndian.Uint16(ports[2:])) * 0x9e3779b97f4a7c15
	}
	h := a ^ b ^ uint64(proto)<<32 ^ uint64(c.protocol())
	return max(uint32(h^h>>32), 1)
}

// innerProtocol is skb_protocol(skb, true): the EtherType behind VLAN headers in the packet. Where those begin Linux
// counts from the front of the packet, whatever that is.
func (c *Call) innerProtocol() uint16 {
	p := c.Run.Packet
	at := p.Data() + ethHeader
	if p.SKB.MacLen >= vlanHeader {
		at = p.Data() + uint64(p.SKB.MacLen-vlanHeader)
	}
	proto := c.protocol()
	for depth := 0; proto == proto8021Q || proto == proto8021AD; depth++ {
		b, ok := p.At(at, vlanHeader)
		if !ok || depth == maxVLANs {
			return 0
		}
		proto, at = le.Uint16(b[2:]), at+vlanHeader
	}
	return proto
}

// maxVLANs is VLAN_MAX_DEPTH.
const maxVLANs = 8

// skbEcnSetCE is INET_ECN_set_ce: it marks packets of flows that understand it.
func skbEcnSetCE(c *Call) (uint64, error) {
	const notECT, ce = 0, 3
	p := c.Run.Packet
	switch c.innerProtocol() {
	case protoIPv4:
		ip, ok := p.At(p.SKB.Network, 20)
		if !ok || p.Len() < 20 {
			return 0, nil
		}
		switch ecn := ip[1] & ce; ecn {
		case notECT:
			return 0, nil
		case ce:
			return 1, nil
		default: // what is added to the type of service is taken from the checksum
			sum := uint32(binary.BigEndian.Uint16(ip[10:])) + 0xfffb + uint32(ecn+1)
			binary.BigEndian.PutUint16(ip[10:], uint16(sum+sum>>16))
			ip[1] |= ce
		}
		return 1, nil
	case protoIPv6:
		ip, ok := p.At(p.SKB.Network, 40)
		if !ok || p.Len() < 40 || ip[1]>>4&ce == notECT {
			return 0, nil
		}
		before := le.Uint32(ip)
		ip[1] |= ce << 4
		if s := &p.SKB; s.Summed == progctx.SummedComplete {
			s.Sum = csumAdd(csumSub(s.Sum, before), le.Uint32(ip))
		}
		return 1, nil
	}
	return 0, nil
}
