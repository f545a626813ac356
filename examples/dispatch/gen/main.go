// Command gen writes the capture that the dispatch example is run on. The
// packets and their timestamps are fixed, so the file is the same every time.
//
//	go run ./examples/dispatch/gen examples/dispatch/traffic.pcap
package main

import (
	"fmt"
	"net"
	"os"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
)

//go:generate go run . ../traffic.pcap

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: gen FILE")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func write(path string) error {
	g := &generator{}
	g.plain()
	g.tagged()
	g.ipv6()
	g.rewritten()
	g.fragments()
	g.broken()
	if g.err != nil {
		return g.err
	}

	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w := pcapgo.NewWriter(f)
	if err := w.WriteFileHeader(65535, layers.LinkTypeEthernet); err != nil {
		return err
	}
	start := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	for i, p := range g.packets {
		ci := gopacket.CaptureInfo{Timestamp: start.Add(time.Duration(i) * time.Millisecond), CaptureLength: len(p), Length: len(p)}
		if err := w.WritePacket(ci, p); err != nil {
			return fmt.Errorf("packet %d: %w", i, err)
		}
	}
	return f.Close()
}

var (
	macA = net.HardwareAddr{0x02, 0, 0, 0, 0, 0x0a}
	macB = net.HardwareAddr{0x02, 0, 0, 0, 0, 0x0b}
	ip4A = net.IPv4(10, 0, 0, 1)
	ip4B = net.IPv4(10, 0, 0, 2)
	ip6A = net.ParseIP("2001:db8::1")
	ip6B = net.ParseIP("2001:db8::2")
)

// generator collects packets and the first error.
type generator struct {
	packets [][]byte
	err     error
}

// add serializes a stack of layers, checksums and lengths filled in, and returns the bytes for callers that go on to damage them.
func (g *generator) add(stack ...gopacket.SerializableLayer) []byte {
	buf := gopacket.NewSerializeBuffer()
	opts := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(buf, opts, stack...); err != nil && g.err == nil {
		g.err = fmt.Errorf("packet %d: %w", len(g.packets), err)
	}
	p := append([]byte(nil), buf.Bytes()...)
	g.packets = append(g.packets, p)
	return p
}

// cut shortens the last packet to n bytes.
func (g *generator) cut(n int) {
	last := len(g.packets) - 1
	g.packets[last] = g.packets[last][:n]
}

func eth(typ layers.EthernetType) *layers.Ethernet {
	return &layers.Ethernet{SrcMAC: macA, DstMAC: macB, EthernetType: typ}
}

func ip4(proto layers.IPProtocol) *layers.IPv4 {
	return &layers.IPv4{Version: 4, IHL: 5, TTL: 64, Id: 0x1234, Protocol: proto, SrcIP: ip4A, DstIP: ip4B}
}

func ip6(next layers.IPProtocol) *layers.IPv6 {
	return &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: next, SrcIP: ip6A, DstIP: ip6B}
}

func tcp(under gopacket.NetworkLayer, dst int, seq uint32) *layers.TCP {
	t := &layers.TCP{SrcPort: 40000, DstPort: layers.TCPPort(dst), Seq: seq, Window: 65535}
	_ = t.SetNetworkLayerForChecksum(under) // fails only for layers that are not IP
	return t
}

func udp(under gopacket.NetworkLayer, dst int) *layers.UDP {
	u := &layers.UDP{SrcPort: 50000, DstPort: layers.UDPPort(dst)}
	_ = u.SetNetworkLayerForChecksum(under)
	return u
}

func text(n int) gopacket.Payload {
	const words = "the quick brown fox jumps over the lazy dog "
	p := make([]byte, n)
	for i := range p {
		p[i] = words[i%len(words)]
	}
	return p
}

