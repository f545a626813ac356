package progctx

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
)

// struct __sk_buff (include/uapi/linux/bpf.h).
var skbFields = structOf("len 4, pkt_type 4, mark 4, queue_mapping 4, protocol 4, vlan_present 4, vlan_tci 4, vlan_proto 4, priority 4, " +
	"ingress_ifindex 4, ifindex 4, tc_index 4, cb 4x5, hash 4, tc_classid 4, data 4, data_end 4, napi_id 4, family 4, remote_ip4 4, " +
	"local_ip4 4, remote_ip6 4x4, local_ip6 4x4, remote_port 4, local_port 4, data_meta 4, flow_keys 8, tstamp 8, wire_len 4, gso_segs 4, " +
	"sk 8, gso_size 4, tstamp_type 1, - 3, hwtstamp 8")

// Offsets of the fields of struct __sk_buff that helpers need.
const (
	SkbLen         = 0
	SkbPktType     = 4
	SkbMark        = 8
	SkbQueue       = 12
	SkbProtocol    = 16
	SkbVLANPresent = 20
	SkbVLANTCI     = 24
	SkbVLANProto   = 28
	SkbIfindex     = 40
	SkbHash        = 68
	SkbGSOSegs     = 164
	SkbSk          = 168
	SkbTstamp      = 152
	SkbGSOSize     = 176
	SkbTstampType  = 180
	skbData        = 76
	skbDataEnd     = 80
	skbFamily      = 88
	skbDataMeta    = 140
	skbFlowKeys    = 144
	skbWireLen     = 160
	skbSize        = 192
)

const skbName = "struct __sk_buff"

// The fields of a packet's socket, which few types of programs have.
const ofSocket = "family remote_ip4 local_ip4 remote_ip6 local_ip6 remote_port local_port "

// What programs of a type have of struct __sk_buff, and may write, is what
// their is_valid_access function in net/core/filter.c says.
var (
	tcLayout = skbLayout("SchedCLS SchedACT", true,
		skbFields.without(ofSocket+"flow_keys").writable("mark tc_index priority tc_classid cb tstamp queue_mapping"))
	filterLayout = skbLayout("SocketFilter", false,
		skbFields.without(ofSocket+"flow_keys tc_classid data data_meta data_end tstamp wire_len tstamp_type hwtstamp").writable("cb"))
	cgroupSkbLayout = skbLayout("CGroupSKB", false,
		skbFields.without("flow_keys tc_classid data_meta wire_len tstamp_type").writable("mark priority cb tstamp"))
	lwtLayout = skbLayout("LWTIn LWTOut LWTXmit LWTSeg6Local", false,
		skbFields.without(ofSocket+"flow_keys tc_classid data_meta tstamp wire_len tstamp_type hwtstamp").writable("mark priority cb"))
	skSkbLayout = skbLayout("SkSKB", false,
		skbFields.without("flow_keys mark tc_classid data_meta tstamp wire_len tstamp_type hwtstamp").writable("tc_index priority cb"))
	// What a packet socket gives to a filter begins with the Ethernet header.
	classicLayout = skbLayout(TypeClassic, true, filterLayout.Fields)
)

// TypeClassic is the program type of translated classic BPF: a socket filter on a packet socket.
const TypeClassic = "ClassicFilter"

// skbLayout is struct __sk_buff for some types of programs. A caller's fields that are not zero
// replace the ones that come from the packet. Those with l2 see the packet from its
// Ethernet header on; others, as from BPF_PROG_TEST_RUN, from its network header on.
func skbLayout(types string, l2 bool, fields Fields) Layout {
	l := Layout{
		Name: skbName, Types: strings.Fields(types), Size: skbSize, Objects: sockSize, Fields: fields,
		Packet: true, EmptyPacket: true, Addresses: skbAddresses, Finish: skbFinish,
		Prepare: func(c *Context, user []byte, p *Packet) error { return skbPrepare(c, user, p, l2) },
	}
	if !l2 {
		l.Result = func(_ *Context, p *Packet) ([]byte, error) { return p.withFront() }
	}
	return l
}

// SKB is what struct sk_buff has and struct __sk_buff does not show.
type SKB struct {
	// Addresses of headers; Transport is 0 where nobody has said where it is. They
	// move with the buffer, not with the front of the packet.
	Mac, Network, Transport uint64
	MacLen                  int
	Encapsulated            bool // BPF_F_ADJ_ROOM_ENCAP_* was used
	HashValid               bool // hash is a hash of the packet
	Summed                  Summed
	Level                   uint8  // of Unnecessary: how many more checksums are known to be good
	Sum                     uint32 // of Complete: of all bytes from the front of the packet
}

// Summed is skb->ip_summed: what is known about checksums.
type Summed uint8

// CHECKSUM_NONE, CHECKSUM_UNNECESSARY, CHECKSUM_COMPLETE. (Packets are never CHECKSUM_PARTIAL here.)
const (
	SummedNone Summed = iota
	SummedUnnecessary
	SummedComplete
)

// skbOurs are the fields that a caller cannot give: lengths and pointers. BPF_PROG_TEST_RUN takes a data_end, as
// the length of what is to be linear; here everything is.
var skbOurs = []string{"len", "data", "data_meta", "flow_keys", "sk"}

