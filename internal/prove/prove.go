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
	Global             // Off bytes into the first value of map Map
	Elem               // Off bytes into a value that the lookup Root has found, or from NULL
	Any                // nothing is known
)

// Fact is what is known of a value. It is small because there is one for each.
type Fact struct {
	off  int32
	m    int32
	Base Base
}

// Off is the distance from the base, in bytes.
func (f Fact) Off() int64 { return int64(f.off) }

// Map is the map of a Global.
func (f Fact) Map() int { return int(f.m) }

// Root is the lookup of an Elem.
func (f Fact) Root() ir.Value { return ir.Value(f.m) }

// fact makes a fact, if it can be kept: no object is so large that an offset
// into it needs more than 32 bits.
func fact(base Base, m int32, off int64) Fact {
	if off != int64(int32(off)) {
		return Fact{Base: Any}
	}
	return Fact{int32(off), m, base}
}

// Facts are those of one function.
type Facts struct {
	mod      *bpf.Module
	mapValue func(int) uint64
	lookups  bool // map_lookup_elem means what it means in Linux
	values   []Fact
	checks   checks
}

// Prover computes facts; its memory is used again by the next call.
type Prover struct{ facts Facts }

// maxPasses bounds the passes over a function. What has not settled by then is
// given up: a function laid out so that every pass settles one phi is no
// reason for quadratic time.
const maxPasses = 8

// Prove computes the facts of f; mapValue gives the address of a map's first value, and lookups says that
// map_lookup_elem means what it means in Linux.
func (p *Prover) Prove(f *ir.Func, mod *bpf.Module, mapValue func(int) uint64, lookups bool) *Facts {
	fs := &p.facts
	fs.mod, fs.mapValue, fs.lookups = mod, mapValue, lookups
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
	fs.findChecks(f)
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
		return fact(Frame, 0, in.Imm)
	case ir.OpMapValue:
		return fact(Global, in.N, in.Imm-int64(fs.mapValue(int(in.N))))
	case ir.OpMapElem:
		return fact(Global, in.N, in.Imm-int64(fs.mapValue(int(in.N))))
	case ir.OpCPUElem:
		return fact(Elem, int32(v), 0)
	case ir.OpHelper:
		if fs.lookedUp(f, in) != nil {
			return fact(Elem, int32(v), 0)
		}
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
	if a.Base != Frame && a.Base != Global && a.Base != Elem {
		return a
	}
	if in.Op == ir.OpSub {
		return fact(a.Base, a.m, a.Off()-in.Imm)
	}
	return fact(a.Base, a.m, a.Off()+in.Imm)
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

// Proven reports whether the access at in, of size bytes, in a block of f, needs no check: at a
// constant offset from r10 within the frame, at a constant address within
// a section of global data or an array, or within a value that a lookup has found.
func (fs *Facts) Proven(f *ir.Func, block int, in *ir.Instr, size int) bool {
	a := fs.values[in.A]
	off := a.Off() + in.Imm
	if a.Base != Elem {
		return fs.inside(f, a, off, size)
	}
	m := fs.valueOf(f, a.Root())
	return off >= 0 && off+int64(size) <= int64(m.ValueSize) && fs.found(f, a.Root(), block)
}

// Inside reports whether size bytes at v are proven to lie in f's frame, in global data or in an array.
func (fs *Facts) Inside(f *ir.Func, v ir.Value, size int) bool {
	return fs.inside(f, fs.values[v], fs.values[v].Off(), size)
}

func (fs *Facts) inside(f *ir.Func, a Fact, off int64, size int) bool {
	switch a.Base {
	case Frame:
		return off >= -int64(f.Src.FrameSize) && off+int64(size) <= 0
	case Global:
		m := fs.mod.Maps[a.m]
		return off >= 0 && off+int64(size) <= int64(m.Stride())*int64(max(m.MaxEntries, 1)-1)+int64(m.ValueSize)
	}
	return false
}
