package main

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// diffRow is one thing that all sides are asked for.
type diffRow struct {
	label string
	cells []diffCell // in the order of the sides
}

// diffCell is a side's answer.
type diffCell struct {
	text    string
	unknown bool // the side cannot tell
}

// differs tells whether two sides that can tell give different answers.
func (r *diffRow) differs() bool {
	known := ""
	have := false
	for _, c := range r.cells {
		switch {
		case c.unknown:
		case !have:
			known, have = c.text, true
		case c.text != known:
			return true
		}
	}
	return false
}

// rowReturn is the row of return values, never shortened.
const rowReturn = "return"

// packetRows are what sides made of a packet: return value, then the packet.
func (d *differ) packetRows(before []byte, results []outcome, fields []field) []diffRow {
	rows := []diffRow{gatherRow(rowReturn, results, func(o *outcome) diffCell { return diffCell{text: returned(o)} })}
	r0 := gatherRow("r0", results, func(o *outcome) diffCell {
		if o.R0 == nil && o.Fault == "" {
			return diffCell{unknown: true}
		}
		if o.R0 == nil {
			return diffCell{text: "none"}
		}
		return diffCell{text: fmt.Sprintf("%#x", *o.R0)}
	})
	if !rows[0].differs() && r0.differs() { // in the upper half
		rows = append(rows, r0)
	}
	if d.layout.Packet {
		rows = append(rows, bytesRows(before, results, fields)...)
	}
	return append(rows, printedRows(results)...)
}

func gatherRow(label string, results []outcome, cell func(*outcome) diffCell) diffRow {
	r := diffRow{label: label}
	for i := range results {
		r.cells = append(r.cells, cell(&results[i]))
	}
	return r
}

// returned is a run's end in a cell: the verdict, with its number where it has a name.
func returned(o *outcome) string {
	if o.Fault != "" {
		return o.fault
	}
	if n := strconv.Itoa(int(int32(o.Ret))); o.Verdict != n && o.Verdict != strconv.FormatUint(uint64(o.Ret), 10) {
		return o.Verdict + " (" + n + ")"
	}
	return o.Verdict
}

// maxCellBytes is how many bytes of the packet stand in one cell.
const maxCellBytes = 8

// bytesRows shows every byte of the packet that some side changed, header field
// by header field where those are known. When the packet has another length
// everything may have moved: then only what differs between the sides is shown.
func bytesRows(before []byte, results []outcome, fields []field) []diffRow {
	var rows []diffRow
	length := gatherRow("length", results, func(o *outcome) diffCell { return diffCell{text: strconv.Itoa(len(o.packet))} })
	moved := false
	longest := 0
	for _, o := range results {
		moved = moved || len(o.packet) != len(before)
		longest = max(longest, len(o.packet))
	}
	if moved {
		rows = append(rows, length)
	}
	shown := func(i int) bool {
		first, have := byteAt(results[0].packet, i)
		for _, o := range results {
			b, ok := byteAt(o.packet, i)
			if ok != have || b != first || !moved && b != before[i] {
				return true
			}
		}
		return false
	}
	for i := 0; i < longest; i++ {
		if !shown(i) {
			continue
		}
		from, to, label := i, i+1, ""
		if f, ok := fieldAt(fields, i); ok && !moved && f.end <= longest {
			from, to, label = f.start, f.end, " "+f.name
		} else {
			for to < longest && to-from < maxCellBytes && shown(to) {
				to++
			}
		}
		label = fmt.Sprintf("%#04x%s", from, label)
		if !moved {
			label += " was " + spaced(hex.EncodeToString(before[from:to]))
		}
		rows = append(rows, gatherRow(label, results, func(o *outcome) diffCell { return diffCell{text: bytesText(o.packet, from, to)} }))
		i = to - 1
	}
	return rows
}

func byteAt(p []byte, i int) (b byte, ok bool) {
	if i < len(p) {
		return p[i], true
	}
	return 0, false
}

func bytesText(p []byte, from, to int) string {
	if from >= len(p) {
		return "none"
	}
	return spaced(hex.EncodeToString(p[from:min(to, len(p))]))
}

// printedRows shows what programs printed, line by line.
func printedRows(results []outcome) []diffRow {
	var rows []diffRow
	for n := 0; ; n++ {
		any := false
		r := gatherRow(fmt.Sprintf("printk %d", n+1), results, func(o *outcome) diffCell {
			if o.silent {
				return diffCell{unknown: true}
			}
			lines := strings.SplitAfter(o.Printed, "\n")
			if n >= len(lines) || lines[n] == "" {
				return diffCell{text: "none"}
			}
			any = true
			return diffCell{text: strings.TrimRight(lines[n], "\n")}
		})
		if !any {
			return rows
		}
		rows = append(rows, r)
	}
}

