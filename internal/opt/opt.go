// Package opt makes functions smaller. Every pass is a function that can be
// switched off by name, and leaves a function that package ir's Verify accepts:
// as long as values live in their homes, no pass may let a value's use outlast
// the next definition of its home.
package opt

import (
	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/ir"
)

// Pass is one pass.
type Pass struct {
	Name string
	run  func(*Optimizer, *ir.Func)
}

// Passes are all passes, in the order in which they run.
var Passes = []Pass{
	{"fold-lookups", (*Optimizer).foldLookups},
	{"fold-branches", (*Optimizer).foldBranches},
	{"fold-copies", (*Optimizer).foldCopies},
}

// Optimizer runs passes; its memory is used again by the next function.
type Optimizer struct {
	env  *Env
	uses []uint8 // per value, up to many
}

const many = 2

// Env is what passes must know of the world around a function.
type Env struct {
	Module *bpf.Module
	// InlineLookup says that map_lookup_elem means what it means in Linux.
	InlineLookup bool
	// Quiet reports whether a helper writes to no memory but that of maps. May be nil: none does.
	Quiet func(id int32) bool
}

// Run runs the passes that disabled does not name.
func (o *Optimizer) Run(env *Env, f *ir.Func, disabled map[string]bool) {
	o.env = env
	for i := range Passes {
		if !disabled[Passes[i].Name] {
			Passes[i].run(o, f)
		}
	}
}

// foldCopies lets the one instruction that reads a copy read the original
// instead, where it still stands in its home. BPF has two-address instructions,
// so compilers write a copy before most operations that keep their operand.
// The copy itself is then dropped.
func (o *Optimizer) foldCopies(f *ir.Func) {
	o.countUses(f)
	for i := range f.Blocks {
		instrs := f.Blocks[i].Instrs
		kept := instrs[:0]
		for k, v := range instrs {
			in := &f.Instrs[v]
			if in.Op == ir.OpCopy && o.uses[v] == 1 && fold(f, instrs[k+1:], v, in.A) {
				continue
			}
			kept = append(kept, v)
		}
		f.Blocks[i].Instrs = kept
	}
}

// window is how many instructions behind a copy its reader is looked for.
const window = 8

// fold replaces a copy by orig in its reader, if orig's home still holds it there.
func fold(f *ir.Func, after []ir.Value, copied, orig ir.Value) bool {
	home := f.Instrs[orig].Home
	if home == ir.NoHome {
		return false
	}
	for _, v := range after[:min(window, len(after))] {
		in := &f.Instrs[v]
		switch {
		case in.A == copied:
			in.A = orig
			return true
		case in.B == copied:
			in.B = orig
			return true
		case in.Home == home, clobbers(in.Op):
			return false
		}
	}
	return false
}

// clobbers reports whether an operation ends the life of registers other than its home.
func clobbers(op ir.Op) bool { return op >= ir.OpCall && op <= ir.OpKfunc }

// countUses counts the readers of each value.
func (o *Optimizer) countUses(f *ir.Func) {
	if cap(o.uses) < len(f.Instrs) {
		o.uses = make([]uint8, len(f.Instrs), len(f.Instrs)+len(f.Instrs)/4)
	}
	o.uses = o.uses[:len(f.Instrs)]
	clear(o.uses)
	for _, v := range f.Extra {
		o.uses[v] = many // an operand of a phi or a call must be in its own home
	}
	for i := range f.Blocks {
		for _, v := range f.Blocks[i].Instrs {
			in := &f.Instrs[v]
			o.read(in.A)
			o.read(in.B)
			switch in.Op {
			case ir.OpCmpXchg:
				o.uses[in.N] = many // r0 by definition
			case ir.OpExit:
				o.uses[in.A] = many // r0 too: what reads it is the caller
			}
		}
	}
}

func (o *Optimizer) read(v ir.Value) {
	if o.uses[v] < many {
		o.uses[v]++
	}
}
