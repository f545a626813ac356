package helpers

import (
	"encoding/binary"
	"math/bits"

	"github.com/rivetbpf/rivet/internal/maps"
	"github.com/rivetbpf/rivet/internal/progctx"
)

// Packets that grow and shrink, for programs that are given a struct __sk_buff: enum bpf_func_id 18, 19, 31, 38, 43 and 50,
// net/core/filter.c and net/core/skbuff.c.
var roomHelpers = []*Helper{
	{ID: 18, Name: "skb_vlan_push", Fn: onSKB(skbVlanPush), Args: []Arg{{Name: "skb", Kind: Ctx}, {Name: "vlan_proto", Kind: Scalar}, {Name: "vlan_tci", Kind: Scalar}}},
	{ID: 19, Name: "skb_vlan_pop", Fn: onSKB(skbVlanPop), Args: []Arg{{Name: "skb", Kind: Ctx}}},
	{ID: 31, Name: "skb_change_proto", Fn: onSKB(skbChangeProto), Args: []Arg{{Name: "skb", Kind: Ctx}, {Name: "proto", Kind: Scalar}, {Name: "flags", Kind: Scalar}}},
	{ID: 38, Name: "skb_change_tail", Fn: onSKB(skbChangeTail), Args: []Arg{{Name: "skb", Kind: Ctx}, {Name: "len", Kind: Scalar}, {Name: "flags", Kind: Scalar}}},
	{ID: 43, Name: "skb_change_head", Fn: onSKB(skbChangeHead), Args: []Arg{{Name: "skb", Kind: Ctx}, {Name: "len", Kind: Scalar}, {Name: "flags", Kind: Scalar}}},
	{ID: 50, Name: "skb_adjust_room", Fn: onSKB(skbAdjustRoom), Args: []Arg{{Name: "skb", Kind: Ctx}, {Name: "len_diff", Kind: Scalar}, {Name: "mode", Kind: Scalar},
		{Name: "flags", Kind: Scalar}}},
}

const (
	vlanHeader = 4
	maxSkbLen  = 4*4096 - 320 // BPF_SKB_MAX_LEN, which is SKB_MAX_ALLOC
)

// Flags and modes of skb_adjust_room.
const (
	roomNet               = 0 // BPF_ADJ_ROOM_NET
	roomMac               = 1 // BPF_ADJ_ROOM_MAC
	fRoomFixedGSO         = 1 << 0
	fRoomEncapIPv4        = 1 << 1
	fRoomEncapIPv6        = 1 << 2
	fRoomEncapGRE         = 1 << 3
	fRoomEncapUDP         = 1 << 4
	fRoomNoReset          = 1 << 5
	fRoomEncapEth         = 1 << 6
	fRoomDecapIPv4        = 1 << 7
	fRoomDecapIPv6        = 1 << 8
	fRoomEncapL2          = 0xff << roomEncapShift
	roomEncapShift        = 56
	fRoomEncapL3          = fRoomEncapIPv4 | fRoomEncapIPv6
	fRoomDecapL3          = fRoomDecapIPv4 | fRoomDecapIPv6
	fRoomShrink           = fRoomFixedGSO | fRoomDecapL3 | fRoomNoReset
	fRoomAll              = fRoomShrink | fRoomEncapL3 | fRoomEncapGRE | fRoomEncapUDP | fRoomEncapEth | fRoomEncapL2
	maxRoom               = 0xfff
	noHeader       uint32 = 1<<32 - 1
)

// baseLen is bpf_skb_net_base_len.
func baseLen(proto uint16) uint32 {
	switch proto {
	case protoIPv4:
		return ipv4Header
	case protoIPv6:
		return ipv6Header
	}
	return noHeader
}

// pushHeader is bpf_skb_net_hdr_push: n zeros behind the first off bytes. What lies before them moves down with its headers.
func (c *Call) pushHeader(off, n int) error {
	p := c.Run.Packet
	if off < 0 || off > p.Len() { // the headers are not there
		return maps.ENOMEM
	}
	if err := p.Insert(off, n); err != nil {
		return err
	}
	c.moveHeaders(-n)
	return nil
}

// popHeader is bpf_skb_net_hdr_pop.
func (c *Call) popHeader(off, n int) maps.Errno {
	p := c.Run.Packet
	if off < 0 || off+n > p.Len() {
		return maps.ENOMEM
	}
	c.unsum(p.Payload()[off:off+n], 0)
	p.Remove(off, n)
	c.moveHeaders(n)
	return 0
}

func (c *Call) moveHeaders(by int) {
	s := &c.Run.Packet.SKB
	same := s.Transport == s.Network
	s.Mac += uint64(by)
	s.Network += uint64(by)
	if same {
		s.Transport = s.Network
	}
	c.Run.Moved()
}

