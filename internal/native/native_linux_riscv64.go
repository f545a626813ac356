package native

import (
	"fmt"
	"runtime"
	"unsafe"

	"github.com/rivetbpf/rivet/internal/arena"
	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/compile"
	"github.com/rivetbpf/rivet/internal/compile/riscv64"
	"github.com/rivetbpf/rivet/internal/compile/riscv64/rv"
	"github.com/rivetbpf/rivet/internal/engine"
	"github.com/rivetbpf/rivet/internal/gate"
)

// Engine runs the functions of one module. It is safe for concurrent use.
type Engine struct {
	gate.Linked
	target *riscv64.Target
	tables *engine.Tables // code holds the address of its slots
	words  []uint64       // see gate.Lookup; the same
	held   *held
	ret    uint64 // where the first frame of a run returns to
	poison bool
}

// New compiles mod for this CPU. The arena must come from arena.Map.
func New(mod *bpf.Module, ar *arena.Arena, tables *engine.Tables, opts Options) (*Engine, error) {
	if !ar.Mapped() {
		return nil, fmt.Errorf("BUG: native code needs an arena at its guest address")
	}
	if opts.March == "" {
		opts.March = HostMarch()
	}
	target, err := riscv64.New(opts.March, riscv64.GateJump)
	if err != nil {
		return nil, err
	}
	e := &Engine{Linked: gate.Linked{Module: mod, Arena: ar}, target: target, tables: tables,
		words: make([]uint64, gate.Words(mod)+1), held: &held{}, poison: Poison || opts.Verify}
	if e.Linked.Image, err = compile.Compile(mod, target, e.CompileOptions(&opts, e.slots, addressOf(e.words))); err != nil {
		return nil, err
	}
	if err := e.load(); err != nil {
		return nil, err
	}
	e.ret = uint64(exitReturn) // what the code at Image.ReturnPC jumps to
	e.Lookup(e.words, tables, e.slots)
	return e, nil
}

// slots returns the address of the first slot of program array m. The slots are
// Go memory, which does not move and which e.tables keeps.
func (e *Engine) slots(m int) uint64 {
	s, _ := e.tables.Of(m)
	return addressOf(s)
}

func addressOf[T any](s []T) uint64 { return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(s)))) }

// load puts the code where it can be executed. It is the same wherever it lies:
// jumps are relative, and what it looks up has addresses of its own.
func (e *Engine) load() error {
	mem, err := mapCode(len(e.Linked.Image.Code))
	if err != nil {
		return err
	}
	copy(mem, e.Linked.Image.Code)
	if err := seal(mem); err != nil {
		unmap(mem)
		return err
	}
	e.own(mem)
	return nil
}

// own makes mem the engine's code.
func (e *Engine) own(mem []byte) {
	e.held.code = mem
	runtime.AddCleanup(e, (*held).close, e.held)
	e.Base = addressOf(mem)
	e.Linked.Image.Base = e.Base
}

// Image returns the compiled code.
func (e *Engine) Image() *compile.Image { return e.Linked.Image }

// Target returns the instruction set compiled for.
func (e *Engine) Target() compile.Target { return e.target }

// Close gives code and stacks back, with the end of the last run if one is in
// flight. An engine that is forgotten is closed by the garbage collector.
func (e *Engine) Close() error {
	e.held.close()
	return nil
}