// Limits of BPF_PROG_TEST_RUN: GSO_LEGACY_MAX_SIZE, GSO_MAX_SEGS.
const (
	maxWireLen = 65536
	maxSegs    = 65535
)

func skbGiven(user []byte, n int) error {
	for _, f := range skbFields {
		for _, b := range user[min(f.Off, len(user)):min(f.Off+f.Size, len(user))] {
			if b != 0 && slices.Contains(skbOurs, f.Name) {
				return fmt.Errorf("context: %s comes from Data and must be 0", f.Name)
			}
		}
	}
	switch end, wire, segs := field(user, skbDataEnd), field(user, skbWireLen), field(user, SkbGSOSegs); {
	case int64(end) > int64(n):
		return fmt.Errorf("context: data_end is %d, must be 0 or at most the length of Data (%d)", end, n)
	case wire != 0 && (int64(wire) < int64(n) || wire > maxWireLen):
		return fmt.Errorf("context: wire_len is %d, must be 0 or from the length of Data (%d) to %d", wire, n, maxWireLen)
	case segs > maxSegs:
		return fmt.Errorf("context: gso_segs is %d, at most %d are allowed", segs, maxSegs)
	}
	return nil
}

func skbPrepare(c *Context, user []byte, p *Packet, l2 bool) error {
	whole := p.Bytes
	if !l2 {
		p.hideFront(min(ethHeader, len(whole)))
	}
	ctx := c.Bytes
	if user != nil {
		if err := skbGiven(user, p.Len()); err != nil {
			return err
		}
		copy(ctx, user)
	}
	proto := protocol(whole)
	preset(ctx, SkbPktType, packetType(whole))
	preset(ctx, SkbProtocol, uint32(bits.ReverseBytes16(proto)))
	preset(ctx, SkbIfindex, loopbackDevice)
	// BPF_PROG_TEST_RUN does this for callers who give a context; tc does it always.
	preset(ctx, skbWireLen, uint32(p.Len()))
	p.SKB = SKB{Mac: p.Data(), Network: p.Data() + uint64(min(ethHeader, len(whole)))}
	if !l2 {
		p.SKB.Mac, p.SKB.Network = p.Data()-uint64(min(ethHeader, len(whole))), p.Data()
	}
	sock := c.Objects[:sockSize]
	sockOfPacket(sock, proto, whole[min(ethHeader, len(whole)):])
	le.PutUint64(ctx[SkbSk:], c.ObjectsAt)
	if user != nil || proto == ethIPv4 || proto == ethIPv6 { // otherwise that is zeros on zeros
		copy(ctx[skbFamily:skbDataMeta], skbOfSock(sock))
	}
	skbAddresses(ctx, p)
	return nil
}

func skbAddresses(ctx []byte, p *Packet) {
	le.PutUint32(ctx[SkbLen:], uint32(p.Len()))
	le.PutUint32(ctx[skbData:], uint32(p.Data()))
	le.PutUint32(ctx[skbDataEnd:], uint32(p.End()))
	le.PutUint32(ctx[skbDataMeta:], uint32(p.Start))
}

// preset sets a field that the caller left at 0.
func preset(ctx []byte, off int, v uint32) {
	if le.Uint32(ctx[off:]) == 0 {
		le.PutUint32(ctx[off:], v)
	}
}

// skbFinish hides addresses: data becomes 0 and data_end the packet's length.
func skbFinish(c *Context, p *Packet) {
	ctx := c.Bytes
	le.PutUint32(ctx[skbData:], 0)
	le.PutUint32(ctx[skbDataEnd:], uint32(len(p.Bytes)))
	le.PutUint32(ctx[skbDataMeta:], 0)
	le.PutUint64(ctx[SkbSk:], 0)
}

const ethHeader = 14

// packetType is eth_skb_pkt_type for a device whose address is all zeros, which
// the loopback device's is: PACKET_HOST 0, BROADCAST 1, MULTICAST 2, OTHERHOST 3.
// (That device has no broadcast address either, so that BPF_PROG_TEST_RUN gives
// MULTICAST where every other device, and this, gives BROADCAST.)
func packetType(b []byte) uint32 {
	if len(b) < ethHeader {
		return 0
	}
	dst := [6]byte(b)
	switch {
	case dst == [6]byte{}:
		return 0
	case dst == [6]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}:
		return 1
	case dst[0]&1 != 0:
		return 2
	}
	return 3
}

// protocol is eth_type_trans: the EtherType, or what stands for the frames that
// carry a length there (ETH_P_802_3 for the one without a checksum, ETH_P_802_2).
func protocol(b []byte) uint16 {
	if len(b) < ethHeader {
		return 0
	}
	return EtherType(b[12:])
}

// EtherType is what skb->protocol becomes where the type or length of a frame begins b.
func EtherType(b []byte) uint16 {
	if t := uint16(b[0])<<8 | uint16(b[1]); t >= 0x600 {
		return t
	}
	if len(b) >= 4 && b[2] == 0xff && b[3] == 0xff {
		return 0x0001
	}
	return 0x0004
}
