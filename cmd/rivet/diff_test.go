package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/rivetbpf/rivet/internal/progctx"
	"github.com/rivetbpf/rivet/internal/verdict"
)

// two makes a differ whose sides gave these packets and returned these values.
func two(before, a, b []byte, retA, retB uint32) (*differ, []diffRow) {
	d := &differ{app: &app{out: &bytes.Buffer{}}, flags: &diffFlags{}, typ: "XDP", layout: progctx.For("XDP")}
	var results []outcome
	for i, p := range [][]byte{a, b} {
		d.sides = append(d.sides, &side{sideInfo: sideInfo{Name: string(rune('a' + i))}})
		ret := []uint32{retA, retB}[i]
		results = append(results, outcome{Ret: ret, Verdict: verdict.Name("XDP", uint64(ret)), packet: p})
	}
	return d, d.packetRows(before, results, []field{{"eth.dst", 0, 6}})
}

func TestPacketRows(t *testing.T) {
	in := []byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}
	with := func(at int, v ...byte) []byte {
		p := bytes.Clone(in)
		copy(p[at:], v)
		return p
	}
	for _, test := range []struct {
		name string
		a, b []byte
		want string
	}{
		{"untouched", in, in, "return XDP_DROP (1) XDP_DROP (1)"},
		{"both changed a field", with(3, 9), with(3, 9), "0x0000 eth.dst was 00 01 02 03 04 05 00 01 02 09 04 05 00 01 02 09 04 05"},
		{"one changed bytes", with(7, 0xaa, 0xbb), in, "≠ 0x0007 was 07 08 aa bb 07 08"},
		{"one is shorter", in[:8], in, "≠ length 8 10\n≠ 0x0008 none 08 09"},
		{"one is longer", append(bytes.Clone(in), 1), in, "≠ length 11 10\n≠ 0x000a 01 none"},
		{"both moved", in[2:], in[2:], "length 8 8"},
	} {
		_, rows := two(in, test.a, test.b, 1, 1)
		var b strings.Builder
		for _, r := range rows {
			if r.differs() {
				b.WriteString("≠ ")
			}
			b.WriteString(r.label + " " + r.cells[0].text + " " + r.cells[1].text + "\n")
		}
		if got := strings.TrimPrefix(b.String(), "return XDP_DROP (1) XDP_DROP (1)\n"); strings.TrimSpace(got) != test.want && strings.TrimSpace(b.String()) != test.want {
			t.Errorf("%s:\n%s\nwant\n%s", test.name, b.String(), test.want)
		}
	}
}

// The upper half of R0 counts between engines; the kernel does not tell it.
func TestUpperHalf(t *testing.T) {
	d := &differ{app: &app{}, layout: progctx.For("XDP")}
	x, y := uint64(1), uint64(1<<32+1)
	rows := d.packetRows(nil, []outcome{{Verdict: "1", Ret: 1, R0: &x}, {Verdict: "1", Ret: 1, silent: true}, {Verdict: "1", Ret: 1, R0: &y}}, nil)
	if len(rows) != 2 || rows[0].differs() || !rows[1].differs() || rows[1].label != "r0" || !rows[1].cells[1].unknown {
		t.Errorf("%+v", rows)
	}
}

func TestFirstDifferenceIsMarkedOnce(t *testing.T) {
	d, rows := two(make([]byte, 4), []byte{1, 0, 0, 0}, []byte{0, 0, 0, 0}, 1, 2)
	d.shown = []diffPacket{{Number: 1, rows: rows}, {Number: 2, rows: rows}}
	d.report.Count, d.report.Different = 2, 2
	d.flags.pcap = "x"
	for _, r := range rows {
		d.first(1, r)
	}
	if err := d.write(); err != nil {
		t.Fatal(err)
	}
	out := d.out.(*bytes.Buffer).String()
	if strings.Count(out, "← first difference") != 1 || !strings.Contains(out, "≠ return") ||
		!strings.HasSuffix(out, "different: first in packet 1, return: a XDP_DROP (1), b XDP_PASS (2); 2 of 2 packets differ\n") {
		t.Error(out)
	}
}

func TestMapRows(t *testing.T) {
	for _, test := range []struct{ name, a, b, want string }{
		{"section", `{"x":1,"y":[1,2]}`, `{"x":1,"y":[1,3]}`, "m x 1 1\n≠ m y[1] 2 3"},
		{"entries", `[{"key":1,"value":{"n":5,"s":{"t":"a"}}}]`, `[{"key":1,"value":{"n":5,"s":{"t":"b"}}}]`, `≠ m[1].s.t "a" "b"`},
		{"order", `[{"key":1,"value":5},{"key":2,"value":6}]`, `[{"key":2,"value":6},{"key":1,"value":5}]`, "m[1] 5 5\nm[2] 6 6"},
		{"absent", `[]`, `[{"key":{"a":1},"value":5}]`, `≠ m[{"a": 1}] none 5`},
		{"kinds", `[{"key":1,"value":[]}]`, `[{"key":1,"value":{}}]`, "≠ m[1] [] {}"},
		{"unknown", `[{"key":1,"value":5}]`, "", "m[1] 5 none"},
	} {
		values := []json.RawMessage{json.RawMessage(test.a), nil}
		if test.b != "" {
			values[1] = json.RawMessage(test.b)
		}
		rows, err := mapRows("m", values)
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		for _, r := range rows {
			if r.differs() {
				b.WriteString("≠ ")
			}
			b.WriteString(r.label + " " + r.cells[0].text + " " + r.cells[1].text + "\n")
		}
		if got := strings.TrimSpace(b.String()); got != test.want {
			t.Errorf("%s:\n%s\nwant\n%s", test.name, got, test.want)
		}
	}
}
