package load

import "github.com/rivetbpf/rivet/internal/bpf"

// facts is what is known about a function besides its instructions.
type facts struct {
	tailCall, callX, reachTail bool
	stackUsed, frameSize       int
	numArgs                    int
}

// analyse fills the facts of every function, callees first.
func (u *unit) analyse(order []int) {
	s := &scan{u: u}
	for n := len(order) - 1; n >= 0; n-- {
		f := &u.funcs[order[n]]
		f.reachTail = f.tailCall
		for _, c := range f.callees {
			f.reachTail = f.reachTail || u.funcs[c].reachTail
		}
		s.run(f)
	}
}

// Offsets from r10 that a register of a state can hold, besides real ones.
const (
	notStack = 1<<15 - 1  // not derived from r10
	anywhere = -1 << 15   // derived from r10 by arithmetic that is not constant
	farthest = -1<<15 + 1 // real offsets are this and above
)

// state is what is known before an instruction. States form a lattice in which
// joins only ever lower low and clear bits of written, so iteration ends.
type state struct {
	low     [bpf.R10]int16 // least offset from r10 that each register can hold
	stack   uint16         // registers whose low is not notStack
	written uint16         // registers that were written on every path
	reached bool
}

// maxPasses bounds the analysis of one function, so that it is linear. Code
// that clang lays out needs two or three passes; after a back edge has changed
// a state that often, its registers are widened to anywhere.
const (
	widenPass = 3
	maxPasses = 8
)

// scan finds the stack bytes and the arguments that a function uses, by
// walking its instructions in order, with a state kept at each jump target.
type scan struct {
	u      *unit
	f      *fn
	id     []int32 // by slot: index+1 into states of a jump target, else 0
	states []state
	pass   int
	again  bool // a back edge changed its target's state

	cur     state
	lowest  int
	lost    bool // r10 is used in a way that constants do not describe
	args    int
	scratch []int32
}

func (s *scan) run(f *fn) {
	s.f, s.lowest, s.lost, s.args = f, 0, false, 0
	s.prepareTargets()
	entry := state{reached: true}
	for r := range entry.low {
		entry.low[r] = notStack
	}
	for s.pass = 1; s.pass <= maxPasses; s.pass++ {
		s.again = false
		s.walk(entry)
		if !s.again {
			break
		}
	}
	if s.again {
		s.giveUp()
	}
	f.numArgs, f.stackUsed = s.args, s.lowest
	f.frameSize = (s.lowest + 7) &^ 7
	if s.lost {
		f.frameSize = max(f.frameSize, bpf.MaxStack)
	}
	for _, t := range s.scratch {
		s.id[t] = 0
	}
}

// giveUp assumes the most about code that jumps back and forth too wildly.
func (s *scan) giveUp() {
	s.lost, s.args = true, 5
	for i := range s.f.insns {
		in := &s.f.insns[i]
		switch in.Class() {
		case bpf.ClassLDX:
			if in.Src == bpf.R10 {
				s.touch(int(in.Off))
			}
		case bpf.ClassST, bpf.ClassSTX:
			if in.Dst == bpf.R10 {
				s.touch(int(in.Off))
			}
		}
	}
}

// prepareTargets gives each jump target an unreached state.
func (s *scan) prepareTargets() {
	if len(s.id) < len(s.f.insns) {
		s.id = make([]int32, len(s.u.insns))
	}
	s.scratch = s.scratch[:0]
	for _, pc := range s.f.jumps {
		t := s.f.insns[pc].JumpTarget(int(pc))
		if s.id[t] == 0 {
			s.scratch = append(s.scratch, int32(t))
			s.id[t] = int32(len(s.scratch))
		}
	}
	if cap(s.states) < len(s.scratch) {
		s.states = make([]state, len(s.scratch))
	}
	s.states = s.states[:len(s.scratch)]
	clear(s.states)
}

func (s *scan) walk(entry state) {
	s.cur = entry
	for pc := 0; pc < len(s.f.insns); pc++ {
		if id := s.id[pc]; id != 0 {
			at := &s.states[id-1]
			if s.cur.reached {
				at.join(&s.cur, false)
			}
			s.cur = *at
		}
		if !s.cur.reached {
			continue
		}
		in := &s.f.insns[pc]
		switch rules[in.Op].special {
		case jump:
			s.reads(in.Dst)
			if in.Op&bpf.SrcX != 0 {
				s.reads(in.Src)
			}
			s.jump(pc, in)
		case jumpAll:
			s.jump(pc, in)
			s.cur.reached = false
		case exit:
			s.cur.reached = false
		case lddw:
			s.set(in.Dst, notStack)
			pc++
		case call, callX:
			s.call(in)
		case atomic:
			s.atomic(in)
		default:
			s.step(in)
		}
	}
}

func (s *scan) jump(pc int, in *bpf.Insn) {
	t := in.JumpTarget(pc)
	back := t <= pc
	if s.states[s.id[t]-1].join(&s.cur, back && s.pass >= widenPass) && back {
		s.again = true
	}
}

// join merges from into s and reports whether s changed.
func (s *state) join(from *state, widen bool) (changed bool) {
	if !s.reached {
		*s = *from
		return true
	}
	if w := s.written & from.written; w != s.written {
		s.written, changed = w, true
	}
	if from.stack == 0 {
		return changed
	}
	for r, low := range from.low {
		if low >= s.low[r] {
			continue
		}
		if widen {
			low = anywhere
		}
		s.low[r], changed = low, true
	}
	s.stack |= from.stack
	return changed
}

