// Package compile turns the functions of a module into one Image: it orders the
// stages, lays functions out, relaxes jumps and keeps the tables that lead from
// machine code back to BPF. It knows no instruction set; a [Target] does.
package compile

import (
	"fmt"
	"io"
	"sync"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/engine"
	"github.com/rivetbpf/rivet/internal/ir"
	"github.com/rivetbpf/rivet/internal/opt"
	"github.com/rivetbpf/rivet/internal/prove"
)

// Target is an instruction set.
type Target interface {
	Name() string
	// Prelude emits the code that all functions share.
	Prelude(w *World, b *Buffer)
	// Lower emits one function.
	Lower(u *Unit, b *Buffer) error
	// Forms returns the encodings of a kind of jump, shortest first; nil for a kind that does not exist.
	Forms(kind uint8) []Form
	// EncodeJump appends a jump in one of its forms, over dist bytes from its own start.
	EncodeJump(dst []byte, kind uint8, form int, word uint32, dist int64) []byte
	// Disasm returns the text and size of the instruction at code[0].
	Disasm(code []byte, pc uint64) (text string, size int)
}

// Options say how a module is compiled.
type Options struct {
	Scheme engine.Scheme
	// Base is the address that the code will have.
	Base uint64
	// ArenaBase and ArenaSize bound the addresses that checks let through.
	ArenaBase, ArenaSize uint64
	// MapValue returns the guest address of the first value of map i.
	MapValue func(i int) uint64
	// Slots returns the address of the first slot of program array i.
	Slots func(i int) uint64
	// Descs is the address of a table of {address of the first slot, number of
	// slots} by map index, for tail calls through a map that only a register names.
	Descs uint64
	// FuncTable is the address of a table of code addresses by function index,
	// zero for functions that may not be called indirectly.
	FuncTable uint64
	// HelperArgs is as in ir.Env.
	HelperArgs func(kind uint8, id int32) int
	// InlineLookup says that map_lookup_elem means what it means in Linux, so
	// that code may look into arrays itself.
	InlineLookup bool
	// Quiet reports whether a helper writes to no memory but that of maps; nil: none is known not to.
	Quiet func(id int32) bool
	// NoChecks leaves out memory checks and fuel. It exists to measure what
	// they cost; code without them is not safe.
	NoChecks bool
	// Disable names passes of package opt to leave out.
	Disable map[string]bool
	// Verify makes the compiler check its intermediate form before and after
	// package opt; a test's switch.
	Verify bool
	// Dump gets the text of a stage ("ir") as it is passed, for stages that DumpStages names.
	Dump       io.Writer
	DumpStages map[string]bool
}

// World is what a target must know besides the function at hand.
type World struct {
	*Options
	Module *bpf.Module
	// Clobbers tells for each function whether a call of it may change the register of the tail-call count.
	Clobbers []bool
	// SaveInEntry tells whether entries must save callee-saved registers: they
	// need not where only the gate starts them, which saves all.
	SaveInEntry bool
	// AnyTailCall tells whether the module has a tail call at all.
	AnyTailCall bool
	// IndirectTailCall tells whether an indirect call may reach a tail call.
	IndirectTailCall bool

	Return, Fault Label // bound by Prelude
	bodies        Label // of function 0
}

// Body returns the label where calls of function i go.
func (w *World) Body(i int) Label { return w.bodies + Label(i) }

// Unit is one function to lower.
type Unit struct {
	*World
	Func  *ir.Func
	Facts *prove.Facts
	Entry Label // to bind before the first instruction
	Exit  Label // to bind behind the last one, before fault stubs
	// Leaves is for Lower to set where the code calls through the gate.
	Leaves bool
}

// Array is an array map as code sees it that looks into it without a helper.
type Array struct {
	Base   uint64 // guest address of the first value, or processor 0's
	Span   int64  // bytes from one processor's values to the next's; 0: all have the same
	Stride int64  // bytes from one value to the next
	Count  uint32
	KeyOff int64 // the key's offset from r10, or its address
	Global bool  // the key is global data
}

