// Package hartrun is the engine that compiles a module to RV64 and runs the
// image on an embedded hart.
package hartrun

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"unsafe"

	"github.com/rivetbpf/rivet/internal/arena"
	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/compile"
	"github.com/rivetbpf/rivet/internal/compile/riscv64"
	"github.com/rivetbpf/rivet/internal/compile/riscv64/rv"
	"github.com/rivetbpf/rivet/internal/engine"
	"github.com/rivetbpf/rivet/internal/gate"
	"github.com/rivetbpf/rivet/internal/hart"
)

// The hart's address space. The arena is at arena.Base; guest code is checked
// against it, so it reaches nothing else.
const (
	codeBase    = 0x0040_0000
	slotsBase   = 0x7000_0000 // engine.Tables.Slots
	tablesBase  = 0x7800_0000 // descriptors of program arrays, then code addresses of functions
	controlBase = 0x7c00_0000 // run state, then the control stack, of one hart
	controlSize = 64 << 10

	maxSlots = (tablesBase - slotsBase) / 8
)

// DefaultMarch is the architecture compiled for when none is named.
const DefaultMarch = "rv64gc"

// Options say how a module is compiled and run.
type Options = gate.Options

// Engine runs the functions of one module. It is safe for concurrent use.
type Engine struct {
	gate.Linked
	tables  *engine.Tables
	scheme  engine.Scheme
	target  *riscv64.Target
	code    *hart.Code
	shared  []hart.Region // arena, slots, tables
	idle    sync.Pool     // of *machine
	tracing tracing
	watch   func(pc uint32) // see Watch
}

// New compiles mod for running over ar.
func New(mod *bpf.Module, ar *arena.Arena, tables *engine.Tables, opts Options) (*Engine, error) {
	if opts.March == "" {
		opts.March = DefaultMarch
	}
	ext, err := hart.ParseExt(opts.March)
	if err != nil {
		return nil, err
	}
	target, err := riscv64.New(opts.March, riscv64.GateTrap)
	if err != nil {
		return nil, err
	}
	if n := len(tables.Slots); n > maxSlots {
		return nil, fmt.Errorf("program arrays of %d slots in all: at most %d are allowed", n, maxSlots)
	}
	e := &Engine{Linked: gate.Linked{Module: mod, Arena: ar, Base: codeBase}, tables: tables, scheme: opts.Scheme, target: target}
	if e.Linked.Image, err = compile.Compile(mod, target, e.CompileOptions(&opts, e.slots, tablesBase)); err != nil {
		return nil, err
	}
	if len(e.Linked.Image.Code) > arena.Base-codeBase {
		return nil, fmt.Errorf("%d bytes of code: at most %d fit below guest memory", len(e.Linked.Image.Code), arena.Base-codeBase)
	}
	e.code = hart.NewCodeExt(codeBase, e.Linked.Image.Code, ext)
	e.shared = []hart.Region{
		{Base: ar.Base(), Mem: ar.Mem(), Perm: hart.PermRW},
		{Base: slotsBase, Mem: bytesOf(tables.Slots), Perm: hart.PermR, Atomic: true},
		{Base: tablesBase, Mem: e.lookupTables(), Perm: hart.PermR},
	}
	e.idle.New = func() any { return e.newMachine(e.code) }
	return e, nil
}

func (e *Engine) slots(m int) uint64 {
	_, start := e.tables.Of(m)
	return slotsBase + uint64(start)*8
}

func (e *Engine) lookupTables() []byte {
	words := make([]uint64, gate.Words(e.Module)+1)
	e.Lookup(words, e.tables, e.slots)
	mem := bytesOf(words)
	for i, w := range words { // guest memory is little-endian whatever the host is
		binary.LittleEndian.PutUint64(mem[8*i:], w)
	}
	return mem
}

func bytesOf(words []uint64) []byte {
	if len(words) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), 8*len(words))
}

// machine is a hart with its control memory.
type machine struct {
	*hart.Hart
	control []byte
	args    [5]uint64 // of the helper being called
	fuel    engine.Fuel
}

func (e *Engine) newMachine(code *hart.Code) *machine {
	control := bytesOf(make([]uint64, controlSize/8))
	regions := []hart.Region{e.shared[0], {Base: controlBase, Mem: control, Perm: hart.PermRW}, e.shared[1], e.shared[2]}
	return &machine{Hart: hart.New(code, regions...), control: control}
}

// Image returns the compiled code.
func (e *Engine) Image() *compile.Image { return e.Linked.Image }

// Target returns the instruction set compiled for.
func (e *Engine) Target() compile.Target { return e.target }

// Run executes a function to its end. An error is an *engine.Fault.
func (e *Engine) Run(req *engine.Request) (engine.Result, error) {
	if req.Func < 0 || req.Func >= len(e.Module.Funcs) {
		return engine.Result{}, fmt.Errorf("run of function %d: the module has %d functions", req.Func, len(e.Module.Funcs))
	}
	if req.Trace != nil {
		return e.runTraced(req)
	}
	h := e.idle.Get().(*machine)
	defer e.idle.Put(h)
	e.enter(h, req)
	return e.loop(h, req, nil)
}

