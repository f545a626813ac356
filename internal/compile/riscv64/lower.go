package riscv64

import (
	"fmt"
	"slices"
	"sync"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/compile"
	"github.com/rivetbpf/rivet/internal/compile/riscv64/rv"
	"github.com/rivetbpf/rivet/internal/engine"
	"github.com/rivetbpf/rivet/internal/ir"
)

// lower is the state of lowering one function. Its slices are used again by the next.
type lower struct {
	asm
	u    *compile.Unit
	f    *ir.Func
	trap bool // leave by GateTrap

	work    []ir.Value // scratch
	uses    []int32    // per value: how many emitted instructions read its register
	upper   []upper    // per value: what is known of the upper half of its register
	frame   frame
	count   countFlow
	block   int           // the block being lowered
	labels  compile.Label // of block 0
	landing []int32       // per block: the first one from there on that has code
	stubs   []stub
	checks  checkMemo
	shared  compile.Label // the epilogue that several exits share; -1: none
}

// stub is code out of line: a failed check, or a result of zero.
type stub struct {
	label, back compile.Label
	rd          rv.Reg // for stubZero
	kind        stubKind
	site        compile.Site
	addr        rv.Reg // for stubFault: holds the address, where RegFaultOff does not hold its offset
}

type stubKind uint8

const (
	stubFault stubKind = iota
	stubZero
)

var idle = sync.Pool{New: func() any { return new(lower) }}

// Lower implements compile.Target.
func (t *Target) Lower(u *compile.Unit, b *compile.Buffer) error {
	l := idle.Get().(*lower)
	defer idle.Put(l)
	l.trap = t.gate == GateTrap
	l.ext, l.compress = t.ext, t.ext.Has(rv.ExtC)
	l.b, l.u, l.f = b, u, u.Func
	l.stubs = slices.Grow(l.stubs[:0], len(u.Func.Instrs)/8)
	l.countUses()
	l.findUpper()
	l.findLandings()
	l.planFrame()
	l.labels = b.NewLabels(len(l.f.Blocks))
	l.prologue()
	for i := range l.f.Blocks {
		if err := l.lowerBlock(i); err != nil {
			return err
		}
	}
	l.b.Bind(u.Exit)
	l.emitStubs()
	return nil
}

func (l *lower) lowerBlock(i int) error {
	blk := &l.f.Blocks[i]
	l.block = i
	l.b.Bind(l.labels + compile.Label(i))
	if len(blk.Preds) != 1 || int(blk.Preds[0]) != i-1 {
		l.checks.reset()
	}
	l.count.valid = l.count.in(i)
	for _, v := range blk.Instrs {
		in := &l.f.Instrs[v]
		if l.uses[v] == 0 && !in.Op.HasEffect() {
			continue
		}
		l.line(in.Pos)
		if err := l.instr(v, in); err != nil {
			return fmt.Errorf("insn %d: %w", in.Pos, err)
		}
	}
	return nil
}

func (l *lower) line(pos int32) { l.b.Line(int32(l.f.Index), pos) }

// instr lowers one instruction.
func (l *lower) instr(v ir.Value, in *ir.Instr) error {
	switch in.Op {
	case ir.OpParam, ir.OpPhi:
		// They are in their homes.
	case ir.OpUndef:
		l.li(homes[in.Home], 0)
	case ir.OpConst, ir.OpMapAddr, ir.OpMapValue, ir.OpFuncAddr:
		l.li(homes[in.Home], in.Imm)
	case ir.OpFrame:
		if in.Home != ir.NoHome {
			l.addImm(homes[in.Home], RegStack, in.Imm+l.frame.adjust)
		}
	case ir.OpLoad:
		l.load(in)
	case ir.OpLoadAcq:
		l.loadAcquire(in)
	case ir.OpStore, ir.OpStoreImm:
		l.store(in)
	case ir.OpStoreRel:
		l.storeRelease(in)
	case ir.OpAtomic:
		l.atomic(in)
	case ir.OpCmpXchg:
		l.cmpXchg(in)
	case ir.OpMapElem, ir.OpCPUElem:
		l.element(in)
	case ir.OpCall:
		l.call(in)
	case ir.OpCallX:
		l.callX(in)
	case ir.OpHelper:
		if a, ok := l.u.ArrayLookup(in); ok {
			l.arrayLookup(in, a)
		} else {
			l.helper(in, compile.SiteHelper, in.Imm)
		}
	case ir.OpKfunc:
		l.helper(in, compile.SiteKfunc, -1-int64(in.Imm))
	case ir.OpTailCall:
		l.tailCall(in)
	case ir.OpJump, ir.OpBr, ir.OpMayGoto, ir.OpExit:
		l.end(in)
	default:
		return l.alu(v, in)
	}
	return nil
}