// helperMapLookup is the number of bpf_map_lookup_elem.
const helperMapLookup = 1

// ArrayLookup reports whether a helper call looks up an element of an array
// whose map is known, by a key in the function's own frame or in global data: the helper has
// nothing to check then.
func (u *Unit) ArrayLookup(in *ir.Instr) (a Array, ok bool) {
	if !u.InlineLookup || in.Op != ir.OpHelper || in.Imm != helperMapLookup || in.Aux < 2 {
		return a, false
	}
	mv, key := &u.Func.Instrs[u.Func.Origin(u.Func.Extra[in.N])], u.Func.Extra[in.N+1]
	if mv.Op != ir.OpMapAddr {
		return a, false
	}
	m := u.Module.Maps[mv.N]
	base, perCPU := m.InPlace()
	if base == 0 || !u.Facts.Inside(u.Func, key, 4) {
		return a, false
	}
	a = Array{Base: base, Stride: int64(m.Stride()), Count: m.MaxEntries}
	if perCPU {
		a.Span = int64(m.CPUSpan)
	}
	f := u.Facts.Of(key)
	switch f.Base {
	case prove.Frame:
		a.KeyOff = f.Off()
	case prove.Global:
		a.KeyOff, a.Global = int64(u.MapValue(f.Map()))+f.Off(), true
	default:
		return a, false
	}
	return a, true
}

// Compile compiles all functions of a module.
func Compile(mod *bpf.Module, t Target, opts *Options) (*Image, error) {
	c := idle.Get().(*compiler)
	defer idle.Put(c)
	b := &c.buffer
	insns := 0
	for _, f := range mod.Funcs {
		insns += len(f.Insns)
	}
	b.reset(insns)
	w := newWorld(mod, opts)
	w.bodies = b.NewLabels(len(mod.Funcs))
	w.Return, w.Fault = b.NewLabel(), b.NewLabel()
	t.Prelude(w, b)
	units, err := c.lowerAll(w, t)
	if err != nil {
		return nil, err
	}
	if err := b.relax(t); err != nil {
		return nil, err
	}
	im := &Image{Base: opts.Base}
	b.link(t, im)
	finish(w, b, units, im)
	if opts.DumpStages["asm"] {
		dumpAsm(opts.Dump, mod, t, im)
	}
	return im, nil
}

// funcLabels are a function's labels besides its body.
type funcLabels struct{ entry, exit, end Label }

// compiler is memory that one compilation leaves to the next.
type compiler struct {
	builder   ir.Builder
	optimizer opt.Optimizer
	prover    prove.Prover
	buffer    Buffer
}

var idle = sync.Pool{New: func() any { return new(compiler) }}

func (c *compiler) lowerAll(w *World, t Target) ([]funcLabels, error) {
	b := &c.buffer
	env := &ir.Env{Module: w.Module, MapValue: w.MapValue, HelperArgs: w.HelperArgs}
	optEnv := &opt.Env{Module: w.Module, InlineLookup: w.InlineLookup, Quiet: w.Quiet}
	units := make([]funcLabels, len(w.Module.Funcs))
	for i, src := range w.Module.Funcs {
		l := &units[i]
		l.entry, l.exit, l.end = b.NewLabel(), b.NewLabel(), b.NewLabel()
		f := c.builder.Build(env, src)
		if err := w.stage("ir", f); err != nil {
			return nil, err
		}
		c.optimizer.Run(optEnv, f, w.Disable)
		if err := w.stage("opt", f); err != nil {
			return nil, err
		}
		u := &Unit{World: w, Func: f, Facts: c.prover.Prove(f, w.Module, w.MapValue, w.InlineLookup), Entry: l.entry, Exit: l.exit}
		if err := t.Lower(u, b); err != nil {
			return nil, fmt.Errorf("function %s: %w", src.Name, err)
		}
		b.Bind(l.end)
		w.refine(src, u.Leaves)
	}
	return units, nil
}

