package progen

import (
	"fmt"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/flow"
)

// Defined reports the first read of a register that need not have been written
// on the way there. Linux's verifier refuses such programs; engines may
// disagree on them. In an entry R1 is written, and R2 in program 0 when no tail
// call can reach it; in a subprogram the arguments that it reads.
func Defined(mod *bpf.Module, slots []Slot) error {
	c := &checker{mod: mod, args: make([]int, len(mod.Funcs))}
	for i := range c.args {
		c.args[i] = -1
	}
	for _, f := range mod.Funcs {
		c.argsOf(f)
	}
	for _, f := range mod.Funcs {
		init := flow.Args(c.args[f.Index])
		if f.Entry {
			init = flow.Both(bpf.R1)
		}
		if f.Index == mod.Programs[0].Func && !tailCalled(slots, 0) {
			init |= flow.Both(bpf.R2)
		}
		if err := c.function(f, init|flow.Both(bpf.R10)); err != nil {
			return err
		}
	}
	return nil
}

func tailCalled(slots []Slot, prog int) bool {
	for _, s := range slots {
		if s.Program == prog {
			return true
		}
	}
	return false
}

type checker struct {
	mod  *bpf.Module
	args []int // by function: how many of R1 to R5 it reads, or -1
}

// argsOf finds out how many arguments f reads. (Func.NumArgs is a bound: it
// takes helpers to read all five.)
func (c *checker) argsOf(f *bpf.Func) int {
	if c.args[f.Index] >= 0 {
		return c.args[f.Index]
	}
	var g flow.Graph
	var live flow.Liveness
	g.Analyze(f.Insns)
	live.Analyze(f.Insns, &g, c)
	n := 0
	for r := uint8(bpf.R1); r <= bpf.R5; r++ {
		if live.In[0]&flow.Both(r) != 0 {
			n = int(r)
		}
	}
	c.args[f.Index] = n
	return n
}

// NumArgs implements flow.Calls.
func (c *checker) NumArgs(in *bpf.Insn) int {
	switch {
	case in.Op == bpf.OpCallX:
		n := 0
		for _, f := range c.mod.Funcs {
			if f.AddrTaken {
				n = max(n, c.argsOf(f))
			}
		}
		return n
	case in.Src == bpf.CallSubprog:
		return c.argsOf(c.mod.Funcs[in.Imm])
	}
	return HelperArgs(in.Src, in.Imm)
}

func (c *checker) function(f *bpf.Func, init flow.Set) error {
	var g flow.Graph
	g.Analyze(f.Insns)
	in := make([]flow.Set, len(g.Blocks))
	for i := range in {
		in[i] = ^flow.Set(0)
	}
	in[0] = init
	for changed := true; changed; {
		changed = false
		for _, i := range g.RPO {
			b := &g.Blocks[i]
			out, _ := c.block(f, b, in[i])
			for _, s := range b.Succs[:b.NumSuccs] {
				if in[s]&out != in[s] {
					in[s] &= out
					changed = true
				}
			}
		}
	}
	for _, i := range g.RPO {
		if _, err := c.block(f, &g.Blocks[i], in[i]); err != nil {
			return err
		}
	}
	return nil
}

// block returns what is written at the end of a block.
func (c *checker) block(f *bpf.Func, b *flow.Block, init flow.Set) (out flow.Set, err error) {
	for pc := b.Start; pc < b.End; pc++ {
		in := &f.Insns[pc]
		use, def := flow.Effects(in, c)
		if bad := use &^ init; bad != 0 && err == nil {
			err = fmt.Errorf("%s: insn %d reads a register that need not have been written (set %#x)", f.Name, pc, bad)
		}
		init |= def
		switch {
		case in.IsLDDW():
			pc++
		case in.Op == bpf.OpCall || in.Op == bpf.OpCallX:
			init &^= flow.Args(5)
			if in.IsTailCall() {
				init &^= flow.Both(bpf.R0)
			}
		}
	}
	return init, err
}
