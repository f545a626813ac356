package main

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/gopacket/gopacket/layers"

	"github.com/rivetbpf/rivet/internal/verdict"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const (
	ether = "020000000001 020000000002 "
	ipv4  = "4500 0032 1234 4000 4006 54dd 0a010203 c0a80709 "
	tcp   = "1f90 c351 01020304 05060708 5018 ffff abcd 0000 "
)

func TestSummary(t *testing.T) {
	for in, want := range map[string]string{
		"":                  "no header that is known",
		"0102":              "no header that is known",
		ether + "0806 0001": "02:00:00:00:00:02 → 02:00:00:00:00:01 ARP",
		ether + "88b5 00":   "02:00:00:00:00:02 → 02:00:00:00:00:01 ethertype 0x88b5",
		ether + "0800 45":   "02:00:00:00:00:02 → 02:00:00:00:00:01 IPv4, malformed",
		ether + "0800" + ipv4 + tcp + "474554202f61": "10.1.2.3:8080 → 192.168.7.9:50001 TCP PSH,ACK",
		ether + "8100 0005 0800" + ipv4 + tcp:        "vlan 5 10.1.2.3:8080 → 192.168.7.9:50001 TCP PSH,ACK",
	} {
		if got := summary(decode(unhex(t, in), layers.LinkTypeEthernet)); got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
}

func TestChanges(t *testing.T) {
	packet := ether + "0800" + ipv4 + tcp
	fields := fieldsOf(decode(unhex(t, packet), layers.LinkTypeEthernet))
	for name, c := range map[string]struct {
		before, after string
		want          []change
		lines         []string
	}{
		"nothing": {packet, packet, nil, nil},
		"fields are shown whole": {packet, strings.NewReplacer("4006 54dd", "3f06 55dd", "c0a80709", "c0a80809").Replace(packet),
			[]change{{22, "40", "3f", "ipv4.ttl"}, {24, "54", "55", "ipv4.checksum"}, {32, "07", "08", "ipv4.dst"}},
			[]string{"0x0016 ipv4.ttl 40 → 3f   0x0018 ipv4.checksum 54 dd → 55 dd", "0x001e ipv4.dst c0 a8 07 09 → c0 a8 08 09"}},
		"across two fields": {packet, strings.Replace(packet, "54dd 0a010203", "54ff ff010203", 1),
			[]change{{25, "dd0a", "ffff", "ipv4.checksum"}}, []string{"0x0018 ipv4.checksum 54 dd 0a 01 02 03 → 54 ff ff 01 02 03"}},
		"two bytes of one field": {packet, strings.Replace(packet, "0a010203", "0b010204", 1),
			[]change{{26, "0a", "0b", "ipv4.src"}, {29, "03", "04", "ipv4.src"}}, []string{"0x001a ipv4.src 0a 01 02 03 → 0b 01 02 04"}},
		"longer":    {"0102030405", "01020909030405", []change{{2, "", "0909", ""}}, []string{"0x0002 nothing → 09 09"}},
		"shorter":   {"0101010101", "010101", []change{{3, "0101", "", ""}}, []string{"0x0003 01 01 → nothing"}},
		"no header": {"0102", "0103", []change{{1, "02", "03", ""}}, []string{"0x0001 02 → 03"}},
	} {
		f := fields
		if !strings.HasPrefix(c.before, ether) {
			f = nil
		}
		before, after := unhex(t, c.before), unhex(t, c.after)
		got := changes(before, after, f)
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: (-want +got)\n%s", name, d)
		}
		if d := cmp.Diff(c.lines, describe(got, before, after, f)); d != "" {
			t.Errorf("%s: (-want +got)\n%s", name, d)
		}
	}
}

func TestVerdict(t *testing.T) {
	for _, c := range []struct {
		kind    string
		r0      uint64
		want    string
		dropped bool
	}{
		{"XDP", 2, "XDP_PASS", false}, {"XDP", 0, "XDP_ABORTED", true}, {"XDP", 77, "77", true},
		{"XDP", 0xffff_ffff, "-1", true}, {"XDP", 3<<32 | 3, "XDP_TX", false},
		{"SchedCLS", 0xffff_ffff, "TC_ACT_UNSPEC", false}, {"SchedACT", 2, "TC_ACT_SHOT", true},
		{"SocketFilter", 0, "0", true}, {"SocketFilter", 64, "64", false},
		{"CGroupSKB", 0, "0", true}, {"TracePoint", 5, "5", false}, {"Netfilter", 1, "NF_ACCEPT", false},
	} {
		if got := verdict.Name(c.kind, c.r0); got != c.want {
			t.Errorf("verdict(%s, %#x) = %s, want %s", c.kind, c.r0, got, c.want)
		}
		if got := verdict.Dropped(c.kind, c.r0); got != c.dropped {
			t.Errorf("dropped(%s, %#x) = %v", c.kind, c.r0, got)
		}
	}
}

func FuzzSummary(f *testing.F) {
	f.Add([]byte("\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02\x08\x00\x45"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p := decode(b, layers.LinkTypeEthernet)
		fields := fieldsOf(p)
		if summary(p) == "" {
			t.Error("no summary")
		}
		after := append([]byte{}, b...)
		for i := range after {
			after[i] ^= byte(i % 3)
		}
		describe(changes(b, after, fields), b, after, fields)
	})
}
