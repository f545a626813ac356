package trace

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A picture is the flow on a plane: time runs to the right, one column for each
// event and a stretch for what runs between two events; depth runs down, one
// row for each level of subprogram calls.
type picture struct {
	Width, Height float64
	Rows          []row
	Bars          []*bar
	Edges         []*edge
	Steps         []step // the count over time
	Funcs         []string
}

type row struct{ Y float64 }

// bar is one frame: from the call, tail call or entry that made it to the
// return or tail call that unwound it.
type bar struct {
	Func, Program string
	Color         int
	Depth         int
	X0, X1        float64
	Torn          bool // unwound by a tail call rather than by a return
	Born          int  // the event that made it
	Segments      []segment
	last          int // the count that it had last
}

// segment is a stretch of a bar: running, or waiting for a callee.
type segment struct {
	X0, X1  float64
	Waiting bool
	Event   int    // the event that began it
	Count   string // the count at its start
	Home    string // and where it lives
	Keeps   string // what a waiting frame holds on to
}

// edge is an event as a mark: an arrow between bars, or a mark on one.
type edge struct {
	Kind         string
	Event        int
	X0, Y0       float64
	X1, Y1       float64
	Label        string // the count
	Struck       string // a count that ended here and is struck out
	Note         string // beneath it
	Line         string // the source line, where there is room for it
	LineX, LineY float64
	LineAnchor   string
	Bad          bool
	LabelX       float64
	LabelY       float64
	NoteX, NoteY float64
}

type step struct {
	X     float64
	Count int
	Event int
	Known bool
}

// Measures of the picture, in SVG units. Every label is set in a monospaced
// face, so that its width is known without a browser.
const (
	left       = 26.0 // before the first arrow
	rowHeight  = 138.0
	rowTop     = 74.0 // room above a bar for the arcs of tail calls
	barHeight  = 46.0
	barPad     = 13.0
	chipPad    = 14.0
	glyph      = 7.25 // advance of a 12 px monospaced glyph, rounded up
	smallGlyph = 6.65 // of an 11 px one
	nameGlyph  = 8.45 // of a 14 px one
	countGlyph = 9.1  // of a 15 px one
	bottom     = 8.0
)

func chars(s string) float64 { return float64(utf8.RuneCountInString(s)) }

func barY(depth int) float64 { return rowTop + float64(depth)*rowHeight }

// layouter walks the events once, with the frames that are open at the moment.
type layouter struct {
	p      *picture
	x      float64
	open   []*bar
	colors map[string]int
}

func layout(run *Run) *picture {
	l := &layouter{p: &picture{}, x: left, colors: map[string]int{}}
	for i := range run.Events {
		l.place(i, &run.Events[i])
		l.p.Steps = append(l.p.Steps, step{l.x, run.Events[i].Count, i, run.Events[i].counted})
	}
	if run.Fault != "" {
		l.fault(run)
	}
	l.closeAll(l.x)
	depth := 0
	for _, b := range l.p.Bars {
		depth = max(depth, b.Depth)
	}
	for d := range depth + 1 {
		l.p.Rows = append(l.p.Rows, row{barY(d)})
	}
	l.p.Width = l.x + left
	l.p.Height = barY(depth) + barHeight + bottom + 36
	return l.p
}

func (l *layouter) place(i int, e *Event) {
	switch e.Event {
	case "entry":
		l.entry(i, e)
	case "call":
		l.call(i, e)
	case "tail_call":
		l.tailCall(i, e)
	case "return":
		l.ret(i, e)
	case "exit":
		l.exit(i, e)
	default:
		l.mark(i, e)
	}
}

func (l *layouter) entry(i int, e *Event) {
	const w = 74
	y := barY(e.Depth) + barHeight/2
	l.edge(&edge{Kind: "entry", Event: i, X0: l.x, Y0: y, X1: l.x + w, Y1: y,
		Label: countLabel(e), LabelX: l.x + w/2 - 3, LabelY: y - 20, Note: "entry", NoteX: l.x + w/2 - 3, NoteY: y + 16})
	l.x += w
	l.start(e.Function, e.Program, e.Depth, i, e)
}