// write prints the report for people.
func (d *differ) write() error {
	var b strings.Builder
	t := d.newTable()
	fmt.Fprintf(&b, "%s (%s), %s\n", d.report.Program, d.typ, d.versus())
	for _, p := range d.shown {
		b.WriteByte('\n')
		b.WriteString(strings.TrimRight(fmt.Sprintf("packet %d, %d bytes  %s", p.Number, p.Length, p.Packet), " ") + "\n")
		t.write(&b, p.rows, d.flags.pcap != "")
		for _, o := range p.Results {
			if o.Fault != "" {
				fmt.Fprintf(&b, "  %s: %s\n", o.Side, o.Fault)
			}
		}
	}
	if left := d.report.Different - len(d.shown); d.flags.pcap != "" && left > 0 {
		fmt.Fprintf(&b, "\n%d more packets differ\n", left)
	}
	if len(d.maps) > 0 {
		b.WriteString("\nmaps\n")
		t.write(&b, d.maps, false)
	}
	fmt.Fprintf(&b, "\n%s\n", d.verdict())
	_, err := d.out.Write([]byte(b.String()))
	return err
}

// versus names the sides with what belongs to them.
func (d *differ) versus() string {
	var list []string
	for _, s := range d.sides {
		text := s.Name
		switch {
		case s.March != "":
			text += " (" + s.March + ")"
		case s.Release != "":
			text += " (Linux " + s.Release + ")"
		}
		list = append(list, text)
	}
	text := strings.Join(list, ", ")
	if d.flags.tailCalls != "both" {
		text += "; tail calls " + d.flags.tailCalls
	}
	return text
}

// verdict is the last line.
func (d *differ) verdict() string {
	packets := "return value, packet"
	if d.flags.pcap != "" {
		packets = count(d.report.Count, "packet")
	}
	f := d.report.First
	if f == nil {
		return "equal: " + packets + " and " + count(len(d.report.Maps), "map")
	}
	var values []string
	for _, s := range d.sides {
		if v, ok := f.Values[s.Name]; ok {
			values = append(values, s.Name+" "+v)
		}
	}
	where := f.Where
	if f.Packet > 0 && d.flags.pcap != "" {
		where = fmt.Sprintf("packet %d, %s", f.Packet, where)
	}
	text := fmt.Sprintf("different: first in %s: %s", where, strings.Join(values, ", "))
	if d.flags.pcap != "" {
		text = fmt.Sprintf("%s; %d of %d packets differ", text, d.report.Different, d.report.Count)
	}
	return text
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// sideTable prints rows side by side.
type sideTable struct {
	names  []string
	color  bool
	marked *bool // the first difference has been
	label  int
	widths []int
}

// widest is how wide a cell may be when all sides agree.
const widest = 28

func (d *differ) newTable() *sideTable {
	t := &sideTable{color: colored(d.out), marked: new(bool)}
	for _, s := range d.sides {
		t.names = append(t.names, s.Name)
		t.widths = append(t.widths, len([]rune(s.Name)))
	}
	measure := func(rows []diffRow) {
		for _, r := range rows {
			t.label = max(t.label, len([]rune(r.label)))
			for i, c := range r.cells {
				t.widths[i] = max(t.widths[i], len([]rune(t.text(&r, c))))
			}
		}
	}
	for _, p := range d.shown {
		measure(p.rows)
	}
	measure(d.maps)
	return t
}

// text is what stands in a cell. What differs is there in full.
func (t *sideTable) text(r *diffRow, c diffCell) string {
	if c.unknown {
		return "·"
	}
	if text := []rune(c.text); len(text) > widest && r.label != rowReturn && !r.differs() {
		return string(text[:widest-1]) + "…"
	}
	return c.text
}

// maxEqual is how many rows in which all agree are shown of one kind.
const maxEqual = 24

// write prints rows under the names of the sides; only those that differ when that is asked for.
func (t *sideTable) write(b *strings.Builder, rows []diffRow, onlyDifferent bool) {
	t.line(b, "  ", "", t.names, "")
	equal := 0
	for _, r := range rows {
		cells := make([]string, len(r.cells))
		for i, c := range r.cells {
			cells[i] = t.text(&r, c)
		}
		if !r.differs() {
			if equal++; !onlyDifferent && equal <= maxEqual {
				t.line(b, "  ", r.label, cells, "")
			}
			continue
		}
		note := ""
		if !*t.marked {
			*t.marked, note = true, "← first difference"
		}
		t.line(b, "≠ ", r.label, cells, note)
	}
	if equal > maxEqual && !onlyDifferent {
		fmt.Fprintf(b, "  and %d more that are equal\n", equal-maxEqual)
	}
}

func (t *sideTable) line(b *strings.Builder, mark, label string, cells []string, note string) {
	line := mark + pad(label, t.label)
	for i, c := range cells {
		line += "  " + pad(c, t.widths[i])
	}
	if note != "" {
		line += "  " + note
	}
	line = strings.TrimRight(line, " ")
	if t.color && mark != "  " {
		line = "\x1b[31m" + line + "\x1b[0m"
	}
	b.WriteString(line + "\n")
}

func pad(s string, n int) string { return s + strings.Repeat(" ", max(0, n-len([]rune(s)))) }

// unionOf lists what some side has, in the order in which it is met first.
func unionOf(lists [][]leaf) []string {
	var all []string
	seen := map[string]bool{}
	for _, l := range lists {
		for _, e := range l {
			if !seen[e.path] {
				seen[e.path] = true
				all = append(all, e.path)
			}
		}
	}
	return slices.Clip(all)
}
