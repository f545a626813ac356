package trace

import (
	_ "embed"
	"html/template"
	"io"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/engine"
)

var (
	//go:embed page.tmpl
	pageTmpl string
	//go:embed page.css
	pageCSS string
	//go:embed page.js
	pageJS string

	page = template.Must(template.New("page").Parse(pageTmpl))
)

// colors is how many colors the style sheet has for functions.
const colors = 8

type pageData struct {
	*Run
	Title     string
	Scheme    string
	Explain   string
	CSS       template.CSS
	JS        template.JS
	Flow      template.HTML
	Overview  template.HTML
	Width     int
	Height    int
	Rows      []pageRow
	Functions []pageFunc
	Table     []pageEvent
	Steps     []float64
	Kinds     []pageKind
	MaxCalls  int
	Floor     int
}

type pageRow struct {
	Depth int
	Y     float64
}

type pageFunc struct {
	Name  string
	Color int
}

type pageKind struct{ Kind, Label string }

type pageEvent struct {
	*Event
	N        int
	Label    string
	Sentence string
	Source   string
	Counts   string
	Detail   string
	Indent   int
}

// WriteHTML writes one page that needs nothing else: the flow as a picture, the
// count over time, and the events as a table.
func WriteHTML(w io.Writer, run *Run) error {
	p := layout(run)
	d := pageData{
		Run: run, Title: run.Program, Scheme: run.Scheme.String(), Explain: explain(run.Scheme),
		CSS: template.CSS(pageCSS), JS: template.JS(pageJS),
		Flow: template.HTML(p.svg(run.Events)), Overview: template.HTML(p.overview()), //nolint:gosec // every text in them is escaped by svgWriter
		Width: int(p.Width), Height: int(p.Height), MaxCalls: bpf.MaxTailCalls, Floor: p.floor(),
		Kinds: []pageKind{{"call", "call"}, {"return", "return"}, {"tail_call", "tail call"},
			{"tail_call_missed", "tail call that fell through"}, {"helper", "helper"}},
	}
	for i, r := range p.Rows {
		d.Rows = append(d.Rows, pageRow{i, r.Y + barHeight/2})
	}
	if len(p.Funcs) <= colors { // with more of them, a color says little; the names stand on the bars
		for i, f := range p.Funcs {
			d.Functions = append(d.Functions, pageFunc{f, i})
		}
	}
	for _, s := range p.Steps {
		d.Steps = append(d.Steps, float64(int(s.X)))
	}
	for i := range run.Events {
		e := &run.Events[i]
		look, ok := eventLook[e.Event]
		if !ok {
			look.label = e.Event
		}
		detail := e.r0()
		switch {
		case e.Reason != "":
			detail = e.slot() + ": " + e.Reason
		case e.Index != nil:
			detail = e.slot()
		case e.Helper != "":
			detail = e.Helper + ", " + detail
		}
		d.Table = append(d.Table, pageEvent{Event: e, N: i + 1, Label: look.label, Sentence: sentence(e),
			Source: e.source(), Counts: e.counts(), Detail: detail, Indent: e.Depth * 18})
	}
	return page.Execute(w, d)
}

func explain(s engine.Scheme) string {
	if s == engine.Propagated {
		return "The count travels by value in a6. A frame that can still reach a tail call keeps its own copy on the control stack, and counts on from it when a callee returns."
	}
	return "One count, in s10, for the whole call tree: every frame spends from it, and no arrangement of calls makes more than 33 tail calls."
}

// sentence says an event in words.
func sentence(e *Event) string {
	count := ""
	if e.counted {
		count = ", " + e.counts() + " left"
	}
	if e.Home != "" {
		count += " in " + e.Home
	}
	switch e.Event {
	case "entry":
		return "enter " + e.Function + count
	case "call":
		return e.Function + " calls " + e.Target + count
	case "tail_call":
		return e.Function + " tail-calls " + e.Target + " through " + e.slot() + count
	case "tail_call_missed":
		return e.Function + " does not tail-call through " + e.slot() + ": " + e.Reason + count
	case "return":
		return e.Target + " returns to " + e.Function + " with " + e.r0() + count
	case "helper":
		return e.Function + " calls helper " + e.Helper + ", " + e.r0() + count
	case "exit":
		return e.Function + " ends the run with " + e.r0() + count
	}
	return e.Event + " in " + e.Function + count
}
