package hartrun

import (
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/compile"
	"github.com/rivetbpf/rivet/internal/compile/riscv64"
	"github.com/rivetbpf/rivet/internal/compile/riscv64/rv"
	"github.com/rivetbpf/rivet/internal/engine"
	"github.com/rivetbpf/rivet/internal/gate"
	"github.com/rivetbpf/rivet/internal/hart"
)

// tracing is the image with a breakpoint at every mark, made at the first traced run.
type tracing struct {
	once sync.Once
	code *hart.Code
	at   map[uint32][]compile.Mark
}

func (e *Engine) traced() *tracing {
	t := &e.tracing
	t.once.Do(func() {
		t.at = map[uint32][]compile.Mark{}
		var pcs []uint64
		for _, m := range e.Linked.Image.Marks() {
			if t.at[m.PC] == nil {
				pcs = append(pcs, codeBase+uint64(m.PC))
			}
			t.at[m.PC] = append(t.at[m.PC], m)
		}
		t.code = e.code.WithBreaks(pcs)
	})
	return t
}

// tracer follows one run. It keeps what each frame's count must be, and holds
// what the machine has against it.
type tracer struct {
	e      *Engine
	h      *machine
	emit   func(*engine.Event)
	frames []traceFrame
	helpAt compile.Mark // of the helper call in progress
	left   int          // function that the last return came from
	exited bool
}

type traceFrame struct {
	fn    int
	count int    // tail calls left, by value; the shared count is in the register alone
	site  site   // of the call that made it
	sp    uint64 // of the caller, at the call
}

// site is a call instruction.
type site struct{ fn, insn int32 }

func (e *Engine) runTraced(req *engine.Request) (engine.Result, error) {
	h := e.newMachine(e.traced().code)
	e.enter(h, req)
	t := &tracer{e: e, h: h, emit: req.Trace, frames: []traceFrame{{fn: req.Func, count: bpf.MaxTailCalls}}}
	t.event(engine.Event{Kind: engine.EventEntry, Func: req.Func, Target: -1,
		CountBefore: bpf.MaxTailCalls, Count: bpf.MaxTailCalls, Home: e.entryHome(req.Func)})
	return e.loop(h, req, t)
}

// entryHome says where the count is behind the first instruction of an entry.
func (e *Engine) entryHome(fn int) string {
	f := e.Module.Funcs[fn]
	switch {
	case !f.ReachTailCall:
		return ""
	case e.scheme == engine.Propagated:
		return compile.HomeA6.String()
	}
	return compile.HomeS10.String()
}

func (t *tracer) event(ev engine.Event) {
	ev.Depth = len(t.frames) - 1
	t.emit(&ev)
}

func (t *tracer) top() *traceFrame { return &t.frames[len(t.frames)-1] }

// count reads the count from where the code keeps it.
func (t *tracer) count(m *compile.Mark) (int, error) {
	want := t.top().count
	var got uint64
	switch m.Home {
	case compile.HomeS10:
		return int(t.h.X[riscv64.RegCount]), nil
	case compile.HomeA6:
		got = t.h.X[riscv64.RegCountA6]
	case compile.HomeFrame:
		got = binary.LittleEndian.Uint64(t.h.control[t.h.X[rv.SP]+uint64(m.Slot)-controlBase:])
	default:
		return want, nil
	}
	if got != uint64(want) {
		return 0, &engine.Fault{Kind: engine.FaultMachine, Func: int(m.Func), Insn: int(m.Insn),
			Err: fmt.Errorf("the tail-call count in %v is %d, and must be %d", m.Home, got, want)}
	}
	return want, nil
}

