// Package engines names the engines, for whoever lets a user or a test choose one.
package engines

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rivetbpf/rivet/internal/arena"
	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/engine"
	"github.com/rivetbpf/rivet/internal/hartrun"
	"github.com/rivetbpf/rivet/internal/interp"
	"github.com/rivetbpf/rivet/internal/native"
)

// Engine is a module made ready to run. Run is safe for concurrent use.
type Engine interface {
	Run(*engine.Request) (engine.Result, error)
	// TailTarget returns what a slot of a program array holds for a program of the module.
	TailTarget(prog int) uint64
}

// Config is what an engine may be asked for beside its module.
type Config struct {
	Scheme engine.Scheme
	Verify bool   // the compiler checks itself
	March  string // target of engines that generate code; "": their default
}

// Kind is an engine as a name stands for it.
type Kind struct {
	Name     string
	Marches  []string // targets worth testing; none for engines that generate no code
	Mapped   bool     // guest addresses are the process's own
	Untraced bool     // Request.Trace is refused
	New      func(*bpf.Module, *arena.Arena, *engine.Tables, Config) (Engine, error)
}

// kinds holds every engine: one entry is all that a new one needs here.
var kinds = []Kind{
	{Name: "interp", New: func(m *bpf.Module, ar *arena.Arena, t *engine.Tables, c Config) (Engine, error) {
		return interp.New(m, ar, t, c.Scheme)
	}},
	{Name: "hart", Marches: []string{"rv64gc", "rv64gc_zba_zbb_zbs_zicond_zacas"}, New: func(m *bpf.Module, ar *arena.Arena, t *engine.Tables, c Config) (Engine, error) {
		return hartrun.New(m, ar, t, hartrun.Options{Scheme: c.Scheme, March: c.March, Verify: c.Verify})
	}},
}

// NewArena makes guest memory that every engine of this host can use.
func NewArena(size uint64) (*arena.Arena, error) {
	if native.Supported() == nil {
		return arena.Map(size)
	}
	return arena.New(size)
}

// NewArena makes guest memory that the engine can use. For all but native code
// it lies at arena.Base.
func (k Kind) NewArena(size uint64) (*arena.Arena, error) {
	if k.Mapped {
		return arena.Map(size)
	}
	return arena.New(size)
}

// All returns every engine.
func All() []Kind { return slices.Clone(kinds) }

// Get returns the engine of a name.
func Get(name string) (Kind, error) {
	var names []string
	for _, k := range kinds {
		if k.Name == name {
			return k, nil
		}
		names = append(names, k.Name)
	}
	return Kind{}, fmt.Errorf("no engine %q; there are: %s", name, strings.Join(names, ", "))
}
