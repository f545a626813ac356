package interp

import (
	"fmt"
	"sync/atomic"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/engine"
)

// push enters a subprogram: it keeps what the caller gets back and moves R10
// below the caller's frame. What the callee reads without having written it is
// zero. The count stays as it is: shared, there is only
// one; propagated, the callee starts with its caller's.
func (m *machine) push(fn *code, pc int, callee *code, r *[numRegs]uint64, count int) {
	if m.req.Trace != nil {
		m.trace(engine.Event{Kind: engine.EventCall, Func: fn.index, Insn: pc - 1, Target: callee.index, CountBefore: count, Count: count})
	}
	m.frames = append(m.frames, frame{fn: fn, pc: pc, saved: [5]uint64(r[6:11]), count: count, loops: m.loops})
	m.loops = bpf.MaxLoops
	r[10] -= fn.frame
	r[0], r[6], r[7], r[8], r[9] = 0, 0, 0, 0, 0
}

// pop leaves a subprogram, or what it tail-called.
func (m *machine) pop(r *[numRegs]uint64, count int) (fn *code, pc, left int) {
	f := &m.frames[len(m.frames)-1]
	m.frames = m.frames[:len(m.frames)-1]
	*(*[5]uint64)(r[6:11]) = f.saved
	m.loops = f.loops
	m.killArgs(r)
	if m.e.shared {
		return f.fn, f.pc, count
	}
	return f.fn, f.pc, f.count
}

// tailTarget resolves a tail call: R2 the program array, the low half of R3 the
// index. It returns nil when the call falls through: the index is out of
// range, the count is spent or the slot is empty.
func (m *machine) tailTarget(fn *code, pc int, r *[numRegs]uint64, count int) (*code, error) {
	i, ok := bpf.MapIndex(r[2])
	if !ok || i >= len(m.e.mod.Maps) || m.e.mod.Maps[i].Type != bpf.MapTypeProgArray {
		return nil, m.badCall(fn, pc, r[2], errNoProgArray)
	}
	slots, _ := m.e.tables.Of(i)
	index := uint32(r[3])
	token := uint64(0)
	if uint64(index) < uint64(len(slots)) && count > 0 {
		token = atomic.LoadUint64(&slots[index])
	}
	if token == 0 {
		m.traceMissed(fn, pc, i, slots, index, count)
		return nil, nil
	}
	if token > uint64(len(m.e.mod.Programs)) {
		return nil, &engine.Fault{Kind: engine.FaultMachine, Func: fn.index, Insn: pc,
			Err: fmt.Errorf("slot %d of %s holds %#x, which is no program", index, m.e.mod.Maps[i].Name, token)}
	}
	return m.e.funcs[m.e.mod.Programs[token-1].Func], nil
}

var errNoProgArray = fmt.Errorf("the second argument of bpf_tail_call is no program array")

// trace hands an event over. Callers on hot paths ask for req.Trace first.
func (m *machine) trace(ev engine.Event) {
	ev.Depth = len(m.frames)
	m.req.Trace(&ev)
}

func (m *machine) traceEntry(fn *code) {
	if m.req.Trace != nil {
		m.trace(engine.Event{Kind: engine.EventEntry, Func: fn.index, Target: -1, CountBefore: bpf.MaxTailCalls, Count: bpf.MaxTailCalls})
	}
}

func (m *machine) traceExit(fn *code, pc, count int, r0 uint64) {
	if m.req.Trace != nil {
		m.trace(engine.Event{Kind: engine.EventExit, Func: fn.index, Insn: pc, Target: -1, CountBefore: count, Count: count, R0: r0})
	}
}

func (m *machine) traceHelper(fn *code, pc int, kind uint8, id int32, count int, r0 uint64) {
	if m.req.Trace != nil {
		m.trace(engine.Event{Kind: engine.EventHelper, Func: fn.index, Insn: pc, Target: -1,
			HelperKind: kind, HelperID: id, CountBefore: count, Count: count, R0: r0})
	}
}

// traceReturn runs after the return: fn and pc are the caller and its call.
func (m *machine) traceReturn(fn *code, pc, count int, from *code, r0 uint64) {
	if m.req.Trace != nil {
		m.trace(engine.Event{Kind: engine.EventReturn, Func: fn.index, Insn: pc, Target: from.index, CountBefore: count, Count: count, R0: r0})
	}
}

func (m *machine) traceTailCall(fn *code, pc int, r *[numRegs]uint64, count int, target *code) {
	if m.req.Trace != nil {
		i, _ := bpf.MapIndex(r[2])
		m.trace(engine.Event{Kind: engine.EventTailCall, Func: fn.index, Insn: pc, Target: target.index,
			CountBefore: count, Count: count - 1, Index: uint32(r[3]), Map: i})
	}
}

func (m *machine) traceMissed(fn *code, pc, array int, slots []uint64, index uint32, count int) {
	if m.req.Trace != nil {
		m.trace(engine.Event{Kind: engine.EventTailCallMissed, Func: fn.index, Insn: pc, Target: -1,
			CountBefore: count, Count: count, Index: index, Map: array,
			Reason: engine.MissReason(m.e.mod.Maps[array].Name, slots, index, count)})
	}
}
