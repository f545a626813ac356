// Package trace turns the steps that an engine reports into something a person
// can follow: lines of text, JSON, or one HTML page with the flow drawn as a
// picture. It knows no engine; it reads [engine.Event] and names things with
// the help of the [bpf.Module] that ran.
package trace

import (
	"encoding/json"
	"fmt"
	"io"
	"path"
	"strings"
	"unicode"

	"github.com/cilium/ebpf/asm"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/engine"
)

// Event is an [engine.Event] with every index replaced by what it names.
type Event struct {
	Event    string `json:"event"`    // entry, call, tail_call, tail_call_missed, return, helper, exit
	Program  string `json:"program"`  // the program whose code runs
	Function string `json:"function"` // the function that executes the instruction; for return, the one returned to
	Line     int    `json:"line"`     // source line, 0 when the object has none
	Depth    int    `json:"depth"`    // frames below this one

	CountBefore int    `json:"count_before"` // tail calls left before the step
	Count       int    `json:"count"`        // and after it
	Home        string `json:"home"`         // where the count lives: a6, frame slot, s10, or nowhere
	Reason      string `json:"reason"`       // why a tail call fell through

	File   string  `json:"file,omitempty"`   // source file
	Text   string  `json:"text,omitempty"`   // source text of the line
	Insn   int     `json:"insn"`             // BPF instruction, as a slot number of Function
	Target string  `json:"target,omitempty"` // function called, tail-called or returned from
	Enters string  `json:"enters,omitempty"` // program that a tail call enters
	Helper string  `json:"helper,omitempty"` // helper or kfunc that was called
	Map    string  `json:"map,omitempty"`    // program array of a tail call
	Index  *uint32 `json:"index,omitempty"`  // and the slot asked for
	R0     *uint64 `json:"r0,omitempty"`     // for return, helper and exit

	counted bool // the counts mean something
}

// Run is a whole trace and what is known about the run that it came from.
type Run struct {
	Object  string // the file that was run, for titles
	Program string // the program that was entered
	Engine  string
	March   string // empty when the engine has none
	Scheme  engine.Scheme
	Retired uint64
	Verdict string // R0 by name, such as XDP_PASS; empty when it has none
	Fault   string // why the run ended early; empty when it did not
	Dropped int    // steps after the recorder's limit
	Events  []Event
}

// Recorder gathers the events of one run.
type Recorder struct {
	// Limit bounds the events that are kept; 0 means no bound.
	Limit int
	// Homeless says that counts are right even where they have no home: in the
	// interpreter, which keeps them in no register, and in frames that have a
	// count of their own but no code that needs it.
	Homeless bool
	// Dropped counts the events that came after the limit.
	Dropped int
	// Events are the resolved events so far.
	Events []Event

	mod      *bpf.Module
	counts   bool     // the module has tail calls
	programs []string // the program that owns the frame at each depth
	byFunc   map[int]string
}

// NewRecorder makes a recorder for a run of a program of mod.
func NewRecorder(mod *bpf.Module) *Recorder {
	r := &Recorder{mod: mod, byFunc: map[int]string{}}
	for _, p := range mod.Programs {
		r.byFunc[p.Func] = p.Name
	}
	for _, f := range mod.Funcs {
		r.counts = r.counts || f.HasTailCall
	}
	return r
}

// Record takes one step; it is what [engine.Request.Trace] wants.
func (r *Recorder) Record(e *engine.Event) {
	owner := r.owner(e)
	if r.Limit > 0 && len(r.Events) >= r.Limit {
		r.Dropped++
		return
	}
	ev := Event{
		Event: string(e.Kind), Program: owner, Function: r.funcName(e.Func),
		Insn: e.Insn, Depth: e.Depth,
		CountBefore: e.CountBefore, Count: e.Count, Home: homeName(e.Home), Reason: e.Reason,
		counted: e.Home != "" || r.Homeless && r.counts,
	}
	if e.Func >= 0 && e.Func < len(r.mod.Funcs) {
		if l, ok := r.mod.Funcs[e.Func].LineAt(e.Insn); ok {
			ev.File, ev.Line, ev.Text = path.Base(l.File), l.Num, strings.TrimSpace(l.Text)
		}
	}
	switch e.Kind {
	case engine.EventCall:
		ev.Target = r.funcName(e.Target)
	case engine.EventTailCall, engine.EventTailCallMissed:
		ev.Target, ev.Enters = r.funcName(e.Target), r.byFunc[e.Target]
		index := e.Index
		ev.Index = &index
		if e.Map >= 0 && e.Map < len(r.mod.Maps) {
			ev.Map = r.mod.Maps[e.Map].Name
		}
	case engine.EventReturn:
		ev.Target = r.funcName(e.Target)
		ev.R0 = &[]uint64{e.R0}[0]
	case engine.EventHelper:
		ev.Helper = r.helperName(e.HelperKind, e.HelperID)
		ev.R0 = &[]uint64{e.R0}[0]
	case engine.EventExit:
		ev.R0 = &[]uint64{e.R0}[0]
	}
	r.Events = append(r.Events, ev)
}

