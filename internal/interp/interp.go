// Package interp is the reference interpreter: what it does is what every other
// engine must do. Each function is decoded once into fixed-size operations, one
// per instruction slot, and executed by one flat switch.
package interp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/rivetbpf/rivet/internal/arena"
	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/engine"
)

// Engine runs the functions of one module. It is safe for concurrent use.
type Engine struct {
	// Poison overwrites R1–R5 after each call of a helper or a subprogram, to
	// find programs that rely on them. Set it before the first run.
	Poison bool

	mod    *bpf.Module
	ar     *arena.Arena
	tables *engine.Tables
	shared bool // scheme engine.Shared
	funcs  []*code
	slice  int64     // fuel that a run gets at once, see take
	pool   sync.Pool // of *machine
}

// New prepares mod, which package load has validated, for running over ar.
func New(mod *bpf.Module, ar *arena.Arena, tables *engine.Tables, scheme engine.Scheme) (*Engine, error) {
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		return nil, fmt.Errorf("interpreter on a big-endian host: %w", engine.ErrUnsupported)
	}
	e := &Engine{mod: mod, ar: ar, tables: tables, shared: scheme == engine.Shared}
	work := int64(1)
	for _, f := range mod.Funcs {
		c, err := decodeFunc(mod, f, ar.Base())
		if err != nil {
			return nil, err
		}
		e.funcs = append(e.funcs, c)
		work = max(work, f.Work, int64(len(f.Insns)))
	}
	e.slice = max(between/work, 1)
	e.pool.New = func() any { return &machine{e: e, frames: make([]frame, 0, bpf.MaxFrames)} }
	return e, nil
}

// TailTarget returns what a slot of a program array holds for Module.Programs[prog].
func (e *Engine) TailTarget(prog int) uint64 { return uint64(prog) + 1 }

// Run executes one function from its first instruction to the end. The error
// is an *engine.Fault. Helpers may start further runs while this one waits for them.
func (e *Engine) Run(req *engine.Request) (engine.Result, error) {
	if req.Func < 0 || req.Func >= len(e.funcs) {
		return engine.Result{}, fmt.Errorf("run of function %d: the module has %d functions", req.Func, len(e.funcs))
	}
	m := e.pool.Get().(*machine)
	m.req, m.frames, m.loops = req, m.frames[:0], bpf.MaxLoops
	m.left, m.stop = req.Bound(), &never
	if req.Stop != nil {
		m.stop = req.Stop
	}
	res, err := m.run(e.funcs[req.Func])
	res.Left = max(m.left+res.Left, 0)
	m.req, m.stop = nil, nil
	e.pool.Put(m)
	return res, err
}

// Call is Run for a helper that holds a function handle, as callbacks are passed.
func (e *Engine) Call(handle uint64, req engine.Request) (engine.Result, error) {
	i, ok := bpf.FuncIndex(handle)
	if !ok || i >= len(e.funcs) {
		return engine.Result{}, fmt.Errorf("callback %#x: %v", handle, engine.FaultBadCall)
	}
	req.Func = i
	return e.Run(&req)
}

// between is about how many instructions may be executed between two looks at
// Stop: a millisecond's worth.
const between = 1 << 17

// never is the Stop of runs that have none.
var never atomic.Bool

// machine is the state of one run that outlives an instruction, but for the
// registers, the program counter and the tail-call count: those are locals of run.
type machine struct {
	e      *Engine
	req    *engine.Request
	frames []frame      // of the callers
	loops  int64        // that may_goto lets this frame go on
	args   [5]uint64    // of the helper being called
	left   int64        // fuel that the loop has not been given
	stop   *atomic.Bool // Request.Stop, or never
}

// frame is what a caller gets back when the subprogram it called returns.
type frame struct {
	fn    *code
	pc    int // of the instruction after the call
	saved [5]uint64
	count int   // tail calls left in this frame (scheme Propagated)
	loops int64 // machine.loops
}

// helper calls out through the gate. When done is true the run is over, with r0
// as its result or with err.
func (m *machine) helper(fn *code, pc int, kind uint8, id int32, regs *[numRegs]uint64, count int) (r0 uint64, done bool, err error) {
	m.args = [5]uint64(regs[1:6])
	r0, err = m.req.Gate.Helper(kind, id, &m.args)
	m.killArgs(regs)
	if err == nil {
		m.traceHelper(fn, pc, kind, id, count, r0)
		if m.stop.Load() {
			return 0, true, m.ends(fn, pc)
		}
		return r0, false, nil
	}
	var exit *engine.Exit
	if errors.As(err, &exit) {
		m.traceHelper(fn, pc, kind, id, count, exit.R0)
		m.traceExit(fn, pc, count, exit.R0)
		return exit.R0, true, nil
	}
	if _, ok := err.(*engine.Fault); ok {
		return 0, true, err
	}
	return 0, true, &engine.Fault{Kind: engine.FaultHelper, Func: fn.index, Insn: pc, Err: err}
}

// killArgs ends the life of R1–R5 after a call (RFC 9669, section 2). A program
// that reads one all the same gets zero, or under Poison something to notice.
func (m *machine) killArgs(regs *[numRegs]uint64) {
	dead := [5]uint64{}
	if m.e.Poison {
		for i := range dead {
			dead[i] = 0xdead_0000_0000_0001 + uint64(i)
		}
	}
	*(*[5]uint64)(regs[1:6]) = dead
}

func (m *machine) outside(fn *code, pc int, off uint64) error {
	return &engine.Fault{Kind: engine.FaultAccess, Func: fn.index, Insn: pc,
		Addr: off + m.e.ar.Base(), Size: m.e.mod.Funcs[fn.index].Insns[pc].Size()}
}

// take gives the run a slice of its fuel. A run that may be stopped looks at its
// Stop between slices, so that the loop need not.
func (m *machine) take() int64 {
	n := m.left
	if m.stop != &never {
		n = min(n, m.e.slice)
	}
	m.left -= n
	return n
}

// refuel returns another slice for a jump that found its own empty, already paid
// for; -1 when the run must end.
func (m *machine) refuel() int64 {
	if m.left == 0 || m.stop.Load() {
		return -1
	}
	return m.take() - 1
}

// reclaim returns the slice after a helper, which may have spent some of the fuel on runs of its own.
func (m *machine) reclaim(slice int64) int64 {
	if m.req.Left == m.left+slice {
		return slice
	}
	m.left = m.req.Left
	return m.take()
}

// ends says why a run ends at an instruction where it must not go on.
func (m *machine) ends(fn *code, pc int) error {
	f := &engine.Fault{Kind: engine.FaultFuel, Func: fn.index, Insn: pc}
	if m.stop.Load() {
		f.Kind = engine.FaultStopped
	}
	return f
}

func (m *machine) badCall(fn *code, pc int, v uint64, cause error) error {
	return &engine.Fault{Kind: engine.FaultBadCall, Func: fn.index, Insn: pc, Addr: v, Err: cause}
}
