package helpers

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/engine"
	"github.com/rivetbpf/rivet/internal/progctx"
)

// What instructions become that package load lowers: LD_ABS and LD_IND, the extensions of classic BPF
// (net/core/filter.c), and jumps that lead nowhere.
var loweredInsns = []*Helper{
	{ID: bpf.HelperLoadByte, Name: "load_byte", Fn: onSKB(func(c *Call) (uint64, error) { return c.loadPacket(1), nil }), Args: []Arg{{Name: "offset", Kind: Scalar}}},
	{ID: bpf.HelperLoadHalf, Name: "load_half", Fn: onSKB(func(c *Call) (uint64, error) { return c.loadPacket(2), nil }), Args: []Arg{{Name: "offset", Kind: Scalar}}},
	{ID: bpf.HelperLoadWord, Name: "load_word", Fn: onSKB(func(c *Call) (uint64, error) { return c.loadPacket(4), nil }), Args: []Arg{{Name: "offset", Kind: Scalar}}},
	{ID: bpf.HelperAncillary, Name: "load_ancillary", Fn: onSKB(ancillary), Args: []Arg{{Name: "number", Kind: Scalar}, {Name: "a", Kind: Scalar}, {Name: "x", Kind: Scalar}}},
	{ID: bpf.HelperNoTarget, Name: "gotox", Fn: noTarget, Args: []Arg{{Name: "target", Kind: Scalar}}},
}

func noTarget(c *Call) (uint64, error) {
	return 0, fmt.Errorf("indirect jump to %#x, which is in no jump table of the function", c.Args[0])
}

// trap is an instruction that always faults.
func trap(i int32, why bpf.Trap) *Helper {
	fault := &engine.Fault{Kind: engine.FaultContext, Func: why.Func, Insn: why.Insn, Err: errors.New(why.Why)}
	return &Helper{ID: bpf.HelperTrap + i, Name: "fault", Fn: func(*Call) (uint64, error) {
		f := *fault
		return 0, &f
	}}
}

// Where negative offsets count from: SKF_NET_OFF, SKF_LL_OFF.
const (
	fromNetwork = -0x100000
	fromLink    = -0x200000
	notThere    = 1<<64 - 1
)

// loadPacket loads n bytes of the packet in network byte order (bpf_skb_load_helper_8 and its like).
func (c *Call) loadPacket(n int) uint64 {
	p, off := c.Run.Packet, int64(int32(c.Args[0]))
	var at uint64
	switch {
	case off >= 0:
		at = p.Data() + uint64(off)
	case off >= fromNetwork:
		at = p.SKB.Network + uint64(off-fromNetwork)
	case off >= fromLink:
		at = p.SKB.Mac + uint64(off-fromLink)
	default:
		return notThere
	}
	b, ok := p.At(at, n)
	if !ok {
		return notThere
	}
	v := uint64(0)
	for _, x := range b {
		v = v<<8 | uint64(x)
	}
	return v
}

// Extensions: SKF_AD_* of include/uapi/linux/filter.h.
const (
	adProtocol   = 0
	adPktType    = 4
	adIfindex    = 8
	adNlattr     = 12
	adNlattrNest = 16
	adMark       = 20
	adQueue      = 24
	adHatype     = 28
	adRxHash     = 32
	adCPU        = 36
	adAluXorX    = 40
	adVLANTag    = 44
	adVLANThere  = 48
	adPayOffset  = 52
	adRandom     = 56
	adVLANProto  = 60

	loopback = 772 // ARPHRD_LOOPBACK: the device that packets come from
)