// Run executes a function to its end. An error is an *engine.Fault. Result.Retired
// is 0: nobody counts.
func (e *Engine) Run(req *engine.Request) (engine.Result, error) {
	if uint(req.Func) >= uint(len(e.Module.Funcs)) || req.Trace != nil {
		return engine.Result{}, e.refused(req)
	}
	m := e.held.ready()
	if m == nil {
		var err error
		if m, err = e.held.find(); err != nil {
			return engine.Result{}, err
		}
		m.st.x[riscv64.RegArenaBase], m.st.x[riscv64.RegArenaSize] = e.Arena.Base(), e.Arena.Size() // nobody writes to them
	}
	m.fuel.For(req.Work)
	st := m.st
	x := &st.x
	x[rv.A0], x[rv.A1], x[rv.A2], x[rv.A3], x[rv.A4] = req.Args[0], req.Args[1], req.Args[2], req.Args[3], req.Args[4]
	x[rv.RA] = e.ret
	x[rv.SP] = m.stackTop()
	x[riscv64.RegStack] = req.StackTop
	x[riscv64.RegFuel] = uint64(m.fuel.Start(req))
	x[riscv64.RegCount] = bpf.MaxTailCalls
	x[riscv64.RegCountA6] = bpf.MaxTailCalls
	st.cpu = uint64(req.CPU)
	st.pc = e.Entry(req.Func)
	goOn(st)
	if st.reason != leftReturn {
		return e.serve(m, req)
	}
	res := m.result(x[rv.A5])
	e.held.put(m)
	runtime.KeepAlive(e) // and with it code, slots and guest memory, for as long as code runs
	return res, nil
}

// refused says why a request is not run.
func (e *Engine) refused(req *engine.Request) error {
	if req.Trace != nil {
		return fmt.Errorf("tracing on the native engine: %w; use the hart or the interpreter", engine.ErrUnsupported)
	}
	return fmt.Errorf("run of function %d: the module has %d functions", req.Func, len(e.Module.Funcs))
}

// serve goes on with a run that left its code for something else than its return.
// The way of a helper call is here in full: it is short, and each call of Go costs as much as a quarter of it.
func (e *Engine) serve(m *machine, req *engine.Request) (engine.Result, error) {
	defer e.leave(m) // a panic of a helper, and runtime.Goexit, pass through here, too
	x := &m.st.x
	for {
		switch m.st.reason {
		case leftReturn:
			return m.result(x[rv.A5]), nil
		case leftFault:
			if fault := e.fault(m); fault != nil {
				return m.result(0), fault
			}
			resume(m.st)
			continue
		}
		kind, id, number := uint8(bpf.CallHelper), int32(x[riscv64.RegGate]), x[riscv64.RegGate]
		if number >= engine.MaxHelper { // the register alone does not say which helper it is
			c, err := e.Call(m.st.pc, number)
			if err != nil {
				return m.result(0), err
			}
			kind, id = c.Kind, c.ID
		}
		slice := int64(x[riscv64.RegFuel])
		m.fuel.Lend(req, slice)
		r0, err := req.Gate.Helper(kind, id, (*[5]uint64)(x[rv.A0:]))
		if left := m.fuel.Reclaim(req, slice); left != slice {
			x[riscv64.RegFuel] = uint64(left)
		}
		if err != nil || m.fuel.Stopped() {
			r0, err = e.ended(m, number, err)
			return m.result(r0), err
		}
		x[rv.A0] = r0
		if e.poison {
			m.clobber()
			resume(m.st)
			continue
		}
		goOn(m.st)
	}
}

// leave ends the use of a machine, and keeps e until then.
func (e *Engine) leave(m *machine) {
	e.held.put(m)
	runtime.KeepAlive(e)
}

// fault handles a check that failed. It returns nil where only a slice of fuel
// was used up, with the machine ready to go on.
func (e *Engine) fault(m *machine) error {
	n, f := e.CheckFailed(&m.fuel, m.st.pc, m.st.x[riscv64.RegFaultOff])
	if f != nil {
		return f
	}
	m.st.x[riscv64.RegFuel] = uint64(n)
	return nil
}

func (m *machine) result(r0 uint64) engine.Result {
	return engine.Result{R0: r0, Left: m.fuel.Unused(int64(m.st.x[riscv64.RegFuel]))}
}

// ended ends a run behind a helper: it failed, or the run was stopped meanwhile.
func (e *Engine) ended(m *machine, number uint64, err error) (r0 uint64, _ error) {
	c, cerr := e.Call(m.st.pc, number)
	switch {
	case cerr != nil:
		return 0, cerr
	case err == nil:
		return 0, c.Stopped()
	}
	exit, fault := c.Failed(err)
	if exit != nil {
		return exit.R0, nil
	}
	return 0, fault
}