// plain is traffic over IPv4: ARP, a TCP conversation, UDP, ICMP and a protocol that nothing serves.
func (g *generator) plain() {
	g.add(eth(layers.EthernetTypeARP), &layers.ARP{
		AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4, HwAddressSize: 6, ProtAddressSize: 4,
		Operation: layers.ARPRequest, SourceHwAddress: macA, SourceProtAddress: ip4A.To4(),
		DstHwAddress: make([]byte, 6), DstProtAddress: ip4B.To4()})
	for i := range 12 {
		ip := ip4(layers.IPProtocolTCP)
		t := tcp(ip, 80, uint32(1000+i*100))
		t.SYN, t.FIN, t.ACK = i == 0, i == 11, i != 0
		if i == 0 {
			t.Options = []layers.TCPOption{{OptionType: layers.TCPOptionKindMSS, OptionLength: 4, OptionData: []byte{5, 180}}}
		}
		g.add(eth(layers.EthernetTypeIPv4), ip, t, text(i*40))
	}
	reset := ip4(layers.IPProtocolTCP)
	t := tcp(reset, 22, 7)
	t.RST = true
	g.add(eth(layers.EthernetTypeIPv4), reset, t)
	for i := range 8 {
		ip := ip4(layers.IPProtocolUDP)
		g.add(eth(layers.EthernetTypeIPv4), ip, udp(ip, 5353+i), text(10+i))
	}
	for i := range 3 {
		g.add(eth(layers.EthernetTypeIPv4), ip4(layers.IPProtocolICMPv4),
			&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(layers.ICMPv4TypeEchoRequest, 0), Id: 1, Seq: uint16(i)}, text(32))
	}
	g.add(eth(layers.EthernetTypeIPv4), ip4(layers.IPProtocolGRE), text(24))
	g.add(eth(layers.EthernetTypeLinkLayerDiscovery), text(46))
}

// tagged is traffic with one VLAN tag, with two (QinQ), with 32, the most that leave a tail call for the IP header, and with more.
func (g *generator) tagged() {
	for i := range 5 {
		ip := ip4(layers.IPProtocolUDP)
		g.add(eth(layers.EthernetTypeDot1Q), tag(uint16(100+i), layers.EthernetTypeIPv4), ip, udp(ip, 123), text(48))
	}
	ip := ip6(layers.IPProtocolTCP)
	g.add(eth(layers.EthernetTypeDot1Q), tag(7, layers.EthernetTypeIPv6), ip, tcp(ip, 443, 1), text(20))
	g.stacked(2)
	g.stacked(31) // 31 tags, IPv4 and UDP: exactly 33 tail calls
	g.stacked(32) // the count is spent when UDP's turn comes
	g.stacked(33) // and here when IPv4's turn comes
	g.stacked(40)
}

func (g *generator) stacked(n int) {
	stack := []gopacket.SerializableLayer{eth(layers.EthernetTypeQinQ)}
	for i := range n - 1 {
		stack = append(stack, tag(uint16(i+1), layers.EthernetTypeDot1Q))
	}
	ip := ip4(layers.IPProtocolUDP)
	g.add(append(stack, tag(uint16(n), layers.EthernetTypeIPv4), ip, udp(ip, 4789), text(16))...)
}

func tag(id uint16, next layers.EthernetType) *layers.Dot1Q {
	return &layers.Dot1Q{Priority: uint8(id & 7), VLANIdentifier: id, Type: next}
}

func (g *generator) ipv6() {
	for i := range 6 {
		ip := ip6(layers.IPProtocolTCP)
		t := tcp(ip, 443, uint32(i))
		t.SYN, t.ACK = i == 0, i != 0
		g.add(eth(layers.EthernetTypeIPv6), ip, t, text(100+i))
	}
	for i := range 4 {
		ip := ip6(layers.IPProtocolUDP)
		g.add(eth(layers.EthernetTypeIPv6), ip, udp(ip, 53), text(30+i))
	}
	ping := ip6(layers.IPProtocolICMPv6)
	icmp := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(layers.ICMPv6TypeEchoRequest, 0)}
	_ = icmp.SetNetworkLayerForChecksum(ping)
	g.add(eth(layers.EthernetTypeIPv6), ping, icmp, &layers.ICMPv6Echo{Identifier: 1, SeqNumber: 1}, text(16))
	// Destination options (17 is UDP), then the same behind a fragment header (44).
	ports := []byte{0xc3, 0x50, 0x00, 0x35, 0x00, 0x0c, 0, 0, 'd', 'a', 't', 'a'}
	g.add(eth(layers.EthernetTypeIPv6), ip6(layers.IPProtocolIPv6Destination), gopacket.Payload(append([]byte{17, 0, 1, 4, 0, 0, 0, 0}, ports...)))
	g.add(eth(layers.EthernetTypeIPv6), ip6(layers.IPProtocolIPv6HopByHop),
		gopacket.Payload(append([]byte{60, 0, 1, 4, 0, 0, 0, 0, 17, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, ports...)))
	g.add(eth(layers.EthernetTypeIPv6), ip6(layers.IPProtocolIPv6Fragment), gopacket.Payload(append([]byte{17, 0, 0, 1, 0, 0, 0, 9}, ports...)))
}

