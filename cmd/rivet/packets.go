package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
)

// capture is an open capture file.
type capture struct {
	name     string
	file     *os.File
	size     int64
	read     *counter
	src      gopacket.PacketDataSource
	linkType layers.LinkType
	n        int
}

// counter counts the bytes that pass.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// pcapngMagic begins a pcapng file: the type of a section header block.
const pcapngMagic = 0x0a0d0d0a

// openCapture opens a pcap or pcapng file.
func openCapture(name string) (c *capture, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	c = &capture{name: name, file: f, read: &counter{r: f}}
	if st, err := f.Stat(); err == nil {
		c.size = st.Size()
	}
	r := bufio.NewReaderSize(c.read, 1<<16)
	magic, err := r.Peek(4)
	if err != nil {
		return nil, fmt.Errorf("%s is no capture: too short for a pcap or pcapng header", name)
	}
	if binary.LittleEndian.Uint32(magic) == pcapngMagic {
		ng, err := pcapgo.NewNgReader(r, pcapgo.DefaultNgReaderOptions)
		if err != nil {
			return nil, fmt.Errorf("%s: cannot read as pcapng: %w", name, err)
		}
		c.src, c.linkType = ng, ng.LinkType()
		return c, nil
	}
	pcap, err := pcapgo.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("%s is neither pcap nor pcapng: %w", name, err)
	}
	c.src, c.linkType = pcap, pcap.LinkType()
	return c, nil
}

func (c *capture) Close() error { return c.file.Close() }

// next returns the next packet; io.EOF after the last.
func (c *capture) next() ([]byte, gopacket.CaptureInfo, error) {
	data, ci, err := c.src.ReadPacketData()
	if err == nil {
		c.n++
		return data, ci, nil
	}
	if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, ci, io.EOF
	}
	return nil, ci, fmt.Errorf("%s: packet %d: %w%s", c.name, c.n+1, err, cutOff(err))
}

// captureWriter writes packets to a capture: pcapng when the name says so, pcap otherwise.
type captureWriter struct {
	pcap *pcapgo.Writer
	ng   *pcapgo.NgWriter
}

func newCaptureWriter(w io.Writer, name string, link layers.LinkType) (*captureWriter, error) {
	if strings.HasSuffix(name, ".pcapng") {
		ng, err := pcapgo.NewNgWriter(w, link)
		return &captureWriter{ng: ng}, err
	}
	pcap := pcapgo.NewWriterNanos(w)
	return &captureWriter{pcap: pcap}, pcap.WriteFileHeader(1<<18, link)
}

func (w *captureWriter) write(ci gopacket.CaptureInfo, data []byte) error {
	// What the capture had cut off is still missing; what the program added is there.
	missing := max(0, ci.Length-ci.CaptureLength)
	ci.CaptureLength, ci.Length = len(data), len(data)+missing
	if w.ng != nil {
		ci.InterfaceIndex = 0
		return w.ng.WritePacket(ci, data)
	}
	return w.pcap.WritePacket(ci, data)
}

func (w *captureWriter) flush() error {
	if w.ng != nil {
		return w.ng.Flush()
	}
	return nil
}

// decode takes a packet apart as far as it can be.
func decode(data []byte, link layers.LinkType) gopacket.Packet {
	return gopacket.NewPacket(data, link, gopacket.DecodeOptions{Lazy: true, NoCopy: true})
}

// summary says in one line who talks to whom.
func summary(p gopacket.Packet) string {
	var from, to, what string
	var tags []string
	for _, l := range p.Layers() {
		switch l := l.(type) {
		case *layers.Ethernet:
			from, to, what = l.SrcMAC.String(), l.DstMAC.String(), etherType(l.EthernetType)
		case *layers.Dot1Q:
			tags = append(tags, fmt.Sprintf("vlan %d", l.VLANIdentifier))
			what = etherType(l.Type)
		case *layers.ARP:
			what = "ARP"
		case *layers.IPv4:
			if l.DstIP == nil {
				what = "IPv4, malformed"
				continue
			}
			from, to, what = l.SrcIP.String(), l.DstIP.String(), ipProtocol(l.Protocol)
		case *layers.IPv6:
			if l.DstIP == nil {
				what = "IPv6, malformed"
				continue
			}
			from, to, what = "["+l.SrcIP.String()+"]", "["+l.DstIP.String()+"]", ipProtocol(l.NextHeader)
		case *layers.TCP:
			from, to = fmt.Sprintf("%s:%d", from, l.SrcPort), fmt.Sprintf("%s:%d", to, l.DstPort)
			what = strings.TrimSpace("TCP " + tcpFlags(l))
		case *layers.UDP:
			from, to, what = fmt.Sprintf("%s:%d", from, l.SrcPort), fmt.Sprintf("%s:%d", to, l.DstPort), "UDP"
		case *layers.ICMPv4:
			what = "ICMP " + l.TypeCode.String()
		case *layers.ICMPv6:
			what = "ICMPv6 " + l.TypeCode.String()
		}
	}
	if from == "" {
		return "no header that is known"
	}
	return strings.Join(append(tags, from+" → "+to, what), " ")
}

// etherType names a protocol above Ethernet; one without a name is a number.
func etherType(t layers.EthernetType) string {
	if s := t.String(); !strings.HasPrefix(s, "Unknown") {
		return s
	}
	return fmt.Sprintf("ethertype %#04x", uint16(t))
}

func ipProtocol(p layers.IPProtocol) string {
	if s := p.String(); !strings.HasPrefix(s, "Unknown") {
		return s
	}
	return fmt.Sprintf("protocol %d", uint8(p))
}

func tcpFlags(t *layers.TCP) string {
	var flags []string
	for _, f := range []struct {
		on   bool
		name string
	}{{t.SYN, "SYN"}, {t.FIN, "FIN"}, {t.RST, "RST"}, {t.PSH, "PSH"}, {t.ACK, "ACK"}, {t.URG, "URG"}, {t.ECE, "ECE"}, {t.CWR, "CWR"}} {
		if f.on {
			flags = append(flags, f.name)
		}
	}
	return strings.Join(flags, ",")
}
