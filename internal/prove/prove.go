// Package prove finds facts about the values of a function: so far the
// provenance of pointers, and from it which memory accesses need no check.
package prove

import (
	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/ir"
)

// Base is the object that a value points into.
type Base uint8

const (
	Unseen Base = iota // not computed yet
	Frame              // r10 + Off
	Global             // the constant address Off, in the first value of map Map
	Any                // nothing is known
)

// Fact is what is known of a value.
type Fact struct {
	Base Base
	Map  int32
	Off  int64
}

// Facts are those of one function.
type Facts struct {
	mod    *bpf.Module
	values []Fact
}

// Prover computes facts; its memory is used again by the next call.
type Prover struct{ facts Facts }

// maxPasses bounds the passes over a function. What has not settled by then is
// given up: a function laid out so that every pass settles one phi is no
// reason for quadratic time.
const maxPasses = 8

// Prove computes the facts of f.
func (p *Prover) Prove(f *ir.Func, mod *bpf.Module) *Facts {
	fs := &p.facts
	fs.mod = mod
	if n := len(f.Instrs); cap(fs.values) < n {
		fs.values = make([]Fact, n, n+n/4)
	} else {
		fs.values = fs.values[:n]
		clear(fs.values)
	}
	for pass := 0; fs.pass(f); pass++ {
		if pass == maxPasses {
			for i := range fs.values {
				fs.values[i] = Fact{Base: Any}
			}
			break
		}
	}
	return fs
}

// Of returns what is known of a value.
func (fs *Facts) Of(v ir.Value) Fact { return fs.values[v] }

// pass computes every value once from the facts at hand. Facts only ever go
// from Unseen to a base to Any, so repeating it ends.
func (fs *Facts) pass(f *ir.Func) (changed bool) {
	for i := range f.Blocks {
		b := &f.Blocks[i]
		for _, v := range b.Instrs {
			in := &f.Instrs[v]
			if in.Home == ir.NoHome && in.Op != ir.OpFrame {
				continue
			}
			n := fs.eval(f, b, v, in)
			if old := &fs.values[v]; *old != n {
				*old = n
				// Without phis one pass is enough, in any order that visits
				// definitions first; a later definition shows as Unseen.
				changed = true
			}
		}
	}
	return changed && hasLoopOrder(f)
}

// hasLoopOrder reports whether some block has a predecessor at or behind itself.
func hasLoopOrder(f *ir.Func) bool {
	for i := range f.Blocks {
		for _, p := range f.Blocks[i].Preds {
			if int(p) >= i {
				return true
			}
		}
	}
	return false
}

func (fs *Facts) eval(f *ir.Func, b *ir.Block, v ir.Value, in *ir.Instr) Fact {
	switch in.Op {
	case ir.OpFrame:
		return Fact{Base: Frame, Off: in.Imm}
	case ir.OpMapValue:
		return Fact{Base: Global, Map: in.N, Off: in.Imm}
	case ir.OpCopy:
		if in.Type == ir.I64 {
			return fs.values[in.A]
		}
	case ir.OpAdd, ir.OpSub:
		if in.Type == ir.I64 && in.B == 0 {
			return moved(fs.values[in.A], in)
		}
	case ir.OpPhi:
		return fs.meet(f.Operands(v))
	}
	return Fact{Base: Any}
}

func moved(a Fact, in *ir.Instr) Fact {
	if a.Base != Frame && a.Base != Global {
		return a
	}
	if in.Op == ir.OpSub {
		a.Off -= in.Imm
	} else {
		a.Off += in.Imm
	}
	return a
}

func (fs *Facts) meet(args []ir.Value) (m Fact) {
	for _, a := range args {
		switch x := fs.values[a]; {
		case x.Base == Unseen || x == m:
		case m.Base == Unseen:
			m = x
		default:
			return Fact{Base: Any}
		}
	}
	return m
}

// Proven reports whether the access at in, of size bytes, needs no check: at a
// constant offset from r10 within the frame, or at a constant address within
// a section of global data.
func (fs *Facts) Proven(f *ir.Func, in *ir.Instr, size int, mapValue func(int) uint64) bool {
	a := fs.values[in.A]
	off := a.Off + in.Imm
	switch a.Base {
	case Frame:
		return off >= -int64(f.Src.FrameSize) && off+int64(size) <= 0
	case Global:
		off -= int64(mapValue(int(a.Map)))
		return off >= 0 && off+int64(size) <= int64(fs.mod.Maps[a.Map].ValueSize)
	}
	return false
}
