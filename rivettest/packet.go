package rivettest

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

// Packet returns the bytes of a packet made of layers, with lengths and
// checksums filled in; Ethernet pads it to 60 bytes:
//
//	rivettest.Packet(t, &layers.Ethernet{…}, &layers.IPv4{…}, &layers.UDP{…}, gopacket.Payload("hello"))
func Packet(t testing.TB, stack ...gopacket.SerializableLayer) []byte {
	t.Helper()
	var network gopacket.NetworkLayer
	for _, l := range stack {
		if n, ok := l.(gopacket.NetworkLayer); ok {
			network = n
		}
		if s, ok := l.(interface {
			SetNetworkLayerForChecksum(gopacket.NetworkLayer) error
		}); ok && network != nil {
			if err := s.SetNetworkLayerForChecksum(network); err != nil {
				t.Fatal(err)
			}
		}
	}
	buf := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, stack...); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// DiffPackets says what differs between two Ethernet packets, layer by layer and
// field by field. What is wanted and not there begins with -, what is there and not wanted with +.
// Packets that are equal give the empty string.
func DiffPackets(want, got []byte) string {
	if bytes.Equal(want, got) {
		return ""
	}
	var d differ
	d.stacks(decode(want), decode(got))
	if len(want) != len(got) {
		d.line("-", "length: %d", len(want))
		d.line("+", "length: %d", len(got))
	}
	if d.String() == "" { // bytes that are no layer's field, such as padding
		d.bytes("bytes", want, got)
	}
	return d.String()
}

func decode(packet []byte) []gopacket.Layer {
	return gopacket.NewPacket(packet, layers.LayerTypeEthernet, gopacket.DecodeOptions{NoCopy: true}).Layers()
}

// describe gives a packet in one line.
func describe(packet []byte) string {
	if len(packet) == 0 {
		return "no packet"
	}
	var names []string
	for _, l := range decode(packet) {
		names = append(names, l.LayerType().String())
	}
	text := fmt.Sprintf("%d bytes, %s", len(packet), strings.Join(names, "/"))
	if n := gopacket.NewPacket(packet, layers.LayerTypeEthernet, gopacket.NoCopy).NetworkLayer(); n != nil {
		text += " " + n.NetworkFlow().String()
	}
	return text
}

// differ gathers lines.
type differ struct{ strings.Builder }

func (d *differ) line(sign, format string, args ...any) {
	fmt.Fprintf(d, "  %s %s\n", sign, fmt.Sprintf(format, args...))
}

// stacks pairs the layers at the front and at the back that are of one type, as a
// program may add or remove some between, and compares each pair.
func (d *differ) stacks(want, got []gopacket.Layer) {
	front := 0
	for front < min(len(want), len(got)) && want[front].LayerType() == got[front].LayerType() {
		front++
	}
	back := 0
	for back < min(len(want), len(got))-front && want[len(want)-1-back].LayerType() == got[len(got)-1-back].LayerType() {
		back++
	}
	for i := range front {
		d.layers(want[i], got[i])
	}
	for _, l := range want[front : len(want)-back] {
		d.line("-", "%s", gopacket.LayerString(l))
	}
	for _, l := range got[front : len(got)-back] {
		d.line("+", "%s", gopacket.LayerString(l))
	}
	for i := back; i > 0; i-- {
		d.layers(want[len(want)-i], got[len(got)-i])
	}
}

func (d *differ) layers(want, got gopacket.Layer) {
	if bytes.Equal(want.LayerContents(), got.LayerContents()) && want.LayerType() != gopacket.LayerTypeDecodeFailure {
		return
	}
	if len(got.LayerContents()) == 0 || len(want.LayerContents()) == 0 { // one is cut off
		d.line("-", "%s", gopacket.LayerString(want))
		d.line("+", "%s", gopacket.LayerString(got))
		return
	}
	before := d.Len()
	name := want.LayerType().String()
	w, g := reflect.Indirect(reflect.ValueOf(want)), reflect.Indirect(reflect.ValueOf(got))
	if w.Kind() == reflect.Struct && w.Type() == g.Type() {
		for i := range w.NumField() {
			f := w.Type().Field(i)
			if !f.IsExported() || f.Anonymous {
				continue
			}
			a, b := fmt.Sprint(w.Field(i)), fmt.Sprint(g.Field(i))
			if a != b {
				d.line("-", "%s.%s: %s", name, f.Name, a)
				d.line("+", "%s.%s: %s", name, f.Name, b)
			}
		}
	}
	if d.Len() == before {
		d.bytes(name, want.LayerContents(), got.LayerContents())
	}
}

// bytes shows sixteen bytes from the row of the first difference on.
func (d *differ) bytes(name string, want, got []byte) {
	at := 0
	for at < min(len(want), len(got)) && want[at] == got[at] {
		at++
	}
	if at == len(want) && at == len(got) {
		return
	}
	at &^= 15
	row := func(b []byte) string {
		return hex.EncodeToString(b[min(at, len(b)):min(at+16, len(b))])
	}
	d.line("-", "%s from byte %#x on: %s", name, at, row(want))
	d.line("+", "%s from byte %#x on: %s", name, at, row(got))
}
