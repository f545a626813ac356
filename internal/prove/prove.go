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
	Any                // nothing is known
)

// Fact is what is known of a value. It is small because there is one for each.
type Fact struct {
	off  int32
	m    uint16
	Base Base
}

// Off is the distance from the base, in bytes.
func (f Fact) Off() int64 { return int64(f.off) }

// Map is the map of a Global.
func (f Fact) Map() int { return int(f.m) }

// fact makes a fact, if it can be kept: no object is so large that an offset
// into it needs more than 32 bits.
func fact(base Base, m int32, off int64) Fact {
	if off != int64(int32(off)) || m != int32(uint16(m)) {
		return Fact{Base: Any}
	}
	return Fact{int32(off), uint16(m), base}
}

// Facts are those of one function.
type Facts struct {
	mod      *bpf.Module
	mapValue func(int) uint64
	values   []Fact
}

// Prover computes facts; its memory is used again by the next call.
type Prover struct{ facts Facts }

// maxPasses bounds the passes over a function. What has not settled by then is
// given up: a function laid out so that every pass settles one phi is no
// reason for quadratic time.
const maxPasses = 8

// Prove computes the facts of f; mapValue gives the address of a map's first value.
func (p *Prover) Prove(f *ir.Func, mod *bpf.Module, mapValue func(int) uint64) *Facts {
	fs := &p.facts
	fs.mod, fs.mapValue = mod, mapValue
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
		return fact(Frame, 0, in.Imm)
	case ir.OpMapValue:
		return fact(Global, in.N, in.Imm-int64(fs.mapValue(int(in.N))))
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
		return fact(a.Base, int32(a.m), a.Off()-in.Imm)
	}
	return fact(a.Base, int32(a.m), a.Off()+in.Imm)
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
func (fs *Facts) Proven(f *ir.Func, in *ir.Instr, size int) bool {
	a := fs.values[in.A]
	off := a.Off() + in.Imm
	switch a.Base {
	case Frame:
		return off >= -int64(f.Src.FrameSize) && off+int64(size) <= 0
	case Global:
		return off >= 0 && off+int64(size) <= int64(fs.mod.Maps[a.m].ValueSize)
	}
	return false
}