func (l *layouter) call(i int, e *Event) {
	w := max(74, chars(countLabel(e))*glyph+chipPad+30)
	y0, y1 := barY(e.Depth)+barHeight, barY(e.Depth+1)+barHeight/2
	l.wait(i, e)
	l.edge(&edge{Kind: "call", Event: i, X0: l.x + 14, Y0: y0, X1: l.x + w, Y1: y1,
		Label: countLabel(e), LabelX: l.x + 14, LabelY: (y0+y1)/2 - 8,
		Line: lineOf(e), LineX: l.x + 14 - (chars(countLabel(e))*glyph+chipPad)/2 - 7, LineY: (y0+y1)/2 - 4, LineAnchor: "end"})
	l.x += w
	l.start(e.Target, e.Program, e.Depth+1, i, e)
}

func (l *layouter) tailCall(i int, e *Event) {
	w := max(104, chars(e.slot())*smallGlyph+26, chars(lineOf(e))*smallGlyph+26, chars(countLabel(e))*glyph+chipPad+24)
	y := barY(e.Depth)
	if b := l.top(e.Depth); b != nil {
		b.Torn = true
		l.close(b, l.x)
	}
	l.edge(&edge{Kind: "tail_call", Event: i, X0: l.x - 16, Y0: y, X1: l.x + w + 16, Y1: y,
		Label: countLabel(e), LabelX: l.x + w/2, LabelY: y - 39, Note: e.slot(), NoteX: l.x + w/2, NoteY: y + barHeight/2 - 3,
		Line: lineOf(e), LineX: l.x + w/2, LineY: y + barHeight/2 + 13, LineAnchor: "middle"})
	l.x += w
	l.start(e.Target, e.Enters, e.Depth, i, e)
}

func (l *layouter) ret(i int, e *Event) {
	y0, y1 := barY(e.Depth+1)+barHeight/2, barY(e.Depth)+barHeight
	ed := &edge{Kind: "return", Event: i, Y0: y0, Y1: y1, Label: countLabel(e), LabelY: (y0+y1)/2 - 8}
	if b := l.top(e.Depth + 1); b != nil {
		if b.last != e.Count && e.counted {
			ed.Struck = strconv.Itoa(b.last)
		}
		l.close(b, l.x)
	}
	w := max(74, chars(ed.Struck+ed.Label)*glyph+chipPad+38)
	ed.X0, ed.X1 = l.x, l.x+w-14
	ed.LabelX = ed.X1
	l.edge(ed)
	l.x += w
	l.resume(i, e)
}

func (l *layouter) exit(i int, e *Event) {
	r0 := e.r0()
	w := max(80, chars(r0)*smallGlyph+34)
	y := barY(e.Depth) + barHeight/2
	l.closeAll(l.x)
	l.edge(&edge{Kind: "exit", Event: i, X0: l.x, Y0: y, X1: l.x + w - 6, Y1: y,
		Label: countLabel(e), LabelX: l.x + w/2, LabelY: y - 20, Note: r0, NoteX: l.x + w/2, NoteY: y + 17})
	l.x += w
}

// mark places a helper call or a tail call that fell through: both stay in their frame.
func (l *layouter) mark(i int, e *Event) {
	y := barY(e.Depth)
	if e.Event == "tail_call_missed" {
		w := max(96, chars(e.Reason)*smallGlyph+20, chars(e.slot())*smallGlyph+20)
		l.edge(&edge{Kind: e.Event, Event: i, X0: l.x + w/2 - 20, Y0: y, X1: l.x + w/2 + 20, Y1: y, Bad: true,
			Label: countLabel(e), LabelX: l.x + w/2, LabelY: y - 39, Note: e.Reason, NoteX: l.x + w/2, NoteY: y - 54})
		l.advance(w, e)
		return
	}
	note := strings.TrimPrefix(e.Helper, "bpf_")
	w := max(34, chars(note)*smallGlyph+14)
	l.edge(&edge{Kind: e.Event, Event: i, X0: l.x + w/2, Y0: y + barHeight, X1: l.x + w/2, Y1: y + barHeight + 13,
		Label: countLabel(e), Note: note, NoteX: l.x + w/2, NoteY: y + barHeight + 27})
	l.advance(w, e)
}

func (l *layouter) fault(run *Run) {
	depth := len(l.open) - 1
	if depth < 0 {
		return
	}
	const w = 96
	y := barY(l.open[depth].Depth) + barHeight/2
	l.closeAll(l.x)
	l.edge(&edge{Kind: "fault", Event: len(run.Events) - 1, X0: l.x, Y0: y, X1: l.x + 26, Y1: y, Bad: true,
		Note: "fault", NoteX: l.x + 62, NoteY: y + 4})
	l.x += w
}

