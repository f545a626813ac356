// Package gate is the way between machine code and Go that every engine that
// runs an image shares: what code looks up, what it asks for when it leaves, and
// what it means when it stops. It knows no engine and runs no code.
package gate

import (
	"errors"
	"fmt"
	"io"

	"github.com/rivetbpf/rivet/internal/arena"
	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/compile"
	"github.com/rivetbpf/rivet/internal/engine"
)

// Linked is an image at the address where it runs.
type Linked struct {
	Module *bpf.Module
	Image  *compile.Image
	Arena  *arena.Arena
	Base   uint64 // address of the image's first byte
}

// Options say how a module is compiled and run.
type Options struct {
	Scheme engine.Scheme
	March  string // empty: the engine's default
	// HelperArgs returns how many arguments a helper or kfunc takes.
	HelperArgs func(kind uint8, id int32) int
	// InlineLookup, Quiet, Disable, NoChecks, Verify, Dump and DumpStages are as in compile.Options.
	InlineLookup bool
	Quiet        func(id int32) bool
	Disable      map[string]bool
	NoChecks     bool
	Verify       bool
	Dump         io.Writer
	DumpStages   map[string]bool
}

// CompileOptions returns what the compiler must know: slots gives the addresses
// of program arrays, words is the address of what Lookup fills.
func (l *Linked) CompileOptions(opts *Options, slots func(m int) uint64, words uint64) *compile.Options {
	return &compile.Options{
		Scheme: opts.Scheme, Base: l.Base, ArenaBase: l.Arena.Base(), ArenaSize: l.Arena.Size(),
		MapValue: func(i int) uint64 { return l.Module.Maps[i].Values },
		Slots:    slots, Descs: words, FuncTable: words + 16*uint64(len(l.Module.Maps)),
		HelperArgs: opts.HelperArgs, InlineLookup: opts.InlineLookup, Quiet: opts.Quiet, Disable: opts.Disable, NoChecks: opts.NoChecks, Verify: opts.Verify,
		Dump: opts.Dump, DumpStages: opts.DumpStages,
	}
}

// Entry is the address where a run of a function starts.
func (l *Linked) Entry(fn int) uint64 { return l.Base + uint64(l.Image.Funcs[fn].Entry) }

// TailTarget is what a slot of a program array holds for Module.Programs[prog]:
// the address behind the instruction that sets the tail-call count.
func (l *Linked) TailTarget(prog int) uint64 {
	return l.Base + uint64(l.Image.Funcs[l.Module.Programs[prog].Func].Body)
}

// Words returns how many words Lookup fills.
func Words(mod *bpf.Module) int { return 2*len(mod.Maps) + len(mod.Funcs) }

// Lookup fills in what code looks up by handle: for each map the address and
// number of its slots, zero where it is no program array; for each function
// whose address is taken, the address that calls go to.
func (l *Linked) Lookup(words []uint64, tables *engine.Tables, slots func(m int) uint64) {
	for i := range l.Module.Maps {
		if s, _ := tables.Of(i); len(s) > 0 {
			words[2*i], words[2*i+1] = slots(i), uint64(len(s))
		}
	}
	for i, f := range l.Module.Funcs {
		if f.AddrTaken { // package load has not counted on a call of others
			words[2*len(l.Module.Maps)+i] = l.Base + uint64(l.Image.Funcs[i].Body)
		}
	}
}

// Call is a helper call that came through the gate.
type Call struct {
	Site *compile.Site
	Kind uint8
	ID   int32
}

// Call finds out which helper the code that continues at pc asks for; number is
// what the gate register holds.
func (l *Linked) Call(pc, number uint64) (Call, error) {
	site, ok := l.Image.SiteAt(uint32(pc - l.Base))
	if !ok {
		return Call{}, l.MachineFault(pc, errors.New("a gate that is not in the image"))
	}
	c := Call{Site: site, Kind: bpf.CallHelper, ID: site.ID}
	switch site.Kind {
	case compile.SiteKfunc:
		c.Kind = bpf.CallKfunc
	case compile.SiteCallX:
		if number >= engine.MaxHelper {
			return c, &engine.Fault{Kind: engine.FaultBadCall, Func: int(site.Func), Insn: int(site.Insn), Addr: number}
		}
		c.ID = int32(number)
	}
	return c, nil
}

// Stopped is the fault that ends a run which was asked to end while the helper ran.
func (c *Call) Stopped() error {
	return &engine.Fault{Kind: engine.FaultStopped, Func: int(c.Site.Func), Insn: int(c.Site.Insn)}
}

// Interrupted is the fault of a run that is stopped at pc, between any two
// machine instructions; nil where it is about to leave the code by itself.
func (l *Linked) Interrupted(pc uint64) *engine.Fault {
	line, ok := l.Image.LineAt(uint32(pc - l.Base))
	if !ok || line.Insn == compile.LineStubs {
		return nil
	}
	return &engine.Fault{Kind: engine.FaultStopped, Func: int(line.Func), Insn: max(int(line.Insn), 0)}
}

// Failed turns the error of a helper into the fault that ends the run. When the
// helper asked for the run to end, exit is its result and the error is nil.
func (c *Call) Failed(err error) (exit *engine.Exit, fault error) {
	if errors.As(err, &exit) {
		return exit, nil
	}
	if f, ok := err.(*engine.Fault); ok {
		return nil, f
	}
	return nil, &engine.Fault{Kind: engine.FaultHelper, Func: int(c.Site.Func), Insn: int(c.Site.Insn), Err: err}
}

// CheckFailed handles a check that failed: pc is the address behind the jump to the
// fault gate, off the address minus the arena's base. Where no more than a slice
// of fuel was used up there is no fault, and code goes on at pc with the next one.
func (l *Linked) CheckFailed(fuel *engine.Fuel, pc, off uint64) (slice int64, fault *engine.Fault) {
	site, ok := l.Image.SiteAt(uint32(pc - l.Base))
	if !ok {
		return 0, l.MachineFault(pc, errors.New("a fault that is not in the image"))
	}
	kind := site.Fault
	if kind == engine.FaultFuel {
		n, why, ok := fuel.Next()
		if ok {
			return n, nil
		}
		return 0, &engine.Fault{Kind: why, Func: int(site.Func), Insn: int(site.Insn), Size: int(site.Size)}
	}
	return 0, &engine.Fault{Kind: kind, Func: int(site.Func), Insn: int(site.Insn), Size: int(site.Size), Addr: off + l.Arena.Base()}
}

// MachineFault reports what correct code does not cause.
func (l *Linked) MachineFault(pc uint64, err error) *engine.Fault {
	line, _ := l.Image.LineAt(uint32(pc - l.Base))
	return &engine.Fault{Kind: engine.FaultMachine, Func: int(line.Func), Insn: int(line.Insn),
		Err: fmt.Errorf("at %#x: %w", pc, err)}
}
