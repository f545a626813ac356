package opt

import "github.com/rivetbpf/rivet/internal/ir"

// helperMapLookup is the number of bpf_map_lookup_elem.
const helperMapLookup = 1

// foldLookups turns the lookup of an element of an array by a key that is known now into the element's
// address, which is a constant and never NULL.
func (o *Optimizer) foldLookups(f *ir.Func) {
	if o.env.Module == nil || !o.env.InlineLookup {
		return
	}
	for i := range f.Blocks {
		for k, v := range f.Blocks[i].Instrs {
			in := &f.Instrs[v]
			if in.Op != ir.OpHelper || in.Imm != helperMapLookup || in.Aux < 2 {
				continue
			}
			m := f.Origin(f.Extra[in.N])
			if f.Instrs[m].Op == ir.OpMapAddr {
				o.foldLookup(f, i, k, in, int(f.Instrs[m].N))
			}
		}
	}
}

func (o *Optimizer) foldLookup(f *ir.Func, block, index int, in *ir.Instr, m int) {
	def := o.env.Module.Maps[m]
	base, perCPU := def.InPlace()
	at, ok := frameOffset(f, f.Extra[in.N+1])
	if base == 0 || !ok {
		return
	}
	key, ok := o.stored(f, block, index, at)
	if !ok || key >= def.MaxEntries {
		return
	}
	*in = ir.Instr{Op: ir.OpMapElem, Type: ir.I64, Home: in.Home, Pos: in.Pos, N: int32(m), Imm: int64(base + uint64(key)*def.Stride())}
	if perCPU {
		in.Op = ir.OpCPUElem
	}
}

// frameOffset returns the distance from r10 of an address that is a constant one.
func frameOffset(f *ir.Func, v ir.Value) (off int64, ok bool) {
	root, off := offset(f, v)
	if f.Instrs[root].Op != ir.OpFrame {
		return 0, false
	}
	return off + f.Instrs[root].Imm, true
}

// maxSteps bounds how far offset looks, so that it takes constant time.
const maxSteps = 8

// offset follows additions of constants to what they begin with.
func offset(f *ir.Func, v ir.Value) (root ir.Value, off int64) {
	for range maxSteps {
		in := &f.Instrs[v]
		switch {
		case in.Type != ir.I64:
			return v, off
		case in.Op == ir.OpCopy:
		case in.Op == ir.OpAdd && in.B == 0:
			off += in.Imm
		case in.Op == ir.OpSub && in.B == 0:
			off -= in.Imm
		default:
			return v, off
		}
		v = in.A
	}
	return v, off
}

// lookBack is how many instructions before a lookup its key is looked for.
const lookBack = 48

// stored returns the 4 bytes that were stored at an offset from r10, going back from an instruction along the
// one way that leads to it, as far as nothing in between may have changed them.
func (o *Optimizer) stored(f *ir.Func, block, index int, at int64) (key uint32, ok bool) {
	for range lookBack {
		if index == 0 {
			blk := &f.Blocks[block]
			if len(blk.Preds) != 1 {
				return 0, false
			}
			block = int(blk.Preds[0])
			index = len(f.Blocks[block].Instrs)
			continue
		}
		index--
		switch value, found := o.storedBy(f, f.Blocks[block].Instrs[index], at); found {
		case foundIt:
			return value, true
		case foundOther:
			return 0, false
		}
	}
	return 0, false
}

// found is what an instruction does to memory that is looked for.
type found uint8

const (
	foundNot   found = iota // leaves it as it is
	foundIt                 // stores a known value
	foundOther              // may store something else
)

// storedBy says what an instruction does to the 4 bytes at an offset from r10.
func (o *Optimizer) storedBy(f *ir.Func, v ir.Value, at int64) (uint32, found) {
	in := &f.Instrs[v]
	switch {
	case in.Op == ir.OpHelper:
		if o.env.Quiet == nil || !o.env.Quiet(int32(in.Imm)) {
			return 0, foundOther
		}
		return 0, foundNot
	case in.Op.IsCall():
		return 0, foundOther
	case in.Op < ir.OpStore || in.Op > ir.OpCmpXchg:
		return 0, foundNot
	}
	root, off := offset(f, in.A)
	off += in.Imm
	size := int64(in.Aux &^ ir.SignBit)
	switch r := &f.Instrs[root]; {
	case r.Op == ir.OpFrame:
		off += r.Imm
	case o.inValue(r, off, size):
		return 0, foundNot
	default:
		return 0, foundOther
	}
	switch {
	case off+size <= at || off >= at+4:
		return 0, foundNot
	case off > at || off+size < at+4:
		return 0, foundOther // a part of it
	}
	var value int64
	switch in.Op {
	case ir.OpStoreImm:
		value = int64(in.N)
	case ir.OpStore:
		b := &f.Instrs[f.Origin(in.B)]
		if b.Op != ir.OpConst {
			return 0, foundOther
		}
		value = b.Imm
	default:
		return 0, foundOther
	}
	return uint32(value >> (8 * (at - off))), foundIt
}

// inValue reports whether size bytes at an offset from what r gives lie in a value of a map, wherever that is:
// never in a frame. Behind the end of a value may be anything.
func (o *Optimizer) inValue(r *ir.Instr, off, size int64) bool {
	m := int32(-1)
	switch r.Op {
	case ir.OpMapElem, ir.OpCPUElem:
		m = r.N
	case ir.OpMapValue:
		m = r.N
		off += r.Imm - int64(o.env.Module.Maps[m].Values)
	default:
		return false
	}
	return off >= 0 && off+size <= int64(o.env.Module.Maps[m].ValueSize)
}

// foldBranches drops the ways that a comparison of an element's address with NULL does not take.
func (o *Optimizer) foldBranches(f *ir.Func) {
	cut := false
	for i := range f.Blocks {
		blk := &f.Blocks[i]
		if len(blk.Instrs) == 0 {
			continue
		}
		in := &f.Instrs[blk.Instrs[len(blk.Instrs)-1]]
		if in.Op != ir.OpBr || in.Type != ir.I64 || in.B != 0 || in.Imm != 0 {
			continue
		}
		if op := f.Instrs[f.Origin(in.A)].Op; op != ir.OpMapElem && op != ir.OpCPUElem {
			continue
		}
		switch ir.Cond(in.Aux) {
		case ir.EQ:
			f.CutEdge(int32(i), 1)
			cut = true
		case ir.NE:
			f.CutEdge(int32(i), 0)
			cut = true
		}
	}
	if cut {
		f.DropUnreachable()
	}
}