// start opens a frame and gives it room for its name.
func (l *layouter) start(fn, program string, depth, event int, e *Event) {
	color, ok := l.colors[fn]
	if !ok {
		color = len(l.colors)
		l.colors[fn] = color
		l.p.Funcs = append(l.p.Funcs, fn)
	}
	b := &bar{Func: fn, Program: program, Color: color, Depth: depth, X0: l.x, Born: event, last: e.Count}
	// What made the frame says where its count arrives; only a frame that
	// keeps a copy says "frame slot", and then at its own call.
	home := e.Home
	if home == "frame slot" {
		home = "a6"
	}
	b.Segments = []segment{{X0: l.x, Event: event, Count: countOf(e), Home: home}}
	l.p.Bars = append(l.p.Bars, b)
	for len(l.open) > 0 && l.open[len(l.open)-1].Depth >= depth {
		l.close(l.open[len(l.open)-1], l.x)
	}
	l.open = append(l.open, b)
	l.x += max(chars(fn)*nameGlyph+chars(subtitle(b))*smallGlyph, living(&b.Segments[0])) + 2*barPad
}

// living is how wide a segment's line about the count is.
func living(s *segment) float64 {
	if s.Count == "" {
		return 0
	}
	return chars(s.Count)*countGlyph + chars(s.inHome())*smallGlyph
}

func (s *segment) inHome() string {
	if s.Home == "" {
		return " left"
	}
	return " in " + s.Home
}

func subtitle(b *bar) string {
	if b.Program == "" || b.Program == b.Func {
		return ""
	}
	return " of " + b.Program
}

func (l *layouter) top(depth int) *bar {
	if n := len(l.open); n > 0 && l.open[n-1].Depth == depth {
		return l.open[n-1]
	}
	return nil
}

// wait begins the stretch in which a frame waits for its callee.
func (l *layouter) wait(i int, e *Event) {
	b := l.top(e.Depth)
	if b == nil {
		return
	}
	s := segment{X0: l.x, Waiting: true, Event: i}
	b.Segments[len(b.Segments)-1].X1 = l.x
	b.Segments = append(b.Segments, s)
}

// resume ends that stretch.
func (l *layouter) resume(i int, e *Event) {
	b := l.top(e.Depth)
	if b == nil { // the engine began in the middle: show what there is
		l.start(e.Function, e.Program, e.Depth, i, e)
		return
	}
	b.last = e.Count
	waited := &b.Segments[len(b.Segments)-1]
	waited.X1 = l.x
	if waited.Waiting && e.Home == "frame slot" { // where it comes from now is where it was
		waited.Keeps = fmt.Sprintf("%d kept in its frame slot", e.Count)
	}
	s := segment{X0: l.x, Event: i, Count: countOf(e), Home: e.Home}
	b.Segments = append(b.Segments, s)
	l.x += max(chars(b.Func)*nameGlyph, living(&s)) + 2*barPad
}

func (l *layouter) advance(w float64, e *Event) {
	if b := l.top(e.Depth); b != nil && e.counted {
		b.last = e.Count
	}
	l.x += w
}

func (l *layouter) close(b *bar, x float64) {
	b.X1 = x
	b.Segments[len(b.Segments)-1].X1 = x
	for i, o := range l.open {
		if o == b {
			l.open = append(l.open[:i], l.open[i+1:]...)
			return
		}
	}
}

func (l *layouter) closeAll(x float64) {
	for len(l.open) > 0 {
		l.close(l.open[len(l.open)-1], x)
	}
}

func (l *layouter) edge(e *edge) { l.p.Edges = append(l.p.Edges, e) }

func lineOf(e *Event) string {
	if e.Line == 0 {
		return ""
	}
	if strings.HasSuffix(e.File, ".h") { // not in the file that the reader has open
		return e.source()
	}
	return fmt.Sprintf("line %d", e.Line)
}

// countLabel is what an edge says about the count.
func countLabel(e *Event) string { return e.counts() }

func countOf(e *Event) string {
	if !e.counted {
		return ""
	}
	return strconv.Itoa(e.Count)
}
