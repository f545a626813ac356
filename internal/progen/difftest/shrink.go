package difftest

import (
	"errors"
	"slices"
	"time"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/engine"
	"github.com/rivetbpf/rivet/internal/load"
	"github.com/rivetbpf/rivet/internal/progen"
)

// Shrink makes p smaller while keep says that it still shows what it is to
// show. Candidates that do not load, or read registers that nothing wrote, are
// not even asked about. It takes no longer than limit.
func Shrink(p *progen.Program, keep func(*progen.Program) bool, limit time.Duration) *progen.Program {
	s := &shrinker{p: clone(p), until: time.Now().Add(limit)}
	s.keep = func(q *progen.Program) bool {
		if time.Now().After(s.until) {
			return false
		}
		mod, err := q.Module()
		return err == nil && progen.Defined(mod, q.Slots) == nil && keep(q)
	}
	for size := -1; size != s.size(); {
		size = s.size()
		s.fuel()
		s.slots()
		s.programs()
		s.nops()
		s.compact()
		s.operands()
	}
	return s.p
}

// ShrinkMismatch shrinks a program on which an engine differs from the reference.
func ShrinkMismatch(p *progen.Program, m *Mismatch, limit time.Duration) *progen.Program {
	return Shrink(p, func(q *progen.Program) bool {
		var got *Mismatch
		return errors.As(comparePair(q, m.Engine, m.Scheme), &got)
	}, limit)
}

// comparePair compares one engine, in one scheme, with the reference.
func comparePair(p *progen.Program, name string, scheme engine.Scheme) error {
	i := slices.IndexFunc(Engines, func(e Engine) bool { return e.Name == name })
	mod, err := p.Module()
	if err != nil {
		return err
	}
	ar, err := NewArena()
	if err != nil {
		return err
	}
	want, err := Run(p, mod, ar, &Engines[0], scheme, true)
	if err != nil {
		return err
	}
	return compareOne(p, mod, ar, &Engines[i], want, scheme, true)
}

type shrinker struct {
	p     *progen.Program
	keep  func(*progen.Program) bool
	until time.Time
}

func clone(p *progen.Program) *progen.Program {
	q := *p
	q.Raw = slices.Clone(p.Raw)
	for i := range q.Raw {
		q.Raw[i].Insns = slices.Clone(p.Raw[i].Insns)
	}
	q.Slots = slices.Clone(p.Slots)
	return &q
}

// size is what shrinks: instructions that do something, slots, programs.
func (s *shrinker) size() int {
	n := len(s.p.Slots) + len(s.p.Raw)
	for i := range s.p.Raw {
		for _, in := range s.p.Raw[i].Insns {
			n++
			if in == nop {
				n--
			}
		}
	}
	return n
}

// try takes over what change makes of the program, if it still shows what it must.
func (s *shrinker) try(change func(q *progen.Program)) bool {
	q := clone(s.p)
	change(q)
	if !s.keep(q) {
		return false
	}
	s.p = q
	return true
}

// fuel makes runs short, so that the rest is quick.
func (s *shrinker) fuel() {
	for _, n := range []int64{10, 50, 200, 1000} {
		if n < s.p.Fuel && s.try(func(q *progen.Program) { q.Fuel = n }) {
			return
		}
	}
}

func (s *shrinker) slots() {
	for i := len(s.p.Slots) - 1; i >= 0; i-- {
		s.try(func(q *progen.Program) { q.Slots = slices.Delete(q.Slots, i, i+1) })
	}
}

// programs removes those that no slot names.
func (s *shrinker) programs() {
	for i := len(s.p.Raw) - 1; i > 0; i-- {
		if slices.ContainsFunc(s.p.Slots, func(x progen.Slot) bool { return x.Program == i }) {
			continue
		}
		s.try(func(q *progen.Program) {
			q.Raw = slices.Delete(q.Raw, i, i+1)
			for k := range q.Slots {
				if q.Slots[k].Program > i {
					q.Slots[k].Program--
				}
			}
		})
	}
}

