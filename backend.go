package rivet

import (
	"fmt"
	"sort"
	"strings"

	"github.com/rivetbpf/rivet/internal/arena"
	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/engine"
	"github.com/rivetbpf/rivet/internal/gate"
	"github.com/rivetbpf/rivet/internal/hartrun"
	"github.com/rivetbpf/rivet/internal/helpers"
	"github.com/rivetbpf/rivet/internal/interp"
	"github.com/rivetbpf/rivet/internal/native"
)

// backend is an engine over one module. Run must be safe for concurrent use,
// and a helper may start another Run while the one that called it waits.
type backend interface {
	// Run executes a function. An error is an *engine.Fault.
	Run(*engine.Request) (engine.Result, error)
	// TailTarget returns what a slot of a program array holds for Module.Programs[prog]; never 0.
	TailTarget(prog int) uint64
}

// parts is what an engine is made of.
type parts struct {
	module *bpf.Module
	arena  *arena.Arena
	tables *engine.Tables
	table  *helpers.Table
	opts   *CollectionOptions
}

// backends is the registry: one line for each engine.
var backends = map[Engine]func(*parts) (backend, error){
	EngineInterp: newInterp,
	EngineHart:   newHart,
}

func init() {
	if native.Supported() == nil {
		backends[EngineNative] = newNative
	}
}

// preferred lists engines, best first, for EngineDefault.
var preferred = []Engine{EngineNative, EngineHart, EngineInterp}

func newInterp(p *parts) (backend, error) {
	e, err := interp.New(p.module, p.arena, p.tables, p.opts.TailCalls.scheme())
	if err == nil && p.opts.Coverage {
		e.Count()
	}
	return e, err
}

func newHart(p *parts) (backend, error) {
	return hartrun.New(p.module, p.arena, p.tables, p.options())
}

func newNative(p *parts) (backend, error) {
	return native.New(p.module, p.arena, p.tables, p.options())
}

// newArena makes guest memory of the kind that an engine needs.
func newArena(e Engine, size uint64) (*arena.Arena, error) {
	if e == EngineNative {
		return arena.Map(size)
	}
	return arena.New(size)
}

// options are those of the engines that compile.
func (p *parts) options() gate.Options {
	o := gate.Options{Scheme: p.opts.TailCalls.scheme(), March: p.opts.March,
		HelperArgs: p.table.NumArgs, InlineLookup: p.table.LooksUpArrays(), Quiet: p.table.Quiet,
		Dump: p.opts.Dump, DumpStages: map[string]bool{}, Disable: map[string]bool{}}
	for _, pass := range p.opts.Disable {
		o.Disable[pass] = true
	}
	if o.Dump != nil {
		for _, stage := range p.opts.DumpStages {
			o.DumpStages[stage] = true
		}
	}
	return o
}

// resolve turns EngineDefault into an engine, and refuses those that there are none of.
func (e Engine) resolve() (Engine, error) {
	if e == EngineDefault {
		for _, p := range preferred {
			if backends[p] != nil {
				return p, nil
			}
		}
	}
	if backends[e] != nil {
		return e, nil
	}
	if e == EngineNative {
		return 0, fmt.Errorf("engine native: %w; available here are %s", native.Supported(), available())
	}
	return 0, fmt.Errorf("engine %v: %w in this build; available are %s", e, ErrNotSupported, available())
}

// Engines lists the engines of this build, best first.
func Engines() []Engine {
	var l []Engine
	for e := range backends {
		l = append(l, e)
	}
	sort.Slice(l, func(i, j int) bool { return l[i] < l[j] })
	return l
}

func available() string {
	var names []string
	for _, e := range Engines() {
		names = append(names, e.String())
	}
	return strings.Join(names, ", ")
}
