package enginetest

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/rivetbpf/rivet/internal/arena"
	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/bpfasm"
	"github.com/rivetbpf/rivet/internal/conformance"
	"github.com/rivetbpf/rivet/internal/engine"
	"github.com/rivetbpf/rivet/internal/engines"
)

// Variant is an engine in one of the ways it can be set up.
type Variant struct {
	Kind   engines.Kind
	Config engines.Config
}

func (v Variant) String() string {
	s := v.Kind.Name + "-" + v.Config.Scheme.String()
	if v.Config.March != "" {
		s += "-" + v.Config.March
	}
	return s
}

// Variants are all engines, each with both schemes and every target it names.
func Variants() []Variant {
	var l []Variant
	for _, k := range engines.All() {
		marches := k.Marches
		if marches == nil {
			marches = []string{""}
		}
		for _, m := range marches {
			for _, s := range []engine.Scheme{engine.Shared, engine.Propagated} {
				l = append(l, Variant{k, engines.Config{Scheme: s, March: m, Verify: true}})
			}
		}
	}
	return l
}

// stackSize has room for a chain of calls of the largest size that load lets
// through, below each of the frames that tail calls can leave on top of each
// other, and a red zone above, so that an access just over the top is one.
const (
	stackSize = (1+bpf.MaxTailCalls)*bpf.MaxStack + redZone
	redZone   = 64
)

// AtBase reports whether a case names addresses of an arena at arena.Base. Native
// code has its arena where the process has room.
func (c *Case) AtBase() bool {
	return c.Name == "fault/first byte of the arena" || c.Name == "fault/last byte of the arena"
}

// Check runs a case on a variant and returns what went wrong. Unless trace is
// nil, it gets the events of the runs.
func (c *Case) Check(v Variant, trace func(*engine.Event)) error {
	u, err := bpfasm.Assemble(c.Asm)
	if err != nil {
		return err
	}
	mod, err := u.Module()
	if err != nil {
		return err
	}
	ar, err := v.Kind.NewArena(1 << 16)
	if err != nil {
		return err
	}
	if v.Kind.Mapped && c.AtBase() {
		return nil
	}
	tables := engine.NewTables(mod.Maps)
	for _, m := range mod.Maps {
		if m.Type == bpf.MapTypeArray {
			if m.Values, err = ar.Alloc(uint64(m.ValueSize) * uint64(m.MaxEntries)); err != nil {
				return err
			}
		}
	}
	e, err := v.Kind.New(mod, ar, tables, v.Config)
	if err != nil {
		return err
	}
	if err := fillSlots(u, mod, tables, e); err != nil {
		return err
	}
	return c.runs(v, mod, ar, e, trace)
}

func fillSlots(u *bpfasm.Unit, mod *bpf.Module, tables *engine.Tables, e engines.Engine) error {
	for _, s := range u.Slots {
		slots, _ := tables.Of(s.Map)
		if s.Index >= len(slots) {
			return fmt.Errorf("map %d has no slot %d", s.Map, s.Index)
		}
		for i, p := range mod.Programs {
			if p.Name == s.Program {
				slots[s.Index] = e.TailTarget(i)
			}
		}
		if slots[s.Index] == 0 {
			return fmt.Errorf("no program %q", s.Program)
		}
	}
	return nil
}

func (c *Case) runs(v Variant, mod *bpf.Module, ar *arena.Arena, e engines.Engine, trace func(*engine.Event)) error {
	mem, err := ar.Alloc(uint64(len(c.Mem)))
	if err != nil {
		return err
	}
	stack, err := ar.Alloc(stackSize)
	if err != nil {
		return err
	}
	for _, r := range c.Runs {
		b, _ := ar.Bytes(mem, uint64(len(c.Mem)))
		copy(b, c.Mem)
		req := engine.Request{Func: mod.Programs[0].Func, StackTop: stack + stackSize - redZone, Fuel: c.Fuel,
			Gate: &conformance.Gate{Arena: ar}, Trace: trace, Args: [5]uint64{mem, uint64(len(c.Mem))}}
		if r.Args != nil {
			copy(req.Args[:], r.Args)
		}
		res, err := e.Run(&req)
		if err := r.Want[v.Config.Scheme].compare(mod, res, err); err != nil {
			return fmt.Errorf("arguments %#x: %w", r.Args, err)
		}
		if c.Memory != nil && !bytes.Equal(b, c.Memory) {
			return fmt.Errorf("memory is % x, want % x", b, c.Memory)
		}
	}
	return nil
}

func (w Want) compare(mod *bpf.Module, res engine.Result, err error) error {
	switch {
	case err != nil && w.Fault == "":
		if f := (*engine.Fault)(nil); errors.As(err, &f) {
			err = fmt.Errorf("%s: %w", mod.Where(f.Func, f.Insn), err)
		}
		return err
	case err == nil && w.Fault != "":
		return fmt.Errorf("r0 is %#x, want fault %q", res.R0, w.Fault)
	case err != nil && !strings.Contains(err.Error(), w.Fault):
		return fmt.Errorf("fault is %q, want one with %q", err, w.Fault)
	case err == nil && res.R0 != w.R0:
		return fmt.Errorf("r0 is %#x, want %#x", res.R0, w.R0)
	}
	return nil
}
