// Command gen writes the capture that the firewall example is run on. The packets and their timestamps are fixed, so
// the file is the same every time.
//
//	go run ./examples/firewall/gen examples/firewall/traffic.pcap
package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"slices"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
)

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

// packet is one of the capture, at a time from its start on.
type packet struct {
	at   time.Duration
	data []byte
}

// traffic collects packets and the first error.
type traffic struct {
	packets []packet
	err     error
}

func write(path string) error {
	t := &traffic{}
	t.honest()
	t.blocked()
	t.flood()
	t.scan()
	t.reflected()
	t.pings()
	t.broken()
	if t.err != nil {
		return t.err
	}
	slices.SortStableFunc(t.packets, func(a, b packet) int { return int(a.at - b.at) })
	var file bytes.Buffer
	w := pcapgo.NewWriterNanos(&file)
	if err := w.WriteFileHeader(65535, layers.LinkTypeEthernet); err != nil {
		return err
	}
	start := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	for i, p := range t.packets {
		ci := gopacket.CaptureInfo{Timestamp: start.Add(p.at), CaptureLength: len(p.data), Length: len(p.data)}
		if err := w.WritePacket(ci, p.data); err != nil {
			return fmt.Errorf("packet %d: %w", i, err)
		}
	}
	return os.WriteFile(path, file.Bytes(), 0o644)
}

func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

// add serializes layers behind Ethernet, checksums and lengths filled in.
func (t *traffic) add(at time.Duration, stack ...gopacket.SerializableLayer) {
	eth := &layers.Ethernet{SrcMAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, DstMAC: net.HardwareAddr{2, 0, 0, 0, 0, 2}, EthernetType: layers.EthernetTypeIPv4}
	switch stack[0].(type) {
	case *layers.IPv6:
		eth.EthernetType = layers.EthernetTypeIPv6
	case *layers.ARP:
		eth.EthernetType = layers.EthernetTypeARP
	}
	buf := gopacket.NewSerializeBuffer()
	opts := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(buf, opts, append([]gopacket.SerializableLayer{eth}, stack...)...); err != nil && t.err == nil {
		t.err = err
	}
	t.packets = append(t.packets, packet{at, slices.Clone(buf.Bytes())})
}

var (
	server4 = net.IP{192, 0, 2, 10}
	server6 = net.ParseIP("2001:db8::10")
)

func ip4(from string, protocol layers.IPProtocol) *layers.IPv4 {
	return &layers.IPv4{Version: 4, TTL: 60, Protocol: protocol, SrcIP: net.ParseIP(from).To4(), DstIP: server4}
}

func ip6(from string, next layers.IPProtocol) *layers.IPv6 {
	return &layers.IPv6{Version: 6, HopLimit: 60, NextHeader: next, SrcIP: net.ParseIP(from), DstIP: server6}
}

func tcp(under gopacket.NetworkLayer, port int, set func(*layers.TCP)) *layers.TCP {
	l := &layers.TCP{SrcPort: 40000, DstPort: layers.TCPPort(port), Window: 65535}
	set(l)
	_ = l.SetNetworkLayerForChecksum(under) // fails only for layers that are not IP
	return l
}

func udp(under gopacket.NetworkLayer, from, to int) *layers.UDP {
	l := &layers.UDP{SrcPort: layers.UDPPort(from), DstPort: layers.UDPPort(to)}
	_ = l.SetNetworkLayerForChecksum(under)
	return l
}

func syn(l *layers.TCP) { l.SYN = true }
func ack(l *layers.TCP) { l.ACK = true }

