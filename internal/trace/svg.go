package trace

import (
	"fmt"
	"html"
	"strings"

	"github.com/rivetbpf/rivet/internal/bpf"
)

// svg draws a picture. Colours and faces are the page's business: every shape
// has a class, and data-e names the event that it belongs to.
func (p *picture) svg(events []Event) string {
	s := &svgWriter{events: events}
	s.f(`<svg id="flow" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" role="img" aria-label="the flow as frames over time">`, p.Width, p.Height)
	s.f(`<defs>`)
	s.f(`<pattern id="hatch" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect class="hatch" width="2.4" height="7"/></pattern>`)
	for _, kind := range []string{"entry", "call", "tail_call", "return", "exit", "tail_call_missed", "fault"} {
		s.f(`<marker id="m-%[1]s" class="k-%[1]s" viewBox="0 0 10 10" refX="8" refY="5" markerUnits="userSpaceOnUse" markerWidth="11" markerHeight="11" orient="auto"><path class="head" d="M0 .8 9 5 0 9.2 2.2 5z"/></marker>`, kind)
	}
	s.f(`</defs>`)
	for _, r := range p.Rows {
		s.f(`<line class="guide" x1="0" x2="%.1f" y1="%.1f" y2="%.1f"/>`, p.Width, r.Y+barHeight/2, r.Y+barHeight/2)
	}
	for _, b := range p.Bars {
		s.bar(b)
	}
	for _, e := range p.Edges {
		s.edge(e)
	}
	s.f(`<rect id="curtain" y="0" width="%.0f" height="%.0f" x="%.0f"/>`, p.Width, p.Height, p.Width)
	s.f(`</svg>`)
	return s.String()
}

type svgWriter struct {
	strings.Builder
	events []Event
}

func (s *svgWriter) f(format string, args ...any) { fmt.Fprintf(s, format+"\n", args...) }

// text writes a label; an empty one leaves no trace.
func (s *svgWriter) text(class string, x, y float64, anchor, t string) {
	if t != "" {
		s.f(`<text class="%s" x="%.1f" y="%.1f" text-anchor="%s">%s</text>`, class, x, y, anchor, html.EscapeString(t))
	}
}

// tip says in words, with its source line, what the pointer rests on.
func (s *svgWriter) tip(i int) {
	if i < 0 || i >= len(s.events) {
		return
	}
	e := &s.events[i]
	words := []string{sentence(e), e.source()}
	if e.Text != "" {
		words[1] += "  " + e.Text
	}
	s.f(`<title>%s</title>`, html.EscapeString(strings.Join(words, "\n")))
}

func (s *svgWriter) bar(b *bar) {
	y := barY(b.Depth)
	s.f(`<g class="bar c%d" data-e="%d">`, b.Color%colors, b.Born)
	s.f(`<path class="frame" d="%s"/>`, barPath(b, y))
	for i := range b.Segments {
		g := &b.Segments[i]
		s.f(`<g class="seg" data-e="%d">`, g.Event)
		s.tip(g.Event)
		if g.Waiting {
			s.f(`<rect class="wait" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`, g.X0, y+1.5, g.X1-g.X0, barHeight-3)
			s.f(`<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="url(#hatch)"/>`, g.X0, y+1.5, g.X1-g.X0, barHeight-3)
			if chars(g.Keeps)*smallGlyph+34 < g.X1-g.X0 {
				mid, w := (g.X0+g.X1)/2, chars(g.Keeps)*smallGlyph+22
				if g.Keeps != "" {
					s.f(`<rect class="keepbox" x="%.1f" y="%.1f" width="%.1f" height="22" rx="4"/>`, mid-w/2, y+barHeight/2-11, w)
				}
				s.text("keeps", mid, y+barHeight/2+4, "middle", g.Keeps)
			}
		} else {
			s.f(`<rect class="hit" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`, g.X0, y, g.X1-g.X0, barHeight)
			s.running(b, g, i > 0, y)
		}
		s.f(`</g>`)
	}
	s.f(`</g>`)
}

// running writes what a frame that runs says: its name, and the count and its home.
func (s *svgWriter) running(b *bar, g *segment, again bool, y float64) {
	x := g.X0 + barPad
	nameClass, under := "name", subtitle(b)
	if again {
		nameClass, under = "name again", ""
	}
	base := y + 19
	if g.Count == "" {
		base = y + barHeight/2 + 5
	}
	s.f(`<text class="%s" x="%.1f" y="%.1f">%s<tspan class="of">%s</tspan></text>`, nameClass, x, base,
		html.EscapeString(b.Func), html.EscapeString(under))
	if g.Count != "" {
		s.f(`<text class="lives" x="%.1f" y="%.1f"><tspan class="n">%s</tspan>%s</text>`, x, y+38, g.Count, html.EscapeString(g.inHome()))
	}
}

// barPath is a rounded bar; the right edge of an unwound frame is torn.
func barPath(b *bar, y float64) string {
	const r = 7.0
	var d strings.Builder
	fmt.Fprintf(&d, "M%.1f %.1f", b.X0+r, y)
	if b.Torn {
		fmt.Fprintf(&d, "H%.1f", b.X1-4)
		const teeth = 6
		for i := range teeth {
			dx := 0.0
			if i%2 == 1 {
				dx = -7
			}
			fmt.Fprintf(&d, "L%.1f %.1f", b.X1+dx, y+barHeight*(float64(i)+.5)/teeth)
		}
		fmt.Fprintf(&d, "L%.1f %.1f", b.X1-4, y+barHeight)
	} else {
		fmt.Fprintf(&d, "H%.1fa%g %g 0 0 1 %g %gV%.1fa%g %g 0 0 1 %g %g", b.X1-r, r, r, r, r, y+barHeight-r, r, r, -r, r)
	}
	fmt.Fprintf(&d, "H%.1fa%g %g 0 0 1 %g %gV%.1fa%g %g 0 0 1 %g %gz", b.X0+r, r, r, -r, -r, y+r, r, r, r, -r)
	return d.String()
}