// countUses finds the instructions to emit, starting at those with an effect,
// and counts for each value how many of them read it. What an address folds
// away is not read, nor is what a call merely passes on where nothing was
// written.
func (l *lower) countUses() {
	l.uses = resize(l.uses, len(l.f.Instrs))
	clear(l.uses)
	l.work = l.work[:0]
	for i := range l.f.Blocks {
		for _, v := range l.f.Blocks[i].Instrs {
			if in := &l.f.Instrs[v]; in.Op.HasEffect() {
				l.countOperands(v, in)
			}
		}
		l.drain()
	}
}

// drain counts the operands of values found to be read.
func (l *lower) drain() {
	for len(l.work) > 0 {
		v := l.work[len(l.work)-1]
		l.work = l.work[:len(l.work)-1]
		if in := &l.f.Instrs[v]; !in.Op.HasEffect() {
			l.countOperands(v, in)
		}
	}
}

func (l *lower) countOperands(v ir.Value, in *ir.Instr) {
	switch in.Op {
	case ir.OpPhi, ir.OpCall:
		for _, a := range l.f.Operands(v) {
			l.read(a)
		}
	case ir.OpTailCall:
		l.countTailCall(in)
	case ir.OpCallX, ir.OpHelper, ir.OpKfunc:
		if _, ok := l.u.ArrayLookup(in); ok {
			return
		}
		for _, a := range l.f.Operands(v) {
			if l.f.Instrs[a].Op != ir.OpUndef {
				l.read(a)
			}
		}
	case ir.OpCmpXchg:
		l.read(ir.Value(in.N))
	}
	if in.A != 0 && !l.folds(in) {
		l.read(in.A)
	}
	if in.B != 0 {
		l.read(in.B)
	}
}

// countTailCall counts the context, which the target gets, and of map and index
// what is not known now: a map or an index that is built in needs no register.
func (l *lower) countTailCall(in *ir.Instr) {
	args := l.f.Extra[in.N : in.N+3]
	l.read(args[0])
	if in.Imm < 0 {
		l.read(args[1])
	}
	if _, ok := l.constant(args[2]); !ok || in.Imm < 0 {
		l.read(args[2])
	}
}

func (l *lower) read(v ir.Value) {
	if l.uses[v]++; l.uses[v] == 1 {
		l.work = append(l.work, v)
	}
}

func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/4)
	}
	return s[:n]
}

// emitStubs emits what lies out of line.
func (l *lower) emitStubs() {
	if len(l.stubs) == 0 {
		return
	}
	l.line(compile.LineStubs)
	for i := range l.stubs {
		s := &l.stubs[i]
		l.b.Bind(s.label)
		if s.kind == stubZero {
			l.li(s.rd, 0)
			l.b.Jump(jumpAlways, 0, s.back)
			continue
		}
		if s.addr != rv.Zero {
			l.r(rv.SUB, RegFaultOff, s.addr, RegArenaBase)
		}
		l.b.Jump(jumpFault, 0, l.u.Fault)
		l.b.Site(s.site)
		if s.site.Fault == engine.FaultFuel {
			l.b.Jump(jumpAlways, 0, s.back)
		}
	}
}

// faultStub returns the label of a stub that reports a fault at in.
func (l *lower) faultStub(in *ir.Instr, kind engine.FaultKind, size int) compile.Label {
	s := stub{label: l.b.NewLabel(), kind: stubFault}
	s.site = compile.Site{Func: int32(l.f.Index), Insn: in.Pos, Kind: compile.SiteFault, Fault: kind, Size: uint8(size)}
	l.stubs = append(l.stubs, s)
	return s.label
}

// reg returns the register that holds v; a frame address without a home is computed into tmp.
func (l *lower) reg(v ir.Value, tmp rv.Reg) rv.Reg {
	in := &l.f.Instrs[v]
	if in.Home != ir.NoHome {
		return homes[in.Home]
	}
	off := in.Imm + l.frame.adjust
	if off == 0 {
		return RegStack
	}
	l.addImm(tmp, RegStack, off)
	return tmp
}

// constant returns the value of v where it is known.
func (l *lower) constant(v ir.Value) (int64, bool) {
	in := &l.f.Instrs[v]
	return in.Imm, in.Op == ir.OpConst
}

// written returns the set of BPF registers that emitted instructions write.
func (l *lower) written() (set uint32, calls, gates bool) {
	for i := range l.f.Blocks {
		for _, v := range l.f.Blocks[i].Instrs {
			in := &l.f.Instrs[v]
			if l.uses[v] == 0 && !in.Op.HasEffect() {
				continue
			}
			if in.Home != ir.NoHome && in.Op != ir.OpPhi && in.Op != ir.OpParam {
				set |= 1 << in.Home
			}
			switch in.Op {
			case ir.OpCall:
				calls = true
			case ir.OpCallX:
				calls, gates = true, true // it may name a helper
			case ir.OpHelper, ir.OpKfunc:
				_, inline := l.u.ArrayLookup(in)
				gates = gates || !inline
			}
		}
	}
	return set, calls, gates
}

const calleeSaved = 1<<bpf.R6 | 1<<bpf.R7 | 1<<bpf.R8 | 1<<bpf.R9
