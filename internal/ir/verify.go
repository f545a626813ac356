package ir

import (
	"fmt"
	"slices"

	"github.com/rivetbpf/rivet/internal/bpf"
)

// Verify reports the first thing in f that no later stage could make sense of:
// edges that do not match, blocks that do not end, operands of the wrong type
// or not defined where they are used, and values used after their home was
// written again. It takes near-linear time; tests, fuzzers and debugging
// switches call it.
func Verify(f *Func) error {
	v := &verifier{f: f}
	if err := v.structure(); err != nil {
		return fmt.Errorf("func %q: %w", f.Name, err)
	}
	v.order()
	v.dominators()
	v.homes()
	for _, b := range v.rpo {
		if err := v.uses(b); err != nil {
			return fmt.Errorf("func %q: %w", f.Name, err)
		}
	}
	return nil
}

// clobbered, as what a home holds, is a value that nobody may use.
const clobbered Value = -1

type verifier struct {
	f     *Func
	in    []int32 // per value: its block, or -1
	index []int32 // per value: where in its block
	rpo   []int32 // reachable blocks in reverse postorder
	num   []int32 // per block: position in rpo, or -1
	idom  []int32
	hold  [][bpf.NumRegs]Value // per block: what each home holds at its start; 0 is unknown yet
	outs  [][bpf.NumRegs]Value // and at its end
}

func (v *verifier) errorf(b int32, val Value, format string, args ...any) error {
	line := v.f.InstrString(&v.f.Blocks[b], val)
	return fmt.Errorf("b%d: %s: %s", b, line, fmt.Sprintf(format, args...))
}

// structure checks what can be checked without knowing the flow, and that every
// index is in range.
func (v *verifier) structure() error {
	f := v.f
	if len(f.Blocks) == 0 || len(f.Blocks[0].Preds) != 0 {
		return fmt.Errorf("the entry block is missing or has predecessors")
	}
	v.in, v.index = make([]int32, len(f.Instrs)), make([]int32, len(f.Instrs))
	for i := range v.in {
		v.in[i] = -1
	}
	for b := range f.Blocks {
		if err := v.blockShape(int32(b)); err != nil {
			return err
		}
	}
	if err := v.edges(); err != nil {
		return err
	}
	for b := range f.Blocks {
		for _, val := range f.Blocks[b].Instrs {
			if err := v.operands(int32(b), val); err != nil {
				return err
			}
		}
	}
	return nil
}

// blockShape checks a block's instruction list: phis first, one block end, last.
func (v *verifier) blockShape(b int32) error {
	f := v.f
	blk := &f.Blocks[b]
	if b > 0 && blk.Start < f.Blocks[b-1].Start {
		return fmt.Errorf("b%d starts at slot %d, before b%d: blocks stand in slot order", b, blk.Start, b-1)
	}
	phis := true
	for i, val := range blk.Instrs {
		if val <= 0 || int(val) >= len(f.Instrs) {
			return fmt.Errorf("b%d: instruction %d is v%d, which does not exist", b, i, val)
		}
		if v.in[val] >= 0 {
			return fmt.Errorf("v%d stands in b%d and again in b%d", val, v.in[val], b)
		}
		v.in[val], v.index[val] = b, int32(i)
		op := f.Instrs[val].Op
		if op == OpInvalid || op >= NumOps {
			return fmt.Errorf("b%d: v%d has no valid operation", b, val)
		}
		if op == OpPhi && !phis {
			return fmt.Errorf("b%d: v%d is a phi behind other instructions", b, val)
		}
		phis = op == OpPhi
		if last := i == len(blk.Instrs)-1; op.EndsBlock() != last {
			return fmt.Errorf("b%d: instruction %d (%v): exactly the last one ends the block", b, i, op)
		}
	}
	if len(blk.Instrs) == 0 {
		return fmt.Errorf("b%d is empty", b)
	}
	want := [...]uint8{OpJump - OpJump: 1, OpBr - OpJump: 2, OpMayGoto - OpJump: 2, OpExit - OpJump: 0}
	end := f.Instrs[blk.Instrs[len(blk.Instrs)-1]].Op
	if blk.NumSuccs != want[end-OpJump] {
		return fmt.Errorf("b%d ends with %v but has %d successors", b, end, blk.NumSuccs)
	}
	if blk.Backward && blk.NumSuccs == 0 {
		return fmt.Errorf("b%d is marked backward but jumps nowhere", b)
	}
	return nil
}

// edges checks that successors and predecessors are each other's mirror image:
// every predecessor listed is a different edge that exists, and there are as
// many of them as edges.
func (v *verifier) edges() error {
	f := v.f
	edges := 0
	seen := make([]int32, len(f.Blocks)) // 1 + the last block that listed it
	for b := range f.Blocks {
		blk := &f.Blocks[b]
		edges += int(blk.NumSuccs)
		for _, s := range blk.Succs[:blk.NumSuccs] {
			if s < 0 || int(s) >= len(f.Blocks) {
				return fmt.Errorf("b%d goes to b%d, which does not exist", b, s)
			}
		}
		if blk.NumSuccs == 2 && blk.Succs[0] == blk.Succs[1] {
			return fmt.Errorf("b%d goes to b%d on both edges: that is a jump", b, blk.Succs[0])
		}
		for _, p := range blk.Preds {
			if p < 0 || int(p) >= len(f.Blocks) {
				return fmt.Errorf("b%d has predecessor b%d, which does not exist", b, p)
			}
			pb := &f.Blocks[p]
			if seen[p] == int32(b+1) || !slices.Contains(pb.Succs[:pb.NumSuccs], int32(b)) {
				return fmt.Errorf("b%d lists predecessor b%d twice, or b%d does not go there", b, p, p)
			}
			seen[p] = int32(b + 1)
			edges--
		}
	}
	if edges != 0 {
		return fmt.Errorf("%d edges are missing in the lists of predecessors", edges)
	}
	return nil
}