// honest is a visitor over each protocol, and neighbours that look for each other.
func (t *traffic) honest() {
	for i := range 40 {
		flags := ack
		if i == 0 {
			flags = syn
		}
		four, six := ip4("198.51.100.20", layers.IPProtocolTCP), ip6("2001:db8:1::20", layers.IPProtocolTCP)
		t.add(ms(90*i), four, tcp(four, 443, flags), gopacket.Payload("GET / HTTP/1.1\r\n"))
		t.add(ms(90*i+20), six, tcp(six, 443, flags), gopacket.Payload("GET / HTTP/1.1\r\n"))
	}
	for i := range 6 {
		dns := ip4("198.51.100.53", layers.IPProtocolUDP)
		t.add(ms(400*i+10), dns, udp(dns, 53, 33000), gopacket.Payload("an answer"))
		t.add(ms(600*i), &layers.ARP{AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4, HwAddressSize: 6, ProtAddressSize: 4,
			Operation: 1, SourceHwAddress: make([]byte, 6), SourceProtAddress: server4, DstHwAddress: make([]byte, 6), DstProtAddress: server4})
	}
}

// blocked is what the list of ranges is for.
func (t *traffic) blocked() {
	for i := range 5 {
		four := ip4(fmt.Sprintf("203.0.113.%d", 10+i), layers.IPProtocolTCP)
		t.add(ms(300+500*i), four, tcp(four, 22, syn))
	}
	for i := range 3 {
		six := ip6(fmt.Sprintf("2001:db8:bad::%d", i+1), layers.IPProtocolTCP)
		t.add(ms(650+700*i), six, tcp(six, 25, syn))
	}
	four := ip4("198.51.100.7", layers.IPProtocolUDP)
	t.add(ms(1500), four, udp(four, 5060, 5060), gopacket.Payload("OPTIONS sip:"))
}

// flood is one source that sends 60 packets in 120 ms, and 4 more when it has calmed down.
func (t *traffic) flood() {
	for i := range 64 {
		at := ms(1000 + 2*i)
		if i >= 60 {
			at = ms(2500 + 100*(i-60))
		}
		four := ip4("192.0.2.66", layers.IPProtocolUDP)
		t.add(at, four, udp(four, 6000, 9999), gopacket.Payload(make([]byte, 200)))
	}
}

// scan has flags that no connection has.
func (t *traffic) scan() {
	for i, flags := range []func(*layers.TCP){
		func(l *layers.TCP) {},
		func(l *layers.TCP) { l.FIN, l.PSH, l.URG = true, true, true },
		func(l *layers.TCP) { l.SYN, l.FIN = true, true },
		func(l *layers.TCP) { l.SYN, l.RST = true, true },
	} {
		four := ip4("198.51.100.99", layers.IPProtocolTCP)
		t.add(ms(1800+30*i), four, tcp(four, 80+i, flags))
	}
}

// reflected are answers to questions that nobody asked.
func (t *traffic) reflected() {
	for i, port := range []int{11211, 1900, 389} {
		four := ip4(fmt.Sprintf("198.51.100.%d", 150+i), layers.IPProtocolUDP)
		t.add(ms(2200+40*i), four, udp(four, port, 33000), gopacket.Payload(make([]byte, 1300)))
	}
	six := ip6("2001:db8:2::19", layers.IPProtocolUDP)
	t.add(ms(2330), six, udp(six, 19, 33000), gopacket.Payload(make([]byte, 900)))
}

func (t *traffic) pings() {
	for i, size := range []int{56, 56, 1400} {
		echo := &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(layers.ICMPv4TypeEchoRequest, 0), Id: 1, Seq: uint16(i)}
		t.add(ms(2700+100*i), ip4("198.51.100.30", layers.IPProtocolICMPv4), echo, gopacket.Payload(make([]byte, size)))
	}
}

// broken are packets that end too early, and a fragment, which has no transport header.
func (t *traffic) broken() {
	four := ip4("198.51.100.40", layers.IPProtocolTCP)
	for i, n := range []int{12, 30, 40} {
		t.add(ms(3000+50*i), four, tcp(four, 80, syn))
		p := &t.packets[len(t.packets)-1]
		p.data = p.data[:n]
	}
	rest := ip4("198.51.100.41", layers.IPProtocolUDP)
	rest.FragOffset = 100
	t.add(ms(3200), rest, gopacket.Payload("the rest of a datagram"))
}