func skbChangeProto(c *Call) (uint64, error) {
	const longer = ipv6Header - ipv4Header
	to := uint16(c.Args[1])
	switch from := c.protocol(); {
	case c.Args[2] != 0:
		return errno(maps.EINVAL)
	case from == protoIPv4 && to == protoIPv6:
		if err := c.pushHeader(c.macHeaderLen(), longer); err != nil {
			return errno(maps.ENOMEM)
		}
	case from == protoIPv6 && to == protoIPv4:
		if e := c.popHeader(c.macHeaderLen(), longer); e != 0 {
			return errno(e)
		}
	default:
		return errno(maps.ENOTSUPP)
	}
	c.setProtocol(to)
	return 0, c.setHash(0, false)
}

// minLen is __bpf_skb_min_len.
func (c *Call) minLen() int {
	n := max(c.networkOffset(), 0)
	if s := &c.Run.Packet.SKB; s.Transport != 0 {
		if off := int(s.Transport - c.Run.Packet.Data()); off > 0 {
			n = off
		}
	}
	return n
}

func skbChangeTail(c *Call) (uint64, error) {
	p, to := c.Run.Packet, int(uint32(c.Args[1]))
	switch {
	case c.Args[2] != 0 || to > maxSkbLen || to < c.minLen():
		return errno(maps.EINVAL)
	case p.SKB.Encapsulated:
		return errno(maps.ENOTSUPP)
	}
	if to != p.Len() && p.SKB.Summed == progctx.SummedComplete {
		p.SKB.Summed = progctx.SummedNone // __skb_grow_rcsum, __skb_trim_rcsum
	}
	if err := p.Resize(0, to-p.Len()); err != nil {
		return errno(maps.ENOMEM)
	}
	if c.isGSO() {
		c.setSKB(progctx.SkbGSOSize, 0)
		c.setSKB(progctx.SkbGSOSegs, 0)
	}
	c.Run.Moved()
	return 0, nil
}

func skbChangeHead(c *Call) (uint64, error) {
	p, n := c.Run.Packet, uint64(uint32(c.Args[1]))
	length := uint64(p.Len()) + n
	if c.Args[2] != 0 || !c.isGSO() && length > maxSkbLen || length > 1<<32-1 {
		return errno(maps.EINVAL)
	}
	if err := p.Resize(int(n), 0); err != nil {
		return errno(maps.ENOMEM)
	}
	p.SKB.Mac = p.Data()
	p.SKB.MacLen = c.macHeaderLen()
	c.Run.Moved()
	return 0, nil
}

func skbAdjustRoom(c *Call) (uint64, error) {
	by, mode, flags := int(int32(c.Args[1])), uint32(c.Args[2]), c.Args[3]
	if c.Run.Layout.SkSKB() {
		return c.adjustStream(by, mode, flags)
	}
	n, proto := max(by, -by), c.protocol()
	least := baseLen(proto)
	switch {
	case flags&^fRoomAll != 0:
		return errno(maps.EINVAL)
	case n > maxRoom:
		return errno(maps.EFAULT)
	case least == noHeader || mode > roomMac:
		return errno(maps.ENOTSUPP)
	}
	off := c.macHeaderLen()
	if mode == roomNet {
		off += int(least)
	}
	switch decap := flags & fRoomDecapL3; {
	case decap != 0 && by >= 0 || decap == fRoomDecapL3:
		return errno(maps.EINVAL)
	case decap == fRoomDecapIPv4:
		least = ipv4Header
	case decap == fRoomDecapIPv6:
		least = ipv6Header
	}
	length := c.Run.Packet.Len()
	now := length - c.networkOffset()
	if by < 0 && (n >= now || now-n < int(least)) || by >= 0 && length+n > maxSkbLen && !c.isGSO() {
		return errno(maps.ENOTSUPP)
	}
	change := c.growRoom
	if by < 0 {
		change = c.shrinkRoom
	}
	if e := change(off, n, flags); e != 0 {
		return errno(e)
	}
	if flags&fRoomNoReset == 0 {
		c.forgetSums()
	}
	return 0, nil
}

// shrinkRoom is bpf_skb_net_shrink.
func (c *Call) shrinkRoom(off, n int, flags uint64) maps.Errno {
	switch {
	case flags&^fRoomShrink != 0:
		return maps.EINVAL
	case c.isGSO(): // of no known type: gso_type is not among a packet's fields
		return maps.ENOTSUPP
	}
	if e := c.popHeader(off, n); e != 0 {
		return e
	}
	switch {
	case flags&fRoomDecapIPv6 != 0:
		c.setProtocol(protoIPv6)
	case flags&fRoomDecapIPv4 != 0:
		c.setProtocol(protoIPv4)
	}
	return 0
}