func (s *svgWriter) edge(e *edge) {
	s.f(`<g class="edge k-%s" data-e="%d">`, e.Kind, e.Event)
	s.tip(e.Event)
	switch e.Kind {
	case "tail_call":
		s.path(e.Kind, "M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1f", e.X0, e.Y0, e.X0+6, e.Y0-52, e.X1-6, e.Y1-52, e.X1, e.Y1-2)
	case "call":
		s.path(e.Kind, "M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1f", e.X0, e.Y0, e.X0, e.Y1-10, e.X0+8, e.Y1, e.X1-2, e.Y1)
	case "return":
		s.path(e.Kind, "M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1f", e.X0, e.Y0, e.X1-8, e.Y0, e.X1, e.Y0-10, e.X1, e.Y1+2)
	case "tail_call_missed":
		s.path(e.Kind, "M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1f", e.X0, e.Y0, e.X0-4, e.Y0-50, e.X1+4, e.Y1-50, e.X1, e.Y1-2)
	case "helper":
		s.f(`<path class="line" d="M%.1f %.1fV%.1f"/><circle class="dot" cx="%.1f" cy="%.1f" r="3.6"/>`, e.X0, e.Y0, e.Y1, e.X0, e.Y0)
	case "fault":
		s.f(`<path class="line" d="M%.1f %.1fH%.1f"/><path class="burst" d="%s"/>`, e.X0, e.Y0, e.X1, burst(e.NoteX, e.Y0))
	default:
		s.path(e.Kind, "M%.1f %.1fH%.1f", e.X0, e.Y0, e.X1-2)
	}
	if e.Kind != "helper" {
		s.chip(e)
	}
	s.text("note", e.NoteX, e.NoteY, "middle", e.Note)
	s.text("where", e.LineX, e.LineY, e.LineAnchor, e.Line)
	s.f(`</g>`)
}

func (s *svgWriter) path(kind, format string, args ...any) {
	s.f(`<path class="line" d="%s" marker-end="url(#m-%s)"/>`, fmt.Sprintf(format, args...), kind)
}

// chip writes the count on an edge; a count that died with its frame is struck out.
func (s *svgWriter) chip(e *edge) {
	if e.Label == "" {
		return
	}
	label, n := html.EscapeString(e.Label), chars(e.Label)
	if e.Struck != "" {
		label = fmt.Sprintf(`<tspan class="struck">%s</tspan> %s`, e.Struck, label)
		n += chars(e.Struck) + 1
	}
	w := n*glyph + chipPad
	s.f(`<rect class="chip" x="%.1f" y="%.1f" width="%.1f" height="20" rx="10"/>`, e.LabelX-w/2, e.LabelY-10, w)
	s.f(`<text class="count" x="%.1f" y="%.1f" text-anchor="middle">%s</text>`, e.LabelX, e.LabelY+4.2, label)
}

// burst is the outline of an eight-pointed star, wide enough for a word.
func burst(x, y float64) string {
	var d strings.Builder
	for i, pt := range [16][2]float64{{0, -22}, {8, -14}, {22, -19}, {21, -9}, {36, -6}, {28, 0}, {36, 7}, {21, 9},
		{22, 19}, {8, 14}, {0, 22}, {-8, 14}, {-22, 19}, {-21, 9}, {-36, 6}, {-28, -2}} {
		c := byte('L')
		if i == 0 {
			c = 'M'
		}
		fmt.Fprintf(&d, "%c%.1f %.1f", c, x+pt[0], y+pt[1])
	}
	return d.String() + "z"
}

// floor is where the scale of the overview begins: zero, or just below the
// smallest count of a run that spends few.
func (p *picture) floor() int {
	floor := bpf.MaxTailCalls
	for _, st := range p.Steps {
		if st.Known {
			floor = min(floor, st.Count)
		}
	}
	if floor < bpf.MaxTailCalls/2 {
		return 0
	}
	return floor - 2
}

// overview is the count over the whole run, to be stretched over any width,
// above a band with the colour of the function that runs.
func (p *picture) overview() string {
	s := &svgWriter{}
	const top, h, band = 3.0, 40.0, 6.0
	s.f(`<svg id="overview" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" preserveAspectRatio="none">`, p.Width, top+h+band)
	floor := p.floor()
	y := func(count int) float64 {
		return top + (h-4)*(1-float64(min(count, bpf.MaxTailCalls)-floor)/float64(bpf.MaxTailCalls-floor))
	}
	var line, area strings.Builder
	x := left
	for _, st := range p.Steps {
		if !st.Known {
			x = st.X
			continue
		}
		if line.Len() == 0 {
			fmt.Fprintf(&line, "M%.1f %.1f", x, y(st.Count))
			fmt.Fprintf(&area, "M%.1f %.1fV%.1f", x, top+h, y(st.Count))
		}
		fmt.Fprintf(&line, "V%.1fH%.1f", y(st.Count), st.X)
		fmt.Fprintf(&area, "V%.1fH%.1f", y(st.Count), st.X)
		x = st.X
	}
	if line.Len() > 0 {
		s.f(`<path class="area" d="%sV%.1fz"/><path class="curve" d="%s"/>`, area.String(), top+h, line.String())
	}
	for _, b := range p.Bars {
		for _, g := range b.Segments {
			if !g.Waiting {
				s.f(`<rect class="band c%d" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`, b.Color%colors, g.X0, top+h, g.X1-g.X0, band)
			}
		}
	}
	s.f(`</svg>`)
	return s.String()
}