// at handles all marks at pc.
func (t *tracer) at(pc uint32) error {
	for _, m := range t.e.traced().at[pc] {
		if m.Kind == compile.MarkReturn {
			if !t.returns(&m) {
				continue
			}
			t.left = t.top().fn
			t.frames = t.frames[:len(t.frames)-1]
		}
		// The epilogue that several exits share begins at the last one's mark.
		if m.Kind == compile.MarkExit && (len(t.frames) > 1 || t.exited) {
			continue
		}
		n, err := t.count(&m)
		if err != nil {
			return err
		}
		ev := engine.Event{Func: int(m.Func), Insn: int(m.Insn), Target: -1, CountBefore: n, Count: n, Home: m.Home.String()}
		switch m.Kind {
		case compile.MarkCall:
			t.call(&m, ev)
		case compile.MarkReturn:
			ev.Kind, ev.Target, ev.R0 = engine.EventReturn, t.left, t.h.X[rv.A5]
			t.event(ev)
		case compile.MarkTailCall:
			t.tailCall(&m, ev)
		case compile.MarkHelper:
			t.helpAt = m
		case compile.MarkInline:
			if t.helpAt.Func != m.Func || t.helpAt.Insn != m.Insn {
				continue // a jump from elsewhere to what follows the lookup
			}
			t.helpAt = compile.Mark{Func: -1}
			ev.Kind, ev.HelperKind, ev.HelperID, ev.R0 = engine.EventHelper, bpf.CallHelper, m.Target, t.h.X[rv.A5]
			t.event(ev)
		case compile.MarkExit:
			t.exited = true
			ev.Kind, ev.R0 = engine.EventExit, t.h.X[rv.A5]
			t.event(ev)
		}
	}
	return nil
}

func (t *tracer) call(m *compile.Mark, ev engine.Event) {
	ev.Kind, ev.Target = engine.EventCall, int(m.Target)
	if m.Target < 0 {
		ev.Target = t.e.functionAt(t.h.X[rv.T0])
	}
	t.event(ev)
	t.frames = append(t.frames, traceFrame{ev.Target, t.top().count, site{m.Func, m.Insn}, t.h.X[rv.SP]})
}

// returns reports whether the mark behind a call was reached by a return:
// jumps may lead there, too.
func (t *tracer) returns(m *compile.Mark) bool {
	f := t.top()
	return len(t.frames) > 1 && f.site == site{m.Func, m.Insn} && f.sp == t.h.X[rv.SP]
}

// functionAt returns the function whose body is at a code address.
func (e *Engine) functionAt(addr uint64) int {
	for i := range e.Linked.Image.Funcs {
		if codeBase+uint64(e.Linked.Image.Funcs[i].Body) == addr {
			return i
		}
	}
	return -1
}

// tailCall works out, from the registers that the code is about to look at,
// what it will do.
func (t *tracer) tailCall(m *compile.Mark, ev engine.Event) {
	ev.Kind, ev.Map, ev.Index = engine.EventTailCallMissed, int(m.Map), uint32(t.h.X[rv.A2])
	if m.Index >= 0 {
		ev.Index = uint32(m.Index)
	}
	if m.Map < 0 {
		i, ok := bpf.MapIndex(t.h.X[rv.A1])
		if !ok || i >= len(t.e.Module.Maps) {
			return // a fault follows
		}
		ev.Map = i
	}
	slots, start := t.e.tables.Of(ev.Map)
	if start < 0 {
		return
	}
	ev.Reason = engine.MissReason(t.e.Module.Maps[ev.Map].Name, slots, ev.Index, ev.CountBefore)
	if ev.Reason == "" && t.e.scheme == engine.Propagated && int64(t.h.X[riscv64.RegFuel]) <= 0 && t.h.fuel.Left() == 0 {
		return // it would be taken, but for the fuel
	}
	if ev.Reason == "" {
		ev.Kind, ev.Target = engine.EventTailCall, t.e.functionAt(atomic.LoadUint64(&slots[ev.Index]))
		ev.Count--
	}
	t.event(ev)
	if ev.Kind == engine.EventTailCall {
		t.top().fn, t.top().count = ev.Target, ev.Count
	}
}

// helper reports a helper call that returned.
func (t *tracer) helper(c *gate.Call, r0 uint64) {
	if t == nil {
		return
	}
	n, _ := t.count(&t.helpAt)
	t.event(engine.Event{Kind: engine.EventHelper, Func: int(c.Site.Func), Insn: int(c.Site.Insn), Target: -1,
		HelperKind: c.Kind, HelperID: c.ID, CountBefore: n, Count: n, Home: t.helpAt.Home.String(), R0: r0})
}

// exit reports that a helper ended the run.
func (t *tracer) exit(site *compile.Site, r0 uint64) {
	if t == nil {
		return
	}
	n, _ := t.count(&t.helpAt)
	t.event(engine.Event{Kind: engine.EventExit, Func: int(site.Func), Insn: int(site.Insn), Target: -1,
		CountBefore: n, Count: n, Home: t.helpAt.Home.String(), R0: r0})
}