// growRoom is bpf_skb_net_grow.
func (c *Call) growRoom(off, n int, flags uint64) maps.Errno {
	s := &c.Run.Packet.SKB
	innerMac := int(flags >> roomEncapShift)
	encap := flags&fRoomEncapL3 != 0
	switch {
	case c.isGSO():
		return maps.ENOTSUPP
	case !encap:
	case flags&fRoomEncapL3 == fRoomEncapL3, flags&fRoomEncapGRE != 0 && flags&fRoomEncapUDP != 0, flags&fRoomEncapEth != 0 && innerMac < ethHeader:
		return maps.EINVAL
	case s.Encapsulated:
		return maps.EALREADY
	case innerMac > n:
		return maps.EINVAL
	}
	mac := c.macHeaderLen()
	if err := c.pushHeader(off, n); err != nil {
		return maps.ENOMEM
	}
	if !encap {
		return 0
	}
	s.Encapsulated = true
	s.Network = c.Run.Packet.Data() + uint64(mac)
	proto, header := uint16(protoIPv4), ipv4Header
	if flags&fRoomEncapIPv6 != 0 {
		proto, header = protoIPv6, ipv6Header
	}
	if flags&(fRoomEncapGRE|fRoomEncapUDP) != 0 {
		s.Transport = s.Network + uint64(header)
	}
	c.setProtocol(proto)
	return 0
}

// adjustStream is sk_skb_adjust_room: it moves the front.
func (c *Call) adjustStream(by int, mode uint32, flags uint64) (uint64, error) {
	p := c.Run.Packet
	switch {
	case flags != 0 || mode != 0:
		return errno(maps.EINVAL)
	case by > maxRoom || by < -maxRoom:
		return errno(maps.EFAULT)
	case -by > p.Len():
		return errno(maps.ENOMEM)
	}
	if err := p.Resize(by, 0); err != nil {
		return errno(maps.ENOMEM)
	}
	c.Run.Moved()
	return 0, nil
}

// setVLAN sets the tag that lies outside the packet; 0, 0: none.
func (c *Call) setVLAN(proto, tci uint16) {
	c.setSKB(progctx.SkbVLANProto, uint32(proto))
	c.setSKB(progctx.SkbVLANTCI, uint32(tci))
	present := uint32(0)
	if proto|tci != 0 {
		present = 1
	}
	c.setSKB(progctx.SkbVLANPresent, present)
}

// skbVlanPush is skb_vlan_push: the tag that there is goes into the packet, the new one stays outside.
func skbVlanPush(c *Call) (uint64, error) {
	proto, tci := uint16(c.Args[1]), uint16(c.Args[2])
	if proto != proto8021Q && proto != proto8021AD {
		proto = proto8021Q
	}
	if c.skb(progctx.SkbVLANPresent) != 0 {
		p := c.Run.Packet
		if p.Data() != p.SKB.Mac || p.Len() < ethHeader {
			return errno(maps.EINVAL)
		}
		inner := uint16(c.skb(progctx.SkbVLANProto))
		if err := p.Insert(2*6, vlanHeader); err != nil {
			return errno(maps.ENOMEM)
		}
		tag := p.Payload()[2*6:][:vlanHeader]
		le.PutUint16(tag, inner)
		binary.BigEndian.PutUint16(tag[2:], uint16(c.skb(progctx.SkbVLANTCI)))
		p.SKB.Mac -= vlanHeader
		p.SKB.Network -= vlanHeader
		c.setProtocol(inner)
		c.sum(tag, 2*6)
		c.Run.Moved()
	}
	c.setVLAN(proto, tci)
	return 0, nil
}

// skbVlanPop is skb_vlan_pop: the tag outside goes, the next one is taken out of the packet.
func skbVlanPop(c *Call) (uint64, error) {
	isTag := func() bool { return c.protocol() == proto8021Q || c.protocol() == proto8021AD }
	if c.skb(progctx.SkbVLANPresent) != 0 {
		c.setVLAN(0, 0)
	} else {
		if !isTag() {
			return 0, nil
		}
		if _, e := c.pullTag(); e != 0 {
			return errno(e)
		}
	}
	if !isTag() {
		return 0, nil
	}
	proto := c.protocol()
	tci, e := c.pullTag()
	if e != 0 {
		return errno(e)
	}
	c.setVLAN(proto, tci)
	return 0, nil
}

// pullTag is __skb_vlan_pop: it takes the outermost VLAN header out of the packet.
func (c *Call) pullTag() (tci uint16, e maps.Errno) {
	p := c.Run.Packet
	switch {
	case p.Data() != p.SKB.Mac:
		return 0, maps.EINVAL
	case p.Len() < ethHeader+vlanHeader:
		return 0, maps.ENOMEM
	}
	b := p.Payload()
	tci = binary.BigEndian.Uint16(b[ethHeader:])
	c.setProtocol(bits.ReverseBytes16(progctx.EtherType(b[ethHeader+2:])))
	c.unsum(b[2*6:2*6+vlanHeader], 2*6)
	p.Remove(2*6, vlanHeader)
	p.SKB.Mac += vlanHeader
	if c.networkOffset() < ethHeader {
		p.SKB.Network = p.Data() + ethHeader
	}
	p.SKB.MacLen = c.macHeaderLen()
	c.Run.Moved()
	return tci, 0
}