// owner keeps track of which program each frame belongs to: a subprogram runs
// for the program that called it, and a tail call makes its frame another
// program's. It returns the program that executes e.
func (r *Recorder) owner(e *engine.Event) string {
	at := func(depth int) string {
		if depth < 0 || depth >= len(r.programs) {
			return ""
		}
		return r.programs[depth]
	}
	set := func(depth int, name string) {
		for len(r.programs) <= depth {
			r.programs = append(r.programs, "")
		}
		r.programs[depth] = name
	}
	switch e.Kind {
	case engine.EventEntry:
		r.programs = r.programs[:0]
		set(e.Depth, r.byFunc[e.Func])
	case engine.EventCall:
		owner := at(e.Depth)
		set(e.Depth+1, owner)
		return owner
	case engine.EventTailCall:
		owner := at(e.Depth)
		if name, ok := r.byFunc[e.Target]; ok {
			set(e.Depth, name)
		}
		return owner
	}
	return at(e.Depth)
}

func (r *Recorder) funcName(i int) string {
	if i < 0 || i >= len(r.mod.Funcs) {
		return ""
	}
	return r.mod.Funcs[i].Name
}

func (r *Recorder) helperName(kind uint8, id int32) string {
	if kind != bpf.CallKfunc {
		return HelperName(id)
	}
	if id < 0 || int(id) >= len(r.mod.Kfuncs) {
		return fmt.Sprintf("kfunc#%d", id)
	}
	return r.mod.Kfuncs[id]
}

// HelperName returns the kernel's name of helper id, such as
// bpf_map_lookup_elem, or helper#N for a number that has none.
func HelperName(id int32) string {
	s := asm.BuiltinFunc(id).String()
	if !strings.HasPrefix(s, "Fn") {
		return fmt.Sprintf("helper#%d", id)
	}
	// FnKtimeGetNs: a capital begins a word, a digit belongs to the word before it.
	var b strings.Builder
	b.WriteString("bpf")
	for _, c := range s[len("Fn"):] {
		if unicode.IsUpper(c) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(c))
	}
	return b.String()
}

func homeName(home string) string {
	if home == "frame" {
		return "frame slot"
	}
	return home
}

// WriteJSON writes the events as one JSON array.
func WriteJSON(w io.Writer, run *Run) error {
	events := run.Events
	if events == nil {
		events = []Event{}
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(events)
}

// slot names the program-array slot of a tail call.
func (e *Event) slot() string {
	if e.Index == nil {
		return ""
	}
	name := e.Map
	if name == "" {
		name = "?"
	}
	return fmt.Sprintf("%s[%d]", name, *e.Index)
}

// source names the place in the source, or the instruction when that is all there is.
func (e *Event) source() string {
	if e.Line == 0 {
		return fmt.Sprintf("insn %d", e.Insn)
	}
	return fmt.Sprintf("%s:%d", e.File, e.Line)
}

// counts says what the step did to the count.
func (e *Event) counts() string {
	switch {
	case !e.counted:
		return ""
	case e.Count != e.CountBefore:
		return fmt.Sprintf("%d → %d", e.CountBefore, e.Count)
	}
	return fmt.Sprint(e.Count)
}

func (e *Event) r0() string {
	if e.R0 == nil {
		return ""
	}
	return fmt.Sprintf("r0 = %#x", *e.R0)
}