// order numbers the reachable blocks in reverse postorder.
func (v *verifier) order() {
	n := len(v.f.Blocks)
	next := make([]uint8, n) // 1 + how many successors were looked at
	v.rpo, v.num = make([]int32, 0, n), make([]int32, n)
	stack := append(make([]int32, 0, n), 0)
	next[0] = 1
	for len(stack) > 0 {
		b := stack[len(stack)-1]
		if blk := &v.f.Blocks[b]; next[b]-1 < blk.NumSuccs {
			s := blk.Succs[next[b]-1]
			next[b]++
			if next[s] == 0 {
				next[s] = 1
				stack = append(stack, s)
			}
			continue
		}
		stack = stack[:len(stack)-1]
		v.rpo = append(v.rpo, b)
	}
	slices.Reverse(v.rpo)
	for i := range v.num {
		v.num[i] = -1
	}
	for i, b := range v.rpo {
		v.num[b] = int32(i)
	}
}

// dominators computes immediate dominators (Cooper, Harvey and Kennedy, "A
// Simple, Fast Dominance Algorithm").
func (v *verifier) dominators() {
	v.idom = make([]int32, len(v.f.Blocks))
	for i := range v.idom {
		v.idom[i] = -1
	}
	v.idom[0] = 0
	for changed := true; changed; {
		changed = false
		for _, b := range v.rpo[1:] {
			d := int32(-1)
			for _, p := range v.f.Blocks[b].Preds {
				switch {
				case v.num[p] < 0 || v.idom[p] < 0:
				case d < 0:
					d = p
				default:
					d = v.meet(d, p)
				}
			}
			if v.idom[b] != d {
				v.idom[b] = d
				changed = true
			}
		}
	}
}

func (v *verifier) meet(a, b int32) int32 {
	for a != b {
		for v.num[a] > v.num[b] {
			a = v.idom[a]
		}
		for v.num[b] > v.num[a] {
			b = v.idom[b]
		}
	}
	return a
}

// homes computes what each home holds at the start of each block: the same
// value along every path, or clobbered.
func (v *verifier) homes() {
	f := v.f
	v.hold = make([][bpf.NumRegs]Value, len(f.Blocks))
	v.outs = make([][bpf.NumRegs]Value, len(f.Blocks))
	for r := range v.hold[0] {
		v.hold[0][r] = clobbered // nothing until something is defined
	}
	for changed := true; changed; {
		changed = false
		for _, b := range v.rpo {
			hold := &v.hold[b]
			for _, p := range f.Blocks[b].Preds {
				for r, held := range v.outs[p] {
					if held != 0 && hold[r] == 0 {
						hold[r] = held
					} else if held != 0 && hold[r] != held {
						hold[r] = clobbered
					}
				}
			}
			out := *hold
			for _, val := range f.Blocks[b].Instrs {
				v.step(&out, val)
			}
			if out != v.outs[b] {
				v.outs[b], changed = out, true
			}
		}
	}
}

// step applies to hold what instruction val does to the homes.
func (v *verifier) step(hold *[bpf.NumRegs]Value, val Value) {
	in := &v.f.Instrs[val]
	if in.Op.IsCall() {
		for r := bpf.R1; r <= bpf.R5; r++ {
			hold[r] = clobbered // RFC 9669, section 2: a callee may write R0–R5
		}
	}
	if in.Home != NoHome {
		hold[in.Home] = val
	}
}

// uses checks every operand in block b: defined on every path to it, and still in its home.
func (v *verifier) uses(b int32) error {
	f := v.f
	blk := &f.Blocks[b]
	hold := v.hold[b]
	var buf [8]Value
	for _, val := range blk.Instrs {
		if f.Instrs[val].Op == OpPhi {
			if err := v.phi(b, val); err != nil {
				return err
			}
			v.step(&hold, val)
			continue
		}
		for _, a := range f.operandsOf(blk, val, buf[:0]) {
			if err := v.live(b, val, a, &hold); err != nil {
				return err
			}
		}
		v.step(&hold, val)
	}
	return nil
}

// phi checks a phi's operands, each at the end of its predecessor.
func (v *verifier) phi(b int32, val Value) error {
	blk := &v.f.Blocks[b]
	for k, a := range v.f.Operands(val) {
		p := blk.Preds[k]
		if v.num[p] < 0 {
			continue
		}
		if err := v.live(b, val, a, &v.outs[p]); err != nil {
			return fmt.Errorf("%w (at the end of b%d)", err, p)
		}
	}
	return nil
}

// live checks that operand a of val can be used at a place where the homes hold
// hold; for a phi's operand that is the end of a predecessor.
func (v *verifier) live(b int32, val, a Value, hold *[bpf.NumRegs]Value) error {
	in := &v.f.Instrs[a]
	if in.Home != NoHome {
		switch held := hold[in.Home]; {
		case held == a:
			return nil
		case held == clobbered || held == 0:
			return v.errorf(b, val, "v%d is not in its home r%d here on every path", a, in.Home)
		default:
			return v.errorf(b, val, "v%d is used after its home r%d was given to v%d", a, in.Home, held)
		}
	}
	at := v.in[a]
	if at == b {
		if v.index[a] >= v.index[val] {
			return v.errorf(b, val, "v%d is used before it is defined", a)
		}
		return nil
	}
	for d := b; d != 0; {
		if d = v.idom[d]; d == at {
			return nil
		}
	}
	return v.errorf(b, val, "v%d of b%d is not defined on every path to here", a, at)
}
