package main

import (
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/gopacket/gopacket"
)

// change is a run of bytes that a program changed.
type change struct {
	Offset int    `json:"offset"`
	Old    string `json:"old"` // hex
	New    string `json:"new"`
	Field  string `json:"field,omitempty"` // the header field that the first byte belongs to
}

// changes compares a packet before and after. Where the length stayed, every
// run of different bytes is one change; where it did not, one change stands
// for everything between the common beginning and the common end.
func changes(before, after []byte, fields []field) []change {
	if len(before) != len(after) {
		shorter := min(len(before), len(after))
		from, tail := 0, 0
		for from < shorter && before[from] == after[from] {
			from++
		}
		for tail < shorter-from && before[len(before)-1-tail] == after[len(after)-1-tail] {
			tail++
		}
		return []change{newChange(from, before[from:len(before)-tail], after[from:len(after)-tail], fields)}
	}
	var list []change
	for i := 0; i < len(before); i++ {
		if before[i] == after[i] {
			continue
		}
		from := i
		for i < len(before) && before[i] != after[i] {
			i++
		}
		list = append(list, newChange(from, before[from:i], after[from:i], fields))
	}
	return list
}

func newChange(at int, before, after []byte, fields []field) change {
	c := change{Offset: at, Old: hex.EncodeToString(before), New: hex.EncodeToString(after)}
	if f, ok := fieldAt(fields, at); ok {
		c.Field = f.name
	}
	return c
}

// describe writes changes for people, several on a line. A change within a
// header field is shown as what became of the whole field.
func describe(list []change, before, after []byte, fields []field) []string {
	const width = 100
	var lines []string
	line, done := "", 0
	for _, c := range list {
		from, was, is := c.Offset, c.Old, c.New
		if len(before) == len(after) {
			end := from + len(was)/2
			if from = max(from, done); from >= end {
				continue // shown with the field before it
			}
			if f, ok := fieldAt(fields, end-1); ok {
				end = min(f.end, len(before))
			}
			if f, ok := fieldAt(fields, from); ok {
				from = max(f.start, done)
			}
			done = end
			was, is = hex.EncodeToString(before[from:end]), hex.EncodeToString(after[from:end])
		}
		s := fmt.Sprintf("%#04x %s → %s", from, spaced(was), spaced(is))
		if c.Field != "" {
			s = fmt.Sprintf("%#04x %s %s → %s", from, c.Field, spaced(was), spaced(is))
		}
		if line != "" && utf8.RuneCountInString(line+s) > width {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += "   "
		}
		line += s
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

// maxChangeBytes is how many bytes of a change are printed.
const maxChangeBytes = 24

func spaced(h string) string {
	if h == "" {
		return "nothing"
	}
	cut := ""
	if len(h) > 2*maxChangeBytes {
		cut = fmt.Sprintf(" … (%d bytes)", len(h)/2)
		h = h[:2*maxChangeBytes]
	}
	var b strings.Builder
	for i := 0; i < len(h); i += 2 {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(h[i : i+2])
	}
	return b.String() + cut
}

// field is a header field of a packet.
type field struct {
	name       string
	start, end int
}

// layouts are the fixed fields of headers: name and first byte of each, up to
// the length of the header without options.
var layouts = map[string]struct {
	short  string
	length int
	fields []field
}{
	"Ethernet": {"eth", 14, []field{{"dst", 0, 6}, {"src", 6, 12}, {"type", 12, 14}}},
	"Dot1Q":    {"vlan", 4, []field{{"tci", 0, 2}, {"type", 2, 4}}},
	"IPv4": {"ipv4", 20, []field{{"ihl", 0, 1}, {"tos", 1, 2}, {"length", 2, 4}, {"id", 4, 6}, {"fragment", 6, 8},
		{"ttl", 8, 9}, {"protocol", 9, 10}, {"checksum", 10, 12}, {"src", 12, 16}, {"dst", 16, 20}}},
	"IPv6": {"ipv6", 40, []field{{"flow", 0, 4}, {"length", 4, 6}, {"next", 6, 7}, {"hops", 7, 8}, {"src", 8, 24}, {"dst", 24, 40}}},
	"TCP": {"tcp", 20, []field{{"sport", 0, 2}, {"dport", 2, 4}, {"seq", 4, 8}, {"ack", 8, 12}, {"offset", 12, 13},
		{"flags", 13, 14}, {"window", 14, 16}, {"checksum", 16, 18}, {"urgent", 18, 20}}},
	"UDP":    {"udp", 8, []field{{"sport", 0, 2}, {"dport", 2, 4}, {"length", 4, 6}, {"checksum", 6, 8}}},
	"ICMPv4": {"icmp", 4, []field{{"type", 0, 1}, {"code", 1, 2}, {"checksum", 2, 4}}},
	"ICMPv6": {"icmp6", 4, []field{{"type", 0, 1}, {"code", 1, 2}, {"checksum", 2, 4}}},
}

// fieldsOf lists the header fields of a packet that are known.
func fieldsOf(p gopacket.Packet) []field {
	var list []field
	at := 0
	for _, l := range p.Layers() {
		n := len(l.LayerContents())
		if h, ok := layouts[l.LayerType().String()]; ok && n >= h.length {
			for _, f := range h.fields {
				list = append(list, field{h.short + "." + f.name, at + f.start, at + f.end})
			}
		}
		at += n
	}
	return list
}

func fieldAt(fields []field, at int) (field, bool) {
	for _, f := range fields {
		if f.start <= at && at < f.end {
			return f, true
		}
	}
	return field{}, false
}
