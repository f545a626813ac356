package ir

import (
	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/flow"
)

// Env is what the builder must know of the world around a function.
type Env struct {
	Module *bpf.Module
	// MapValue returns the guest address of the first value of map i.
	MapValue func(i int) uint64
	// HelperArgs returns how many of R1–R5 a helper (bpf.CallHelper) or kfunc
	// (bpf.CallKfunc) reads; 5 when unknown. May be nil.
	HelperArgs func(kind uint8, id int32) int

	// args is how many arguments each function built so far reads, plus one.
	// Package load puts callees before callers, so that it is known at calls.
	args []uint8
}

// read notes how many arguments a function reads.
func (e *Env) read(fn, n int) {
	if e.args == nil {
		e.args = make([]uint8, len(e.Module.Funcs))
	}
	if fn < len(e.args) {
		e.args[fn] = uint8(n + 1)
	}
}

// NumArgs implements flow.Calls.
func (e *Env) NumArgs(in *bpf.Insn) int {
	switch {
	case in.Op == bpf.OpCallX:
		return 5
	case in.Src == bpf.CallSubprog:
		if int(in.Imm) < len(e.args) && e.args[in.Imm] > 0 {
			return int(e.args[in.Imm]) - 1
		}
		return e.Module.Funcs[in.Imm].NumArgs
	case e.HelperArgs == nil:
		return 5
	}
	return e.HelperArgs(in.Src, in.Imm)
}

// Builder turns functions into SSA form. Its memory is used again from one
// function to the next, the built function's too: a function is valid until the
// next call of Build. The zero Builder is ready to use.
type Builder struct {
	env   *Env
	graph flow.Graph
	live  flow.Liveness
	fn    Func
	order []Value          // the blocks' instruction lists
	outs  [][bpf.R10]Value // per flow block: what each register holds at its end
	done  []bool
	preds []int32

	src   *bpf.Func
	insns []bpf.Insn
	cur   [bpf.R10]Value // what each register holds now; 0: nothing defined
	shift int32          // 1 when an entry block was put before the function's own first block
	pc    int32
}

// Build returns the SSA form of a function.
func (b *Builder) Build(env *Env, src *bpf.Func) *Func {
	b.env, b.src, b.insns = env, src, src.Insns
	b.graph.Analyze(b.insns)
	b.live.Analyze(b.insns, &b.graph, b.env)
	b.reset()
	b.entry()
	for _, i := range b.graph.RPO {
		b.block(i)
	}
	b.finishPhis()
	return &b.fn
}

func (b *Builder) reset() {
	n := len(b.graph.Blocks)
	b.shift = 0
	if len(b.graph.Blocks[0].Preds) > 0 {
		b.shift = 1
	}
	f := &b.fn
	*f = Func{Name: b.src.Name, Index: b.src.Index, Src: b.src,
		Instrs: append(f.Instrs[:0], Instr{}), Extra: f.Extra[:0], Blocks: f.Blocks}
	if want := n + int(b.shift); cap(f.Blocks) < want {
		f.Blocks = make([]Block, want, want+want/4)
	} else {
		f.Blocks = f.Blocks[:want]
	}
	if cap(f.Instrs) < len(b.insns)*2 {
		f.Instrs = append(make([]Instr, 0, len(b.insns)*2+64), Instr{})
	}
	b.order = b.order[:0]
	if cap(b.order) < len(b.insns)*2 {
		b.order = make([]Value, 0, len(b.insns)*2+64)
	}
	if cap(b.outs) < n {
		b.outs = make([][bpf.R10]Value, n+n/4)
		b.done = make([]bool, n+n/4)
	}
	b.outs, b.done = b.outs[:n], b.done[:n]
	clear(b.done)
	b.preds = b.preds[:0]
	b.linkBlocks()
}

