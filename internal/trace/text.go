package trace

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// TextOptions says what the reader's terminal can do.
type TextOptions struct {
	Color bool
	Width int // columns to cut source text at; 0: do not cut
}

// WriteText writes one aligned line for each event.
func WriteText(w io.Writer, run *Run, o TextOptions) error {
	var t table
	for i := range run.Events {
		t.add(textRow(&run.Events[i]))
	}
	var b strings.Builder
	t.write(&b, o)
	if run.Dropped > 0 {
		fmt.Fprintf(&b, "… %d more events are not shown\n", run.Dropped)
	}
	if run.Fault != "" {
		b.WriteString(paint(o.Color, sgrRed, "fault: "+run.Fault) + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Select Graphic Rendition parameters (ECMA-48, 8.3.117).
const (
	sgrDim    = "2"
	sgrBold   = "1"
	sgrRed    = "31"
	sgrGreen  = "32"
	sgrYellow = "33"
	sgrBlue   = "34"
	sgrCyan   = "36"
)

var eventLook = map[string]struct{ label, sgr string }{
	"entry":            {"entry", sgrGreen},
	"call":             {"call", sgrBlue},
	"tail_call":        {"tail call", sgrYellow},
	"tail_call_missed": {"missed", sgrRed},
	"return":           {"return", sgrBlue},
	"helper":           {"helper", sgrCyan},
	"exit":             {"exit", sgrGreen},
}

type cell struct{ text, sgr string }

func textRow(e *Event) []cell {
	look, ok := eventLook[e.Event]
	if !ok {
		look.label = e.Event
	}
	flow, detail := e.Function, ""
	switch e.Event {
	case "call":
		flow = e.Function + " → " + e.Target
	case "tail_call":
		flow, detail = e.Function+" ⇒ "+e.Target, e.slot()
	case "tail_call_missed":
		flow, detail = e.Function+" ⇏ "+e.slot(), e.Reason
	case "return":
		flow, detail = e.Function+" ← "+e.Target, e.r0()
	case "helper":
		flow, detail = e.Function+" · "+e.Helper, e.r0()
	case "exit":
		detail = e.r0()
	}
	home := e.Home
	if home != "" {
		home = "in " + home
	}
	detailSGR := ""
	if e.Event == "tail_call_missed" {
		detailSGR = sgrRed
	}
	return []cell{
		{look.label, look.sgr},
		{indent(e.Depth) + flow, sgrBold},
		{detail, detailSGR},
		{e.counts(), sgrYellow},
		{home, ""},
		{e.source(), sgrDim},
		{e.Text, sgrDim},
	}
}

// maxIndent bounds what indentation shows: tail calls from subprograms pile up
// 8 × 34 frames at most, which no terminal is wide enough for.
const maxIndent = 16

func indent(depth int) string {
	if depth <= maxIndent {
		return strings.Repeat("  ", max(depth, 0))
	}
	return strings.Repeat("  ", maxIndent) + fmt.Sprintf("(%d deep) ", depth)
}

// table aligns columns by what is seen, not by bytes.
type table struct {
	rows   [][]cell
	widths []int
}

func (t *table) add(row []cell) {
	for i, c := range row {
		if i == len(t.widths) {
			t.widths = append(t.widths, 0)
		}
		t.widths[i] = max(t.widths[i], utf8.RuneCountInString(c.text))
	}
	t.rows = append(t.rows, row)
}

func (t *table) write(b *strings.Builder, o TextOptions) {
	const gap = 2
	for _, row := range t.rows {
		var line strings.Builder
		col, pad := 0, 0
		for i, c := range row {
			if t.widths[i] == 0 {
				continue
			}
			n := utf8.RuneCountInString(c.text)
			if left := o.Width - col - pad; o.Width > 0 && n > left && i == len(row)-1 {
				c.text, n = cut(c.text, left), left
			}
			if c.text != "" {
				line.WriteString(strings.Repeat(" ", pad) + paint(o.Color, c.sgr, c.text))
				col, pad = col+pad+n, 0
			}
			pad += max(0, t.widths[i]-n) + gap
		}
		b.WriteString(line.String() + "\n")
	}
}

func cut(s string, n int) string {
	if n < 2 {
		return ""
	}
	return string([]rune(s)[:n-1]) + "…"
}

func paint(on bool, sgr, s string) string {
	if !on || sgr == "" || s == "" {
		return s
	}
	// Indentation stays unpainted, so that an underline or background would not show on it.
	body := strings.TrimLeft(s, " ")
	return s[:len(s)-len(body)] + "\x1b[" + sgr + "m" + body + "\x1b[0m"
}
