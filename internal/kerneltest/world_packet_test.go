//go:build linux

package kerneltest

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"

	"github.com/cilium/ebpf"
)

// Packets of the kinds that helpers tell apart: each is an Ethernet header and what its type says.
var (
	ip4Packet = packetOf(0x0800, append([]byte{0x45, 0x02, 0, 60, 0x12, 0x34, 0x40, 0, 64, 17, 0xa1, 0xb2, 10, 0, 0, 1, 10, 0, 0, 2,
		0x12, 0x34, 0, 53, 0, 40, 0xbe, 0xef}, counted(40)...))
	ip6Packet = packetOf(0x86dd, append([]byte{0x60, 0x20, 0, 7, 0, 40, 17, 64, 0x20, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
		0x20, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0x12, 0x34, 0, 80, 0, 40, 0, 0}, counted(33)...))
	vlanPacket  = packetOf(0x8100, append([]byte{0x20, 0x07, 0x08, 0x00}, ip4Packet[14:]...))
	qinqPacket  = packetOf(0x88a8, append([]byte{0x10, 0x01, 0x81, 0x00, 0x20, 0x07, 0x86, 0xdd}, ip6Packet[14:]...))
	arpPacket   = packetOf(0x0806, counted(28))
	shortPacket = packetOf(0x1234, []byte{1})
	oddPacket   = ip4Packet[:75]
	packets     = [][]byte{ip4Packet, ip6Packet, vlanPacket, qinqPacket, arpPacket, shortPacket, oddPacket}
)

func packetOf(ethertype uint16, rest []byte) []byte {
	b := []byte{0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1}
	return append(binary.BigEndian.AppendUint16(b, ethertype), rest...)
}

func counted(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + 1)
	}
	return b
}

// given runs programs of an object on packets, each with several lists of arguments.
func given(object string, in [][]byte, args [][]uint64, programs ...string) Script {
	return Script{Object: object, Do: func(s *Session) {
		for _, a := range args {
			for i, v := range a {
				if err := s.Map("args").Update(uint32(i), v, ebpf.UpdateAny); err != nil {
					s.Logf("argument %d: %v", i, err)
				}
			}
			for _, p := range programs {
				for n, packet := range in {
					s.Logf("%s, packet %d, arguments %#x", p, n, a)
					s.Run(p, Input{Packet: packet})
				}
			}
		}
	}}
}

// each makes lists of arguments: one of every value of each.
func each(values ...[]uint64) [][]uint64 {
	lists := [][]uint64{nil}
	for _, vs := range values {
		var longer [][]uint64
		for _, l := range lists {
			for _, v := range vs {
				longer = append(longer, append(slices.Clone(l), v))
			}
		}
		lists = longer
	}
	return lists
}

func neg(n int64) uint64 { return uint64(-n) }

// drawn makes n lists of arguments, each a random choice.
func drawn(n int, values ...[]uint64) [][]uint64 {
	r := rand.New(rand.NewPCG(1, 2))
	lists := make([][]uint64, n)
	for i := range lists {
		for _, vs := range values {
			lists[i] = append(lists[i], vs[r.IntN(len(vs))])
		}
	}
	return lists
}

var (
	moves      = []uint64{0, 1, 4, 14, neg(4), neg(14), neg(40), neg(216), neg(217), neg(256), 30, 60, 1 << 20, 1 << 31, neg(1 << 20)}
	offsets    = []uint64{0, 1, 12, 14, 24, 38, 40, 60, 75, 80, 100, 65535, 65536, 1<<31 - 1, 1 << 31, 1<<32 - 1}
	pktWords   = []uint64{0, 1, 0xffff, 0x10000, 0x12345678, 0xffffffff, 1 << 40}
	roomFlags  = []uint64{0, 1, 2, 4, 6, 2 | 8, 2 | 16, 4 | 16, 2 | 8 | 16, 4 | 8 | 32, 64 | 2 | 14<<56, 64 | 2 | 13<<56, 2 | 16 | 4<<56, 4 | 60<<56, 128, 256, 384, 128 | 2, 512, 1 << 20, 32}
	roomLength = []uint64{0, 4, 8, 20, 40, 54, neg(4), neg(8), neg(20), neg(40), neg(100), 0xfff, 0x1000, neg(0x1000)}
)