// linkBlocks copies the graph's edges, moved up by one behind an entry block.
func (b *Builder) linkBlocks() {
	total := 1
	for i := range b.graph.Blocks {
		total += len(b.graph.Blocks[i].Preds)
	}
	if cap(b.preds) < total {
		b.preds = make([]int32, 0, total+total/4)
	}
	for i := range b.graph.Blocks {
		g := &b.graph.Blocks[i]
		blk := Block{NumSuccs: g.NumSuccs, Start: g.Start}
		for k, s := range g.Succs[:g.NumSuccs] {
			blk.Succs[k] = s + b.shift
		}
		from := len(b.preds)
		if i == 0 && b.shift == 1 {
			b.preds = append(b.preds, 0)
		}
		for _, p := range g.Preds {
			b.preds = append(b.preds, p+b.shift)
		}
		blk.Preds = b.preds[from:len(b.preds):len(b.preds)]
		b.fn.Blocks[int32(i)+b.shift] = blk
	}
	if b.shift == 1 {
		b.fn.Blocks[0] = Block{NumSuccs: 1, Succs: [2]int32{1}}
	}
}

// entry defines what is live on entry: parameters, and registers that the
// program reads though nothing wrote them.
func (b *Builder) entry() {
	b.cur, b.pc = [bpf.R10]Value{}, 0
	from := len(b.order)
	live, args := b.live.In[0], 0
	for r := uint8(0); r < bpf.R10; r++ {
		if live&flow.Both(r) == 0 {
			continue
		}
		if r <= bpf.R5 {
			args = int(r)
		}
		op := OpUndef
		if r >= bpf.R1 && r <= bpf.R5 {
			op = OpParam
		}
		b.def(Instr{Op: op, Type: I64, Home: r})
	}
	b.env.read(b.src.Index, args)
	if b.shift == 1 {
		b.add(Instr{Op: OpJump, Home: NoHome})
		b.fn.Blocks[0].Instrs = b.order[from:len(b.order):len(b.order)]
	}
}

// add appends an instruction to the current block.
func (b *Builder) add(in Instr) Value {
	v := Value(len(b.fn.Instrs))
	in.Pos = b.pc
	b.fn.Instrs = append(b.fn.Instrs, in)
	b.order = append(b.order, v)
	return v
}

// def appends an instruction that writes register in.Home.
func (b *Builder) def(in Instr) Value {
	v := b.add(in)
	b.cur[in.Home] = v
	return v
}

// use returns what register r holds.
func (b *Builder) use(r uint8) Value {
	if r == bpf.R10 {
		return b.add(Instr{Op: OpFrame, Type: I64, Home: NoHome})
	}
	if v := b.cur[r]; v != 0 {
		return v
	}
	return b.def(Instr{Op: OpUndef, Type: I64, Home: r})
}

// def32 defines register r by a 32-bit operation: zero-extended where the upper half is read.
func (b *Builder) def32(in Instr) {
	in.Type = I32
	v := b.def(in)
	if b.live.High[b.pc] {
		b.def(Instr{Op: OpZext, Type: I64, Home: in.Home, A: v})
	}
}

// width returns the type of a value whose upper half is zero or sign by itself.
func (b *Builder) width() Type {
	if b.live.High[b.pc] {
		return I64
	}
	return I32
}

// block builds flow block i.
func (b *Builder) block(i int32) {
	g := &b.graph.Blocks[i]
	blk := &b.fn.Blocks[i+b.shift]
	from := len(b.order)
	if i == 0 && b.shift == 0 {
		from = 0 // with the parameters
	} else {
		b.pc = g.Start
		b.join(i, blk)
	}
	for b.pc = g.Start; b.pc < g.End; b.pc++ {
		b.insn(&b.insns[b.pc])
		if b.insns[b.pc].IsLDDW() {
			b.pc++
		}
	}
	b.pc = g.Last()
	b.end(i, blk)
	blk.Instrs = b.order[from:len(b.order):len(b.order)]
	b.outs[i], b.done[i] = b.cur, true
}