// refine notes what the code of a function shows: helpers that were compiled in
// place clobber nothing. Callees mostly come before their callers, and gain from it.
func (w *World) refine(f *bpf.Func, leaves bool) {
	clobbers := f.ReachTailCall || leaves
	for _, c := range f.Callees {
		clobbers = clobbers || w.Clobbers[c]
	}
	w.Clobbers[f.Index] = clobbers
}

// stage shows and checks a function as it is after a stage.
func (w *World) stage(name string, f *ir.Func) error {
	if w.DumpStages[name] {
		fmt.Fprintf(w.Dump, "%s\n", f)
	}
	if w.Verify {
		if err := ir.Verify(f); err != nil {
			return fmt.Errorf("BUG: function %s after %s: %w", f.Name, name, err)
		}
	}
	return nil
}

// finish resolves the labels that an image names.
func finish(w *World, b *Buffer, units []funcLabels, im *Image) {
	starts := make([]int64, len(b.jumps)+1)
	for i := range b.jumps {
		starts[i+1] = starts[i] + int64(b.jumps[i].size)
	}
	im.ReturnPC, im.FaultPC = b.pc(w.Return, starts), b.pc(w.Fault, starts)
	im.Funcs = make([]FuncCode, len(units))
	for i, l := range units {
		im.Funcs[i] = FuncCode{Entry: b.pc(l.entry, starts), Body: b.pc(w.Body(i), starts),
			Exit: b.pc(l.exit, starts), End: b.pc(l.end, starts)}
	}
}

// newWorld works out what depends on the call graph.
func newWorld(mod *bpf.Module, opts *Options) *World {
	w := &World{Options: opts, Module: mod, Clobbers: make([]bool, len(mod.Funcs))}
	called := make([]bool, len(mod.Funcs))
	for _, f := range mod.Funcs {
		for _, c := range f.Callees {
			called[c] = true
		}
	}
	for i, f := range mod.Funcs {
		w.AnyTailCall = w.AnyTailCall || f.HasTailCall
		w.IndirectTailCall = w.IndirectTailCall || f.AddrTaken && f.ReachTailCall
		// What a subprogram tail-calls returns to the subprogram's caller.
		w.SaveInEntry = w.SaveInEntry || f.HasTailCall && (called[i] || !f.Entry) || f.Entry && called[i]
		w.Clobbers[i] = f.ReachTailCall || callsOut(f)
	}
	for changed := true; changed; { // the call graph is at most 8 deep
		changed = false
		for i, f := range mod.Funcs {
			for _, c := range f.Callees {
				if w.Clobbers[c] && !w.Clobbers[i] {
					w.Clobbers[i], changed = true, true
				}
			}
		}
	}
	return w
}

// callsOut reports whether a function calls helpers, or what only a register tells.
func callsOut(f *bpf.Func) bool {
	for i := range f.Insns {
		in := &f.Insns[i]
		if in.Op == bpf.OpCallX || in.Op == bpf.OpCall && in.Src != bpf.CallSubprog && !in.IsTailCall() {
			return true
		}
	}
	return false
}

// dumpAsm prints the code of an image.
func dumpAsm(out io.Writer, mod *bpf.Module, t Target, im *Image) {
	for i, f := range im.Funcs {
		fmt.Fprintf(out, "%s:\n", mod.Funcs[i].Name)
		for pc := f.Entry; pc < f.End; {
			text, size := t.Disasm(im.Code[pc:f.End], im.Base+uint64(pc))
			fmt.Fprintf(out, "%8x:  %-12x %s\n", im.Base+uint64(pc), im.Code[pc:pc+uint32(size)], text)
			pc += uint32(size)
		}
	}
}