var nop = bpf.Insn{Op: bpf.OpJA}

// nops replaces runs of instructions, long ones first.
func (s *shrinker) nops() {
	for r := range s.p.Raw {
		for n := len(s.p.Raw[r].Insns) / 2; n > 0; n /= 2 {
			for from := 0; from < len(s.p.Raw[r].Insns); from += n {
				insns := s.p.Raw[r].Insns
				to := min(from+n, len(insns))
				start := from
				if start > 0 && insns[start-1].IsLDDW() {
					start--
				}
				if to < len(insns) && insns[to-1].IsLDDW() {
					to++
				}
				if !slices.ContainsFunc(insns[start:to], func(in bpf.Insn) bool { return in != nop }) {
					continue
				}
				s.try(func(q *progen.Program) {
					for pc := start; pc < to; pc++ {
						if pc != len(insns)-1 {
							q.Raw[r].Insns[pc] = nop
						}
					}
				})
			}
		}
	}
}

// compact removes the nops.
func (s *shrinker) compact() {
	for r := range s.p.Raw {
		if s.try(func(q *progen.Program) { removeNops(&q.Raw[r], 0, len(q.Raw[r].Insns)) }) {
			continue
		}
		for pc := len(s.p.Raw[r].Insns) - 2; pc >= 0; pc-- {
			if s.p.Raw[r].Insns[pc] == nop {
				s.try(func(q *progen.Program) { removeNops(&q.Raw[r], pc, pc+1) })
			}
		}
	}
}

// removeNops takes the nops between two slots out of a program.
func removeNops(r *load.RawProgram, from, to int) {
	to = min(to, len(r.Insns)-1)
	at := make([]int, len(r.Insns)+1) // where each slot goes
	n := 0
	for pc, in := range r.Insns {
		at[pc] = n
		if in != nop || pc < from || pc >= to {
			n++
		}
	}
	at[len(r.Insns)] = n
	var kept []bpf.Insn
	names := map[int]string{}
	for pc, in := range r.Insns {
		if name, ok := r.Names[pc]; ok {
			names[at[pc]] = name
		}
		if in == nop && pc >= from && pc < to {
			continue
		}
		move := func(d int) int {
			t := min(max(pc+1+d, 0), len(r.Insns))
			return at[t] - at[pc] - 1
		}
		switch {
		case in.Op == bpf.OpGotol, in.Op == bpf.OpCall && in.Src == bpf.CallSubprog, in.IsLDDW() && in.Src == bpf.LoadFunc:
			in.Imm = int32(move(int(in.Imm)))
		case in.Op == bpf.OpCall, in.Op == bpf.OpCallX, in.Op == bpf.OpExit:
		case in.Class() == bpf.ClassJMP || in.Class() == bpf.ClassJMP32:
			in.Off = int16(move(int(in.Off)))
		}
		kept = append(kept, in)
	}
	r.Insns, r.Names = kept, names
}

// operands makes immediates and buffers simple.
func (s *shrinker) operands() {
	s.try(func(q *progen.Program) { q.Mem = make([]byte, len(q.Mem)) })
	for i, b := range s.p.Init {
		s.try(func(q *progen.Program) {
			q.Init = slices.Clone(q.Init)
			q.Init[i] = make([]byte, len(b))
		})
	}
	for r := range s.p.Raw {
		for pc, in := range s.p.Raw[r].Insns {
			switch in.Class() {
			case bpf.ClassALU, bpf.ClassALU64, bpf.ClassST:
			default:
				continue
			}
			if in.Op&bpf.SrcX != 0 || in.ALUOp() == bpf.ALUEnd || in.Imm == 0 || in.Imm == 1 {
				continue
			}
			for _, imm := range []int32{0, 1, int32(int8(in.Imm)), int32(int16(in.Imm))} {
				if imm != in.Imm && s.try(func(q *progen.Program) { q.Raw[r].Insns[pc].Imm = imm }) {
					break
				}
			}
		}
	}
}