// end makes sure that every live register has a value, and closes the block.
func (b *Builder) end(i int32, blk *Block) {
	live := b.live.Out[i]
	for r := uint8(0); r < bpf.R10; r++ {
		if b.cur[r] == 0 && live&flow.Both(r) != 0 {
			b.def(Instr{Op: OpUndef, Type: I64, Home: r})
		}
	}
	in := &b.insns[b.pc]
	if c := in.Class(); c == bpf.ClassJMP || c == bpf.ClassJMP32 {
		op := in.JmpOp()
		if op != bpf.JmpExit && op != bpf.JmpCall {
			blk.Backward = in.JumpTarget(int(b.pc)) <= int(b.pc)
			switch {
			case blk.NumSuccs == 2 && op == bpf.JmpCond:
				b.add(Instr{Op: OpMayGoto, Home: NoHome})
				return
			case blk.NumSuccs == 2:
				b.branch(in)
				return
			}
		}
	}
	if blk.NumSuccs == 1 {
		b.add(Instr{Op: OpJump, Home: NoHome})
	}
}

var conds = [16]Cond{
	bpf.JmpJEQ >> 4: EQ, bpf.JmpJNE >> 4: NE, bpf.JmpJSET >> 4: SET,
	bpf.JmpJGT >> 4: UGT, bpf.JmpJGE >> 4: UGE, bpf.JmpJLT >> 4: ULT, bpf.JmpJLE >> 4: ULE,
	bpf.JmpJSGT >> 4: SGT, bpf.JmpJSGE >> 4: SGE, bpf.JmpJSLT >> 4: SLT, bpf.JmpJSLE >> 4: SLE,
}

func (b *Builder) branch(in *bpf.Insn) {
	t := I64
	if in.Class() == bpf.ClassJMP32 {
		t = I32
	}
	br := Instr{Op: OpBr, Type: t, Home: NoHome, Aux: uint8(conds[in.JmpOp()>>4]), A: b.use(in.Dst)}
	if in.Op&bpf.SrcX != 0 {
		br.B = b.use(in.Src)
	} else {
		br.Imm = int64(in.Imm)
	}
	b.add(br)
}

// join sets up the registers at the start of flow block i. Where the
// predecessors disagree, or are not all known, a register gets a phi.
func (b *Builder) join(i int32, blk *Block) {
	g := &b.graph.Blocks[i]
	entryEdge := i == 0 // only with b.shift == 1: cur holds the entry block's values
	if len(g.Preds) == 1 && !entryEdge {
		b.cur = b.outs[g.Preds[0]]
		return
	}
	known := !entryEdge
	for _, p := range g.Preds {
		known = known && b.done[p]
	}
	start := b.cur
	if known {
		b.cur = b.outs[g.Preds[0]]
	}
	live := b.live.In[i]
	for r := uint8(0); r < bpf.R10; r++ {
		if live&flow.Both(r) == 0 {
			b.cur[r] = 0
			continue
		}
		if known && b.agree(g.Preds, r) {
			continue
		}
		t := I32
		if live&(flow.Both(r)&^flow.Lo(r)) != 0 {
			t = I64
		}
		n := int32(len(b.fn.Extra))
		if entryEdge {
			b.fn.Extra = append(b.fn.Extra, start[r])
		}
		for _, p := range g.Preds {
			v := Value(0)
			if b.done[p] {
				v = b.outs[p][r]
			}
			b.fn.Extra = append(b.fn.Extra, v)
		}
		b.def(Instr{Op: OpPhi, Type: t, Home: r, N: n, Imm: int64(len(blk.Preds))})
	}

}

func (b *Builder) agree(preds []int32, r uint8) bool {
	v := b.outs[preds[0]][r]
	for _, p := range preds[1:] {
		if b.outs[p][r] != v {
			return false
		}
	}
	return true
}

// finishPhis fills in the operands that come along back edges.
func (b *Builder) finishPhis() {
	f := &b.fn
	for i := range f.Blocks {
		blk := &f.Blocks[i]
		for _, v := range blk.Instrs {
			in := &f.Instrs[v]
			if in.Op != OpPhi {
				break
			}
			for k, p := range blk.Preds {
				if a := &f.Extra[int(in.N)+k]; *a == 0 && p >= b.shift {
					*a = b.outs[p-b.shift][in.Home]
				}
			}
		}
	}
}