// reads notes a register read: an argument unless it was written before.
func (s *scan) reads(r uint8) {
	if r >= bpf.R1 && r <= bpf.R5 && s.cur.written&(1<<r) == 0 {
		s.args = max(s.args, int(r))
	}
}

// set gives r the offset low.
func (s *scan) set(r uint8, low int16) {
	s.cur.written |= 1 << r
	if low == notStack && s.cur.stack&(1<<r) == 0 {
		return
	}
	s.cur.low[r] = low
	if low == notStack {
		s.cur.stack &^= 1 << r
	} else {
		s.cur.stack |= 1 << r
	}
}

// get returns the offset from r10 that r holds.
func (s *scan) get(r uint8) int16 {
	if r == bpf.R10 {
		return 0
	}
	return s.cur.low[r]
}

// touch notes that the byte at off from r10 may be accessed.
func (s *scan) touch(off int) {
	if -off > s.lowest {
		s.lowest = -off
	}
}

// access notes a load or store at r+off.
func (s *scan) access(r uint8, off int16) {
	s.reads(r)
	if r != bpf.R10 && s.cur.stack&(1<<r) == 0 {
		return
	}
	if low := s.get(r); low == anywhere {
		s.lost = true
	} else {
		s.touch(int(low) + int(off))
	}
}

// escapes notes that r, if it points into the frame, goes where its use is not
// seen. Whoever gets it may go up from it, and is trusted not to go down
// further than a frame reaches.
func (s *scan) escapes(r uint8) {
	if r == bpf.R10 || s.cur.stack&(1<<r) != 0 {
		s.lost = true
		if low := s.get(r); low >= -bpf.MaxStack {
			s.touch(int(low))
		}
	}
}

// step runs an arithmetic instruction, a load or a store.
func (s *scan) step(in *bpf.Insn) {
	switch in.Class() {
	case bpf.ClassLDX:
		s.access(in.Src, in.Off)
		s.set(in.Dst, notStack)
	case bpf.ClassST:
		s.access(in.Dst, in.Off)
	case bpf.ClassSTX:
		s.reads(in.Src)
		s.escapes(in.Src)
		s.access(in.Dst, in.Off)
	default:
		s.arith(in)
	}
}

func (s *scan) arith(in *bpf.Insn) {
	x := in.Op&bpf.SrcX != 0 && in.ALUOp() != bpf.ALUEnd
	if x {
		s.reads(in.Src)
	}
	if in.ALUOp() != bpf.ALUMov {
		s.reads(in.Dst)
	}
	touched := s.cur.stack&(1<<in.Dst) != 0 || x && (in.Src == bpf.R10 || s.cur.stack&(1<<in.Src) != 0)
	if !touched {
		s.set(in.Dst, notStack)
		return
	}
	low := int16(anywhere)
	switch {
	case in.Op == bpf.OpMovX && in.Off == 0:
		low = s.get(in.Src)
	case in.Op == bpf.OpMovK || in.Op == bpf.ClassALU|bpf.ALUMov:
		low = notStack
	case in.Op == bpf.ClassALU64|bpf.ALUAdd:
		low = shift(s.get(in.Dst), int64(in.Imm))
	case in.Op == bpf.ClassALU64|bpf.ALUSub:
		low = shift(s.get(in.Dst), -int64(in.Imm))
	}
	if low != notStack && low >= -bpf.MaxStack {
		s.touch(int(low))
	}
	s.set(in.Dst, low)
}

// shift adds d to an offset.
func shift(low int16, d int64) int16 {
	if v := int64(low) + d; low != anywhere && v >= farthest && v < notStack {
		return int16(v)
	}
	return anywhere
}

func (s *scan) atomic(in *bpf.Insn) {
	if in.Imm == bpf.AtomicLoadAcq {
		s.access(in.Src, in.Off)
		s.set(in.Dst, notStack)
		return
	}
	s.reads(in.Src)
	s.escapes(in.Src)
	s.access(in.Dst, in.Off)
	switch {
	case in.Imm == bpf.AtomicCmpXchg:
		s.set(bpf.R0, notStack)
	case in.Imm&bpf.AtomicFetch != 0:
		s.set(in.Src, notStack)
	}
}

func (s *scan) call(in *bpf.Insn) {
	n := 5
	switch {
	case in.Op == bpf.OpCallX:
		s.reads(in.Dst)
	case in.Src == bpf.CallHelper:
		if in.Imm == bpf.HelperTailCall {
			n = 3
		} // else a helper of the user's own may have this number: all five
	case in.Src == bpf.CallSubprog:
		n = s.u.funcs[in.Imm].numArgs
	}
	known := in.Op == bpf.OpCall && in.Src == bpf.CallHelper
	for r := uint8(bpf.R1); r <= uint8(n); r++ {
		s.reads(r)
		if known {
			s.passes(r)
		} else {
			s.escapes(r)
		}
	}
	for r := uint8(bpf.R0); r <= bpf.R5; r++ {
		s.set(r, notStack)
	}
}

// passes notes that a helper gets r: helpers go up from a pointer only.
func (s *scan) passes(r uint8) {
	if s.cur.stack&(1<<r) == 0 {
		return
	}
	if low := s.cur.low[r]; low < -bpf.MaxStack {
		s.lost = true
	} else {
		s.touch(int(low))
	}
}
