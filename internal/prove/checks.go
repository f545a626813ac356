package prove

import (
	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/ir"
)

// helperMapLookup is the number of bpf_map_lookup_elem.
const helperMapLookup = 1

// checks tell where a lookup is known to have found something: in a block that is entered only when a
// comparison with NULL said so, and in the blocks that it dominates.
type checks struct {
	idom  []int32    // a block that dominates it, not always the nearest; the entry's is itself
	depth []int32    // how many of them there are above
	found []ir.Value // the lookup that has found something where the block is entered; 0: none
}

// lookedUp returns the map that a helper call looks into, where that is one whose values are guest memory.
func (fs *Facts) lookedUp(f *ir.Func, in *ir.Instr) *bpf.Map {
	if !fs.lookups || in.Op != ir.OpHelper || in.Imm != helperMapLookup || in.Aux < 2 {
		return nil
	}
	mv := &f.Instrs[f.Origin(f.Extra[in.N])]
	if mv.Op != ir.OpMapAddr || !fs.mod.Maps[mv.N].Plain() {
		return nil
	}
	return fs.mod.Maps[mv.N]
}

// valueOf returns the map that the root of an Elem has a value of.
func (fs *Facts) valueOf(f *ir.Func, root ir.Value) *bpf.Map {
	if in := &f.Instrs[root]; in.Op == ir.OpCPUElem {
		return fs.mod.Maps[in.N]
	}
	return fs.lookedUp(f, &f.Instrs[root])
}

// findChecks works out what the comparisons with NULL tell.
func (fs *Facts) findChecks(f *ir.Func) {
	c, n := &fs.checks, len(f.Blocks)
	if cap(c.idom) < n {
		c.idom, c.depth, c.found = make([]int32, n, n+n/4), make([]int32, n, n+n/4), make([]ir.Value, n, n+n/4)
	}
	c.idom, c.depth, c.found = c.idom[:n], c.depth[:n], c.found[:n]
	for i := range f.Blocks {
		c.idom[i], c.found[i] = c.dominator(f, int32(i)), 0
		c.depth[i] = c.depth[c.idom[i]] + 1
		if len(f.Blocks[i].Preds) == 1 {
			c.found[i] = fs.foundOnWay(f, f.Blocks[i].Preds[0], int32(i))
		}
	}
}

// dominator returns a block that every way to b leads through: the nearest that the blocks before b in slot order
// have in common. A way that comes from further down is not looked at, but then the entry is all that is known.
func (c *checks) dominator(f *ir.Func, b int32) int32 {
	if b == 0 || len(f.Blocks[b].Preds) == 0 {
		return 0
	}
	at := int32(-1)
	for _, p := range f.Blocks[b].Preds {
		switch {
		case p >= b:
			return 0
		case at < 0:
			at = p
		default:
			at = c.common(at, p)
		}
	}
	return at
}

// common returns the nearest block above both.
func (c *checks) common(a, b int32) int32 {
	for a != b {
		if c.depth[a] >= c.depth[b] {
			a = c.idom[a]
		} else {
			b = c.idom[b]
		}
	}
	return a
}

// foundOnWay returns the lookup whose result is not NULL where control goes from one block to another.
func (fs *Facts) foundOnWay(f *ir.Func, from, to int32) ir.Value {
	blk := &f.Blocks[from]
	if blk.NumSuccs != 2 || blk.Succs[0] == blk.Succs[1] {
		return 0
	}
	in := &f.Instrs[blk.Instrs[len(blk.Instrs)-1]]
	if in.Op != ir.OpBr || in.Type != ir.I64 || in.B != 0 || in.Imm != 0 {
		return 0
	}
	way := 0
	switch ir.Cond(in.Aux) {
	case ir.EQ:
	case ir.NE:
		way = 1
	default:
		return 0
	}
	if a := fs.values[in.A]; a.Base == Elem && a.off == 0 && blk.Succs[way] == to {
		return a.Root()
	}
	return 0
}

// maxDepth bounds how far up a check is looked for.
const maxDepth = 32

// found reports whether a lookup is known in a block to have found something.
func (fs *Facts) found(f *ir.Func, root ir.Value, block int) bool {
	if f.Instrs[root].Op == ir.OpCPUElem {
		return true
	}
	b := int32(block)
	for range maxDepth {
		if fs.checks.found[b] == root {
			return true
		}
		if b == 0 {
			break
		}
		b = fs.checks.idom[b]
	}
	return false
}