// ancillary is convert_bpf_extensions.
func ancillary(c *Call) (uint64, error) {
	a, x := uint32(c.Args[1]), uint32(c.Args[2])
	switch c.Args[0] {
	case adProtocol:
		return uint64(bits.ReverseBytes16(c.protocol())), nil
	case adPktType:
		return uint64(c.skb(progctx.SkbPktType)), nil
	case adIfindex:
		return uint64(c.skb(progctx.SkbIfindex)), nil
	case adNlattr:
		return uint64(c.netlinkAttr(a, x)), nil
	case adNlattrNest:
		return uint64(c.nestedAttr(a, x)), nil
	case adMark:
		return uint64(c.skb(progctx.SkbMark)), nil
	case adQueue:
		return uint64(c.skb(progctx.SkbQueue)), nil
	case adHatype:
		return loopback, nil
	case adRxHash:
		return uint64(c.skb(progctx.SkbHash)), nil
	case adCPU:
		return uint64(c.Run.CPU), nil
	case adAluXorX:
		return uint64(a ^ x), nil
	case adVLANTag:
		return uint64(c.skb(progctx.SkbVLANTCI)), nil
	case adVLANThere:
		return uint64(c.skb(progctx.SkbVLANPresent)), nil
	case adPayOffset:
		return uint64(c.payloadOffset()), nil
	case adRandom:
		return uint64(c.Run.World.Random()), nil
	case adVLANProto:
		return uint64(bits.ReverseBytes16(uint16(c.skb(progctx.SkbVLANProto)))), nil
	}
	return 0, c.bad(0, 0, "no such extension of classic BPF")
}

const nlaHeader = 4

// netlinkAttr is bpf_skb_get_nlattr: where the attribute of type x lies, from offset a on; 0: nowhere.
func (c *Call) netlinkAttr(a, x uint32) uint32 {
	b := c.Run.Packet.Payload()
	if len(b) < nlaHeader || uint64(a) > uint64(len(b)-nlaHeader) {
		return 0
	}
	return findAttr(b, a, uint32(len(b)), x)
}

// nestedAttr is bpf_skb_get_nlattr_nest: the same within the attribute at a.
func (c *Call) nestedAttr(a, x uint32) uint32 {
	b := c.Run.Packet.Payload()
	if len(b) < nlaHeader || uint64(a) > uint64(len(b)-nlaHeader) {
		return 0
	}
	n := uint32(le.Uint16(b[a:]))
	if uint64(n) > uint64(len(b))-uint64(a) || n < nlaHeader {
		return 0
	}
	return findAttr(b, a+nlaHeader, a+n, x)
}

// findAttr is nla_find over b[at:end].
func findAttr(b []byte, at, end, typ uint32) uint32 {
	const typeMask = 0x3fff // NLA_TYPE_MASK
	for end >= at && end-at >= nlaHeader {
		n := uint32(le.Uint16(b[at:]))
		if n < nlaHeader || n > end-at {
			return 0
		}
		if uint32(le.Uint16(b[at+2:])&typeMask) == typ {
			return at
		}
		at += (n + 3) &^ 3
	}
	return 0
}

// payloadOffset is skb_get_poff for what a packet commonly has: the offset of the data of TCP and UDP, of ICMP, or of what
// follows the IP header.
func (c *Call) payloadOffset() uint32 {
	p := c.Run.Packet
	base := uint32(max(c.networkOffset(), 0))
	ip, _ := p.At(p.SKB.Network, max(p.Len()-c.networkOffset(), 0))
	var off uint32
	var proto byte
	switch {
	case c.protocol() == protoIPv4 && len(ip) >= ipv4Header && ip[0]&15 >= 5:
		off, proto = uint32(ip[0]&15)*4, ip[9]
		if binary.BigEndian.Uint16(ip[6:])&0x3fff != 0 { // a fragment
			return base + off
		}
	case c.protocol() == protoIPv6 && len(ip) >= ipv6Header:
		off, proto = ipv6Header, ip[6]
	default:
		return 0
	}
	const icmp, tcp, udp, udplite, icmp6, icmpHeader, udpHeader = 1, 6, 17, 136, 58, 8, 8
	switch proto {
	case tcp:
		if uint32(len(ip)) > off+12 {
			off += max(tcpHeader, uint32(ip[off+12]>>4)*4)
		}
	case udp, udplite:
		off += udpHeader
	case icmp, icmp6:
		off += icmpHeader
	}
	return min(base+off, uint32(p.Len()))
}
