// Package ctxaccess finds the instructions that access a field of their program's context which programs of that type do
// not have, or may not write. Linux's verifier refuses such programs; here the instruction becomes one that always faults,
// and says why. What it does not find stays a plain memory access: nothing is refused on suspicion.
package ctxaccess

import (
	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/progctx"
)

// Refuse puts a call of a helper of its own in place of each such instruction of m, and lists them in m.Traps.
func Refuse(m *bpf.Module) {
	a := &analysis{m: m, in: make([]*state, len(m.Funcs))}
	for _, p := range m.Programs {
		entry := &state{}
		entry.regs[bpf.R1] = value{kind: context, layout: progctx.For(p.Type)}
		a.enter(p.Func, entry)
	}
	for i, f := range m.Funcs {
		if f.AddrTaken { // whoever calls it through its address is not seen
			a.enter(i, &state{})
		}
	}
	for _, i := range callersFirst(m) {
		if a.in[i] != nil {
			a.function(i)
		}
	}
}

// callersFirst returns the functions so that each comes before those that it calls. There are no cycles.
func callersFirst(m *bpf.Module) []int {
	seen := make([]bool, len(m.Funcs))
	var after []int
	var visit func(int)
	visit = func(i int) {
		if seen[i] {
			return
		}
		seen[i] = true
		for _, c := range m.Funcs[i].Callees {
			visit(c)
		}
		after = append(after, i)
	}
	for i := range m.Funcs {
		visit(i)
	}
	order := make([]int, len(after))
	for i, f := range after {
		order[len(after)-1-i] = f
	}
	return order
}

type analysis struct {
	m  *bpf.Module
	in []*state // what is known where a function begins; nil: nobody calls it

	f       *bpf.Func
	at      map[int]*state // what is known at targets of jumps
	now     state
	again   bool
	collect bool
}

// enter notes a call of function i.
func (a *analysis) enter(i int, s *state) {
	if a.in[i] == nil {
		a.in[i] = &state{exposed: nothing}
		*a.in[i] = *s
		a.in[i].exposed = nothing
		return
	}
	a.in[i].join(s)
}

// maxPasses bounds the work on one function. Code that clang lays out needs two or three; of a function that needs
// more nothing is refused.
const maxPasses = 8

func (a *analysis) function(i int) {
	a.f, a.at, a.collect = a.m.Funcs[i], map[int]*state{}, false
	for pass := 0; ; pass++ {
		if pass == maxPasses || a.indirect() {
			a.in[i] = &state{exposed: nothing} // its callees are told that nothing is known
			a.at = map[int]*state{}
			break
		}
		a.again = false
		a.walk(a.in[i])
		if !a.again {
			break
		}
	}
	a.collect = true
	for a.again = true; a.again; {
		a.again = false
		a.walk(a.in[i])
	}
}

// indirect reports whether the function jumps where a register says.
func (a *analysis) indirect() bool {
	for pc, in := range a.f.Insns {
		if in.Op == bpf.OpJA|bpf.SrcX && (pc == 0 || !a.f.Insns[pc-1].IsLDDW()) {
			return true
		}
	}
	return false
}

// walk goes over the instructions in order, with what is known where they are reached.
func (a *analysis) walk(entry *state) {
	a.now = *entry
	a.now.regs[bpf.R10] = value{kind: frame}
	live := true
	insns := a.f.Insns
	targets := a.targets()
	for pc := 0; pc < len(insns); pc++ {
		in := insns[pc]
		if targets[pc] {
			if live {
				a.meet(pc)
			}
			if live = a.at[pc] != nil; live {
				a.now = *a.at[pc]
			}
		}
		switch {
		case !live:
			if in.IsLDDW() {
				pc++
			}
		case in.IsLDDW():
			a.now.set(in.Dst, value{})
			pc++
		case in.Op == bpf.OpExit:
			live = false
		case in.Class() == bpf.ClassJMP || in.Class() == bpf.ClassJMP32:
			if in.Op == bpf.OpCall || in.Op == bpf.OpCallX {
				a.call(in)
				continue
			}
			a.meet(in.JumpTarget(pc))
			live = in.Op != bpf.OpJA && in.Op != bpf.OpGotol
		case in.Class() == bpf.ClassALU || in.Class() == bpf.ClassALU64:
			a.now.arithmetic(in)
		default:
			a.access(pc, in)
		}
	}
}

// targets says where jumps lead to.
func (a *analysis) targets() []bool {
	t := make([]bool, len(a.f.Insns)+1)
	for pc, in := range a.f.Insns {
		c := in.Class()
		if (c == bpf.ClassJMP || c == bpf.ClassJMP32) && in.JmpOp() != bpf.JmpCall && in.JmpOp() != bpf.JmpExit && (pc == 0 || !a.f.Insns[pc-1].IsLDDW()) {
			if to := in.JumpTarget(pc); to >= 0 && to < len(t) {
				t[to] = true
			}
		}
	}
	return t
}

// meet joins what is known now into what is known at pc.
func (a *analysis) meet(pc int) {
	at := a.at[pc]
	if at == nil {
		at = new(state)
		*at = a.now
		a.at[pc] = at
		a.again = true
		return
	}
	if at.join(&a.now) {
		a.again = true
	}
}

// access is a load, a store or an atomic operation.
func (a *analysis) access(pc int, in bpf.Insn) {
	s := &a.now
	load := in.Class() == bpf.ClassLDX || in.Mode() == bpf.ModeAtomic && in.Imm == bpf.AtomicLoadAcq
	base := in.Dst
	if load {
		base = in.Src
	}
	v := s.regs[base]
	if v.kind == context && a.collect {
		if why := v.layout.Refuse(int(v.off)+int(in.Off), in.Size(), !load); why != "" {
			a.trap(pc, why)
		}
	}
	if load {
		s.set(in.Dst, s.spilled(v, in))
		return
	}
	if in.Class() == bpf.ClassSTX {
		s.escapes(s.regs[in.Src])
	}
	s.store(v, in)
	if in.Mode() == bpf.ModeAtomic {
		if in.Imm == bpf.AtomicCmpXchg {
			s.set(bpf.R0, value{})
		} else if in.Imm&bpf.AtomicFetch != 0 {
			s.set(in.Src, value{})
		}
	}
}

// trap replaces an instruction. What follows is never reached from it.
func (a *analysis) trap(pc int, why string) {
	a.f.Insns[pc] = bpf.Insn{Op: bpf.OpCall, Imm: bpf.HelperTrap + int32(len(a.m.Traps))}
	a.m.Traps = append(a.m.Traps, bpf.Trap{Func: a.f.Index, Insn: pc, Why: why})
}

// call forgets what a call destroys, and what the callee may change through a pointer into the frame.
func (a *analysis) call(in bpf.Insn) {
	s := &a.now
	for r := bpf.R1; r <= bpf.R5; r++ {
		s.escapes(s.regs[r])
	}
	if in.Op == bpf.OpCall && in.Src == bpf.CallSubprog && a.collect {
		args := &state{}
		for r := bpf.R1; r <= bpf.R5; r++ {
			if s.regs[r].kind == context {
				args.regs[r] = s.regs[r]
			}
		}
		a.enter(int(in.Imm), args)
	}
	for r := bpf.R0; r <= bpf.R5; r++ {
		s.set(uint8(r), value{})
	}
}
