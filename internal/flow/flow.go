// Package flow finds the basic blocks of a function and what is live in them.
// All of it is linear in the size of the function.
package flow

import "github.com/rivetbpf/rivet/internal/bpf"

// Block is a straight run of instructions: slots Start up to End.
type Block struct {
	Start, End int32
	Succs      [2]int32 // not taken (or the only one), taken
	NumSuccs   uint8
	Preds      []int32
}

// Graph is the control flow of one function, unreachable blocks left out.
type Graph struct {
	Blocks []Block // in slot order; Blocks[0] is the entry
	RPO    []int32 // blocks in reverse postorder
	preds  []int32
	at     []int32 // scratch: slot to block, plus one
	state  []uint8
	stack  []int32
}

// Last returns the slot of the last instruction of a block.
func (b *Block) Last() int32 { return b.End - 1 }

// Analyze finds the reachable blocks of a valid function. The graph's memory is
// used again by the next call with the same graph.
func (g *Graph) Analyze(insns []bpf.Insn) {
	g.split(insns)
	g.connect(insns)
	g.order()
	g.prune()
	g.link()
}

// Jump kinds that matter for control flow.
func ends(in *bpf.Insn) (jumps, falls bool) {
	switch c := in.Class(); {
	case c != bpf.ClassJMP && c != bpf.ClassJMP32:
		return false, true
	case in.Op == bpf.OpExit:
		return false, false
	case in.Op == bpf.OpCall, in.Op == bpf.OpCallX:
		return false, true
	case in.JmpOp() == bpf.JmpJA:
		return true, false
	}
	return true, true
}

// split marks the first slot of each block and lists the blocks.
func (g *Graph) split(insns []bpf.Insn) {
	g.at = grow(g.at, len(insns)+1)
	clear(g.at)
	g.at[0] = 1
	starts := 1
	for pc := range insns {
		in := &insns[pc]
		jumps, falls := ends(in)
		if jumps {
			g.at[in.JumpTarget(pc)] = 1
		}
		if jumps || !falls {
			g.at[pc+1] = 1
			starts += 2 // at most
		}
	}
	if cap(g.Blocks) < starts {
		g.Blocks = make([]Block, 0, starts)
	}
	g.Blocks = g.Blocks[:0]
	for pc := range insns {
		if g.at[pc] != 0 {
			if n := len(g.Blocks); n > 0 {
				g.Blocks[n-1].End = int32(pc)
			}
			g.Blocks = append(g.Blocks, Block{Start: int32(pc)})
			g.at[pc] = int32(len(g.Blocks))
		}
	}
	g.Blocks[len(g.Blocks)-1].End = int32(len(insns))
}

// connect fills in the successors.
func (g *Graph) connect(insns []bpf.Insn) {
	for i := range g.Blocks {
		b := &g.Blocks[i]
		pc := int(b.End - 1)
		in := &insns[pc]
		jumps, falls := ends(in)
		if falls {
			b.Succs[0] = int32(i + 1)
			b.NumSuccs = 1
		}
		// A conditional jump to the next instruction is no branch.
		if t := g.target(in, pc, jumps); t >= 0 && !(falls && t == b.Succs[0]) {
			b.Succs[b.NumSuccs] = t
			b.NumSuccs++
		}
	}
}

func (g *Graph) target(in *bpf.Insn, pc int, jumps bool) int32 {
	if !jumps {
		return -1
	}
	return g.at[in.JumpTarget(pc)] - 1
}

// order computes the reverse postorder of the blocks that the entry reaches.
func (g *Graph) order() {
	n := len(g.Blocks)
	g.state = grow(g.state, n)
	clear(g.state)
	g.RPO = grow(g.RPO, n)
	pos := n
	g.stack = append(g.stack[:0], 0)
	g.state[0] = 1
	for len(g.stack) > 0 {
		i := g.stack[len(g.stack)-1]
		b := &g.Blocks[i]
		// state counts the successors already looked at, plus one. The taken
		// one goes first, so that in the reverse order it comes last.
		if k := g.state[i] - 1; k < b.NumSuccs {
			g.state[i]++
			if s := b.Succs[b.NumSuccs-1-k]; g.state[s] == 0 {
				g.state[s] = 1
				g.stack = append(g.stack, s)
			}
			continue
		}
		g.stack = g.stack[:len(g.stack)-1]
		pos--
		g.RPO[pos] = i
	}
	g.RPO = g.RPO[pos:]
}

// prune drops the blocks that order did not reach and renumbers the others.
func (g *Graph) prune() {
	if len(g.RPO) == len(g.Blocks) {
		return
	}
	renum := g.stack[:0]
	kept := int32(0)
	for i := range g.Blocks {
		renum = append(renum, kept)
		if g.state[i] != 0 {
			g.Blocks[kept] = g.Blocks[i]
			kept++
		}
	}
	g.Blocks = g.Blocks[:kept]
	for i := range g.Blocks {
		b := &g.Blocks[i]
		for k := range b.Succs[:b.NumSuccs] {
			b.Succs[k] = renum[b.Succs[k]]
		}
	}
	for i := range g.RPO {
		g.RPO[i] = renum[g.RPO[i]]
	}
	g.stack = renum
}

// link fills in the predecessors.
func (g *Graph) link() {
	counts := grow(g.at, len(g.Blocks)+1)
	clear(counts[:len(g.Blocks)])
	total := 0
	for i := range g.Blocks {
		for _, s := range g.Blocks[i].Succs[:g.Blocks[i].NumSuccs] {
			counts[s]++
			total++
		}
	}
	g.preds = grow(g.preds, total)
	next := g.preds
	for i := range g.Blocks {
		n := counts[i]
		g.Blocks[i].Preds, next = next[:0:n], next[n:]
	}
	for i := range g.Blocks {
		for _, s := range g.Blocks[i].Succs[:g.Blocks[i].NumSuccs] {
			g.Blocks[s].Preds = append(g.Blocks[s].Preds, int32(i))
		}
	}
	g.at = counts
}

func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/4)
	}
	return s[:n]
}
