package ir

import "slices"

// CutEdge takes away one of the two ways out of a block that ends with a branch: the jump is made to the other.
func (f *Func) CutEdge(block int32, way int) {
	blk := &f.Blocks[block]
	f.dropPred(blk.Succs[way], block)
	blk.Succs[0], blk.NumSuccs = blk.Succs[1-way], 1
	in := &f.Instrs[blk.Instrs[len(blk.Instrs)-1]]
	*in = Instr{Op: OpJump, Home: NoHome, Pos: in.Pos}
}

// dropPred takes a predecessor of a block away, and what the block's phis have from there.
func (f *Func) dropPred(block, pred int32) {
	blk := &f.Blocks[block]
	k := slices.Index(blk.Preds, pred)
	if k < 0 {
		return
	}
	for _, v := range blk.Instrs {
		in := &f.Instrs[v]
		if in.Op != OpPhi {
			break
		}
		args := f.Operands(v)
		copy(args[k:], args[k+1:])
		in.Imm--
	}
	blk.Preds = slices.Delete(blk.Preds, k, k+1)
}

// DropUnreachable removes the blocks that no way leads to.
func (f *Func) DropUnreachable() {
	reached := make([]bool, len(f.Blocks))
	reached[0] = true
	for work := []int32{0}; len(work) > 0; {
		b := &f.Blocks[work[len(work)-1]]
		work = work[:len(work)-1]
		for _, s := range b.Succs[:b.NumSuccs] {
			if !reached[s] {
				reached[s] = true
				work = append(work, s)
			}
		}
	}
	renum, kept := make([]int32, len(f.Blocks)), int32(0)
	for i := range f.Blocks {
		renum[i] = kept
		if reached[i] {
			kept++
			continue
		}
		b := &f.Blocks[i]
		for _, s := range b.Succs[:b.NumSuccs] {
			if reached[s] {
				f.dropPred(s, int32(i))
			}
		}
	}
	for i := range f.Blocks {
		if !reached[i] {
			continue
		}
		b := f.Blocks[i]
		for k := range b.Succs[:b.NumSuccs] {
			b.Succs[k] = renum[b.Succs[k]]
		}
		for k := range b.Preds {
			b.Preds[k] = renum[b.Preds[k]]
		}
		f.Blocks[renum[i]] = b
	}
	f.Blocks = f.Blocks[:kept]
}
