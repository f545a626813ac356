package progctx

import (
	"fmt"
	"math/bits"
)

// struct __sk_buff (include/uapi/linux/bpf.h): offsets of the fields that are set here.
const (
	skbLen      = 0
	skbPktType  = 4
	skbProtocol = 16
	skbIfindex  = 40
	skbData     = 76
	skbDataEnd  = 80
	skbFlowKeys = 144
	skbDataMeta = 140
	skbWireLen  = 160
	skbSk       = 168
	skbSize     = 192
)

// skbOurs are the fields that a caller cannot give: lengths and pointers.
var skbOurs = []struct {
	name      string
	off, size int
}{
	{"len", skbLen, 4}, {"data", skbData, 4}, {"data_end", skbDataEnd, 4}, {"data_meta", skbDataMeta, 4},
	{"flow_keys", skbFlowKeys, 8}, {"sk", skbSk, 8},
}

// struct __sk_buff of a packet with its Ethernet header, as tc programs and
// packet sockets see it. A caller's fields that are not zero replace the ones
// that come from the packet.
var skbLayout = Layout{
	Name:        "struct __sk_buff",
	Types:       []string{"SchedCLS", "SchedACT", "SocketFilter", "CGroupSKB", "LWTIn", "LWTOut", "LWTXmit", "LWTSeg6Local", "SkSKB"},
	Size:        skbSize,
	Packet:      true,
	EmptyPacket: true,
	Prepare:     skbPrepare,
	Addresses:   skbAddresses,
	Finish:      skbFinish,
}

func skbPrepare(ctx, user []byte, p *Packet) error {
	for _, f := range skbOurs {
		for _, b := range user[min(f.off, len(user)):min(f.off+f.size, len(user))] {
			if b != 0 {
				return fmt.Errorf("context: %s comes from Data and must be 0", f.name)
			}
		}
	}
	if user != nil {
		copy(ctx, user)
	}
	preset(ctx, skbPktType, packetType(p.Bytes))
	preset(ctx, skbProtocol, uint32(bits.ReverseBytes16(protocol(p.Bytes))))
	preset(ctx, skbIfindex, loopbackDevice)
	// BPF_PROG_TEST_RUN does this for callers who give a context; tc does it always.
	preset(ctx, skbWireLen, uint32(len(p.Bytes)))
	skbAddresses(ctx, p)
	return nil
}

func skbAddresses(ctx []byte, p *Packet) {
	le.PutUint32(ctx[skbLen:], uint32(p.Len()))
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
func skbFinish(ctx []byte, p *Packet) {
	le.PutUint32(ctx[skbData:], 0)
	le.PutUint32(ctx[skbDataEnd:], uint32(len(p.Bytes)))
	le.PutUint32(ctx[skbDataMeta:], 0)
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
	if t := uint16(b[12])<<8 | uint16(b[13]); t >= 0x600 {
		return t
	}
	if len(b) >= ethHeader+2 && b[14] == 0xff && b[15] == 0xff {
		return 0x0001
	}
	return 0x0004
}