var packetScripts = []Script{
	given("pkt_xdp_head", [][]byte{ip4Packet, shortPacket}, each(moves, []uint64{0, 14, neg(14), neg(100)}), "entry"),
	given("pkt_xdp_meta", [][]byte{ip4Packet, shortPacket}, each([]uint64{0, neg(4), neg(8), neg(6), neg(252), neg(256), 4, neg(216), neg(220)},
		[]uint64{0, 14, neg(14), neg(200)}, []uint64{0, 4, 8, neg(4), 252}), "entry"),
	given("pkt_xdp_tail", [][]byte{ip4Packet, shortPacket, counted(3000)}, each([]uint64{0, 1, 100, neg(1), neg(60), neg(68), 519, 520, 521, 3438, 3439, 1 << 20, 1 << 31},
		[]uint64{0, 5, neg(30)}), "entry", "both"),
	given("pkt_xdp_bytes", [][]byte{ip4Packet, shortPacket}, each(offsets, []uint64{1, 8, 64}, []uint64{0, 24, 80}), "entry"),
	given("pkt_store", packets[:5], each(offsets, []uint64{1, 4, 15}, []uint64{0, 1, 2, 3, 4}), "cls", "lwt"),
	given("pkt_load", packets[:5], each(offsets, []uint64{1, 4, 16}, []uint64{0, 1, 2}), "cls", "act", "filter", "cgroup", "in", "out", "xmit"),
	given("pkt_pull", packets, each(offsets), "cls", "lwt"),
	given("pkt_type", [][]byte{ip4Packet, counted(60)}, each([]uint64{0, 1, 3, 4, 7, 1 << 32}, []uint64{0, 2, 5}), "cls"),
	given("pkt_tail", packets, each([]uint64{0, 1, 14, 15, 60, 200, 5000, 16064, 16065, 1 << 31}, []uint64{14, 100}, []uint64{0, 1}), "cls", "lwt"),
	given("pkt_head", packets, each([]uint64{0, 1, 14, 64, 300, 15900, 16065, 1<<32 - 1}, []uint64{0, 14}, []uint64{0, 1}), "cls", "lwt"),
	given("pkt_proto", packets, each([]uint64{0x0008, 0xdd86, 0x0608, 0}, []uint64{0x0008, 0xdd86}, []uint64{0, 1}), "cls"),
	given("pkt_room", packets[:4], each(roomLength, []uint64{0, 1}, roomFlags, []uint64{neg(8)}, []uint64{1}, []uint64{0}), "cls"),
	withName("twice", given("pkt_room", packets, drawn(200, roomLength, []uint64{0, 1, 2}, roomFlags, roomLength, []uint64{0, 1, 2}, roomFlags), "cls")),
	given("pkt_vlan", packets, drawn(120, vlanSteps, vlanSteps, vlanSteps, vlanSteps, vlanSteps, vlanSteps), "cls"),
	given("pkt_hash", packets, each(pktWords), "cls"),
	given("pkt_l3csum", packets, each([]uint64{0, 24, 25, 74, 80, 65536}, []uint64{0, 0x1234, 0x0a000001}, []uint64{0, 0xffff, 1 << 40}, []uint64{0, 2, 4, 3, 16}), "cls", "lwt"),
	given("pkt_l4csum", packets, each([]uint64{40, 60, 41, 80}, []uint64{0, 0x1234, 0x0a000001}, []uint64{0, 0x4321, 0xfffffffe},
		[]uint64{0, 2, 4, 5, 16, 20, 0x20, 0x24, 0x22, 0x64, 0x34, 0x84, 0x80, 0x100}), "cls", "lwt"),
	given("pkt_csumdiff", [][]byte{ip4Packet, ip6Packet}, drawn(200, pktWords, []uint64{0, 1, 4, 8, 20, 32}, []uint64{0, 2, 4, 12, 32}, pktWords, pktWords, pktWords), "cls", "driver", "packet"),
	given("pkt_csumlevel", packets[:2], drawn(60, levels, levels, levels, levels, levels, levels, levels, levels), "cls"),
	{Object: "pkt_ecn", Do: func(s *Session) {
		for tos := range byte(8) {
			for _, p := range packets {
				p = bytes.Clone(p)
				if p[15%len(p)] = tos; p[12] == 0x86 {
					p[15] = tos << 4
				}
				s.Run("cgroup", Input{Packet: p})
				s.Run("cls", Input{Packet: p})
			}
		}
	}},
	given("pkt_class", packets[:1], [][]uint64{nil}, "cls"),
	given("pkt_nat", packets, each([]uint64{0, 0x0200000a, 0x0105a8c0, 0xffffffff}, []uint64{0, 0x5000, 0xffff}), "cls"),
	{Object: "ctx_tc", Do: doContexts("reads", "writes")},
	{Object: "ctx_skb", Do: doContexts("filter", "cgroup", "in", "out", "xmit")},
	given("ctx_flow", packets, drawn(40, pktWords, pktWords, []uint64{0, 14, 20, 70, 1000}, []uint64{0, 14, 34, 500}, []uint64{0, 1, 2, 129}), "dissect"),
	withName("flags", Script{Object: "ctx_flow", Do: func(s *Session) {
		for _, flags := range []uint32{0, 1, 7, 1 << 31} {
			ctx := make([]byte, 56)
			binary.LittleEndian.PutUint32(ctx[48:], flags)
			s.Run("dissect", Input{Packet: ip4Packet, Context: ctx})
		}
	}}),
	{Object: "ctx_lookup", Do: func(s *Session) {
		for _, family := range []uint32{2, 10} {
			ctx := make([]byte, 72)
			copy(ctx[16:], counted(42-4))
			copy(ctx[36:40], []byte{0x12, 0x34, 0, 0}) // remote_port
			copy(ctx[40:60], counted(20))
			binary.LittleEndian.PutUint32(ctx[60:], 443)
			binary.LittleEndian.PutUint32(ctx[8:], family)
			binary.LittleEndian.PutUint32(ctx[12:], 6)
			if family == 2 {
				clear(ctx[20:36])
				clear(ctx[44:60])
			} else {
				clear(ctx[16:20])
				clear(ctx[40:44])
			}
			for arg := range uint64(2) {
				s.Update("args", uint32(0), arg, 0)
				s.Run("lookup", Input{Context: ctx})
			}
		}
	}},
	{Object: "ctx_args", Do: func(s *Session) {
		ctx := counted(24)
		s.Run("tp", Input{Context: ctx})
		s.Run("call", Input{Context: ctx[:16]})
	}},
	given("ctx_ld", packets, each([]uint64{0, 1, 12, 20, 58, 77, 78, 79, 80, 1 << 31, 0xfff00000, 0xffe00000, 0xffe0000c, 0xfff00013, 0xffefffff, 0xfffff000}, []uint64{2, 200, 0xffe00006}),
		"constant", "variable", "cls"),
}