// rewritten is traffic that the programs answer or throw away, and times to live around the edge.
func (g *generator) rewritten() {
	for i := range 4 {
		ip := ip4(layers.IPProtocolUDP)
		g.add(eth(layers.EthernetTypeIPv4), ip, udp(ip, 7), text(12+i)) // echo
	}
	v6 := ip6(layers.IPProtocolUDP)
	g.add(eth(layers.EthernetTypeIPv6), v6, udp(v6, 7), text(9))
	for range 2 {
		ip := ip4(layers.IPProtocolUDP)
		g.add(eth(layers.EthernetTypeIPv4), ip, udp(ip, 9), text(5)) // discard
	}
	for _, ttl := range []uint8{0, 1, 2, 255} {
		ip := ip4(layers.IPProtocolTCP)
		ip.TTL = ttl
		g.add(eth(layers.EthernetTypeIPv4), ip, tcp(ip, 80, 1), text(6))
	}
	hop := ip6(layers.IPProtocolTCP)
	hop.HopLimit = 1
	g.add(eth(layers.EthernetTypeIPv6), hop, tcp(hop, 80, 1))
	// An identification that makes the checksum 0xfeff, the one from which the update for a lower TTL carries.
	carry := ip4(layers.IPProtocolUDP)
	carry.Id = 0x67c7
	g.add(eth(layers.EthernetTypeIPv4), carry, udp(carry, 99), text(8))
}

func (g *generator) fragments() {
	first := ip4(layers.IPProtocolUDP)
	first.Flags = layers.IPv4MoreFragments
	g.add(eth(layers.EthernetTypeIPv4), first, text(64))
	rest := ip4(layers.IPProtocolUDP)
	rest.FragOffset = 8
	g.add(eth(layers.EthernetTypeIPv4), rest, text(32))
	whole := ip4(layers.IPProtocolUDP)
	whole.Flags = layers.IPv4DontFragment
	g.add(eth(layers.EthernetTypeIPv4), whole, udp(whole, 1000), text(4))
}

// broken is what a parser must survive. No packet is shorter than an Ethernet header, which is the least that Linux's test run takes.
func (g *generator) broken() {
	ip := ip4(layers.IPProtocolTCP)
	for _, n := range []int{14, 15, 33, 34, 44, 53} {
		g.add(eth(layers.EthernetTypeIPv4), ip, tcp(ip, 80, 1), text(4))
		g.cut(n)
	}
	v6 := ip6(layers.IPProtocolUDP)
	for _, n := range []int{14, 53, 54, 60} {
		g.add(eth(layers.EthernetTypeIPv6), v6, udp(v6, 53), text(4))
		g.cut(n)
	}
	g.add(eth(layers.EthernetTypeDot1Q), tag(1, layers.EthernetTypeIPv4), text(30))
	g.cut(16)
	const ipHeader = 14
	damage := []struct {
		at int
		to byte
	}{
		{0, 0x55},            // version 5
		{0, 0x44},            // header length 16
		{0, 0x4f},            // header length 60, past the total length
		{2, 0xff},            // total length beyond the packet
		{20 + 12, 0x40},      // TCP header length 16
		{9, 0x84 /* SCTP */}, // a protocol beyond the program array
		{0, 0x46},            // header length 24: the TCP header is read 4 bytes on
	}
	for _, d := range damage {
		p := g.add(eth(layers.EthernetTypeIPv4), ip, tcp(ip, 80, 1), text(4))
		p[ipHeader+d.at] = d.to
	}
	u := ip4(layers.IPProtocolUDP)
	p := g.add(eth(layers.EthernetTypeIPv4), u, udp(u, 80), text(4))
	p[ipHeader+20+5] = 7 // UDP length below its header's
	p = g.add(eth(layers.EthernetTypeIPv6), v6, udp(v6, 53), text(4))
	p[ipHeader] = 0x45
}