// poison is what registers hold that a function must not rely on.
const poison = 0xdead_dead_dead_dead

// enter does what the gate does on the way in.
func (e *Engine) enter(h *machine, req *engine.Request) {
	for i := range h.X {
		h.X[i] = poison
	}
	h.X[0] = 0
	copy(h.X[rv.A0:], req.Args[:])
	h.X[rv.RA] = codeBase + uint64(e.Linked.Image.ReturnPC)
	h.X[rv.SP] = controlBase + controlSize
	h.X[riscv64.RegStack] = req.StackTop
	h.X[riscv64.RegArenaBase] = e.Arena.Base()
	h.X[riscv64.RegArenaSize] = e.Arena.Size()
	h.X[riscv64.RegState] = controlBase
	binary.LittleEndian.PutUint64(h.control[riscv64.StateCPU:], uint64(req.CPU))
	h.fuel.For(req.Work)
	h.X[riscv64.RegFuel] = uint64(h.fuel.Start(req))
	h.X[riscv64.RegCount] = bpf.MaxTailCalls
	h.X[riscv64.RegCountA6] = bpf.MaxTailCalls
	h.PC = e.Entry(req.Func)
	h.Instret = 0
}

// between is how many instructions the hart executes between two looks at
// Request.Stop: some milliseconds' worth. Slices of fuel do not bound that time
// where much code lies between two backward jumps.
const between = 1 << 20

// loop runs the hart from gate to gate.
func (e *Engine) loop(h *machine, req *engine.Request, t *tracer) (engine.Result, error) {
	image := e.Linked.Image
	for {
		trap := e.advance(h)
		switch {
		case trap.Kind == hart.Limit:
			if h.fuel.Stopped() {
				if fault := e.Interrupted(h.PC); fault != nil {
					return h.result(0), fault
				}
			}
		case trap.Kind == hart.Ecall:
			if done, err := e.helper(h, req, t); done {
				return h.result(h.X[rv.A5]), err
			}
		case trap.Kind == hart.Break && t != nil:
			if err := t.at(uint32(h.PC - codeBase)); err != nil {
				return h.result(0), err
			}
		case trap.Kind == hart.Ebreak && h.PC == codeBase+uint64(image.ReturnPC):
			return h.result(h.X[rv.A5]), nil
		case trap.Kind == hart.Ebreak && h.PC == codeBase+uint64(image.FaultPC):
			if fault := e.fault(h); fault != nil {
				return h.result(0), fault
			}
		default:
			return h.result(0), e.MachineFault(h.PC, errors.New(trap.String()))
		}
	}
}

func (h *machine) result(r0 uint64) engine.Result {
	return engine.Result{R0: r0, Retired: h.Instret, Left: h.fuel.Unused(int64(h.X[riscv64.RegFuel]))}
}

// fault handles a check that failed. It returns nil where only a slice of fuel
// was used up, with the hart ready to go on.
func (e *Engine) fault(h *machine) error {
	n, f := e.CheckFailed(&h.fuel, h.X[riscv64.RegFaultPC], h.X[riscv64.RegFaultOff])
	if f != nil {
		return f
	}
	h.X[riscv64.RegFuel] = uint64(n)
	h.PC = h.X[riscv64.RegFaultPC]
	return nil
}

// helper runs a helper. Where the run ends with it, the result is left in the register of r0.
func (e *Engine) helper(h *machine, req *engine.Request, t *tracer) (done bool, err error) {
	c, err := e.Call(h.PC, h.X[riscv64.RegGate])
	if err != nil {
		return true, err
	}
	h.args = [5]uint64(h.X[rv.A0:])
	slice := int64(h.X[riscv64.RegFuel])
	h.fuel.Lend(req, slice)
	r0, err := req.Gate.Helper(c.Kind, c.ID, &h.args)
	h.X[riscv64.RegFuel] = uint64(h.fuel.Reclaim(req, slice))
	if err != nil {
		exit, fault := c.Failed(err)
		if fault != nil {
			return true, fault
		}
		t.helper(&c, exit.R0)
		t.exit(c.Site, exit.R0)
		h.X[rv.A5] = exit.R0
		return true, nil
	}
	t.helper(&c, r0)
	if h.fuel.Stopped() {
		return true, c.Stopped()
	}
	clobber(h)
	h.X[rv.A0] = r0
	return false, nil
}

// clobber destroys what a helper may destroy: every caller-saved register.
func clobber(h *machine) {
	h.X[rv.RA] = poison
	for r := rv.T0; r <= rv.T2; r++ {
		h.X[r] = poison
	}
	for r := rv.A0; r <= rv.A7; r++ {
		h.X[r] = poison
	}
	for r := rv.T3; r <= rv.T6; r++ {
		h.X[r] = poison
	}
}