var (
	levels    = []uint64{0, 1, 2, 3, 4}
	vlanSteps = []uint64{0, 0, 0x0081<<16 | 5, 0xa888<<16 | 0x2006, 0x1234<<16 | 7, 0x0081 << 16, 1<<64 - 1}
)

func withName(name string, sc Script) Script {
	sc.Name = name
	return sc
}

// doContexts runs programs with contexts of their caller's.
func doContexts(programs ...string) func(*Session) {
	return func(s *Session) {
		contexts := [][]byte{nil, make([]byte, 192)}
		for _, fields := range []map[int]uint32{
			{8: 100, 32: 3, 48: 11, 52: 12, 56: 13, 60: 14, 64: 15, 164: 2, 176: 600},
			{36: 1, 40: 1, 152: 0x12345678, 156: 1, 160: 1000, 184: 9, 188: 1},
			{164: 65535, 160: 65536},
		} {
			ctx := make([]byte, 192)
			for off, v := range fields {
				binary.LittleEndian.PutUint32(ctx[off:], v)
			}
			contexts = append(contexts, ctx)
		}
		for _, args := range drawn(6, pktWords, pktWords, pktWords, pktWords, pktWords) {
			for i, v := range args {
				s.Update("args", uint32(i), v, 0)
			}
			for _, p := range programs {
				for _, packet := range packets {
					for _, ctx := range contexts {
						s.Run(p, Input{Packet: packet, Context: ctx})
					}
				}
			}
		}
	}
}
