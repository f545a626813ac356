package rivet

import (
	"context"
	"fmt"
	"runtime/debug"

	"github.com/rivetbpf/rivet/internal/engine"
	"github.com/rivetbpf/rivet/internal/helpers"
)

// ArgKind says what an argument of a helper is, and so how it is checked before
// the helper's function runs.
type ArgKind uint8

const (
	ArgScalar      = ArgKind(helpers.Scalar)     // any value
	ArgCtx         = ArgKind(helpers.Ctx)        // the program's context
	ArgMap         = ArgKind(helpers.Map)        // a map, not a program array
	ArgMapKey      = ArgKind(helpers.MapKey)     // pointer to a key of the map among the arguments before it
	ArgMapValue    = ArgKind(helpers.MapValue)   // pointer to a value of that map, which the helper reads
	ArgMapValueOut = ArgKind(helpers.MapValueW)  // pointer to room for such a value, which the helper writes
	ArgMem         = ArgKind(helpers.Mem)        // pointer to bytes that the helper reads: Arg.Size of them, or as many as the next argument says
	ArgMemOut      = ArgKind(helpers.MemW)       // the same, which the helper writes
	ArgSize        = ArgKind(helpers.Size)       // length of the pointer before it, at least 1
	ArgSizeOrZero  = ArgKind(helpers.SizeOrZero) // length of the pointer before it
	ArgFunc        = ArgKind(helpers.Func)       // a function of the program, for [HelperCall.Call]
)

// Arg describes one argument of a helper.
type Arg struct {
	Name     string // for messages
	Kind     ArgKind
	Size     uint32 // of ArgMem and ArgMemOut: how many bytes, when no size follows
	Nullable bool   // the pointer may be NULL
}

// Helper is a function that programs may call, written in Go: a helper, by its
// number, or a kfunc, by its name.
//
// Pointers and lengths are checked against Args before Func runs; a bad one is a
// fault at the calling instruction. So is an error that Func returns, and a
// panic of Func (see [HelperPanic]). Arguments after those in Args are not passed on.
type Helper struct {
	ID   int32  // number, as in enum bpf_func_id; 0 for a kfunc
	Name string // a kfunc's name; of a helper, a name for messages
	Args []Arg
	// Func returns what the program finds in R0.
	Func func(c *HelperCall) (uint64, error)
}

// HelperCall is one call of a [Helper]. It is valid until Func returns, and so
// are the slices that it gives.
type HelperCall struct {
	call *helpers.Call
	core *core
	args [5]uint64 // of the function that is called back
}

// Arg returns argument i, counted from 0, as the register holds it.
func (c *HelperCall) Arg(i int) uint64 { return c.call.Args[i] }

// Bytes returns the bytes that pointer argument i points to, nil for NULL. They
// are guest memory: what is written there, the program sees.
func (c *HelperCall) Bytes(i int) []byte { return c.call.Mem[i] }

// Map returns the map among the arguments, the last if there are several.
func (c *HelperCall) Map() *Map {
	if c.call.Map == nil {
		return nil
	}
	return c.core.mapAt(c.call.Map.Index)
}

// CPU returns the processor number of the run.
func (c *HelperCall) CPU() uint32 { return c.call.Run.CPU }

// Context returns the context that the program runs under: the one that was
// given to [Program.RunContext], or [context.Background]. A helper that takes long
// returns when it ends, with its error or without: the run is stopped soon.
func (c *HelperCall) Context() context.Context {
	if ctx := c.call.Run.Context; ctx != nil {
		return ctx
	}
	return context.Background()
}

// Memory returns the n bytes of guest memory at addr, for helpers whose
// pointers cannot be described as arguments. An address outside is an error.
func (c *HelperCall) Memory(addr, n uint64) ([]byte, error) {
	b, ok := c.core.arena.Bytes(addr, n)
	if !ok {
		return nil, fmt.Errorf("%s: %d bytes at %#x: outside guest memory", c.call.Helper.Name, n, addr)
	}
	return b, nil
}

// Call calls a function of the program, whose address the program passed as an
// argument of kind ArgFunc, with up to five arguments, and returns its R0. It
// has a tail-call count and a stack of its own, and is otherwise part of the
// program's run: it burns the run's fuel, one unit for the call and more for its own
// backward jumps, and ends with its context. Calls nest at most 3 deep.
func (c *HelperCall) Call(fn uint64, args ...uint64) (uint64, error) {
	if len(args) > len(c.args) {
		return 0, fmt.Errorf("%s: call with %d arguments, at most 5 are passed", c.call.Helper.Name, len(args))
	}
	c.args = [5]uint64{}
	copy(c.args[:], args)
	return c.call.Invoke(fn, &c.args)
}

// Exit returns an error that, when Func returns it, ends the run at once, with
// success and r0 as its result.
func (c *HelperCall) Exit(r0 uint64) error { return &engine.Exit{R0: r0} }

// userHelpers turns the user's helpers into rows. Nothing is checked yet.
func (c *core) userHelpers() []*helpers.Helper {
	rows := make([]*helpers.Helper, len(c.opts.Helpers))
	for i := range c.opts.Helpers {
		h := &c.opts.Helpers[i]
		row := &helpers.Helper{ID: h.ID, Name: h.Name}
		if h.Name == "" && h.ID > 0 {
			row.Name = fmt.Sprintf("helper %d", h.ID)
		}
		for _, a := range h.Args {
			row.Args = append(row.Args, helpers.Arg{Name: a.Name, Kind: helpers.Kind(a.Kind), Size: a.Size, Nullable: a.Nullable})
		}
		if fn := h.Func; fn != nil {
			row.Fn = c.guarded(fn)
		}
		rows[i] = row
	}
	return rows
}

// guarded makes a row's function of a user's; a panic of that becomes an error. What nothing is wrong with
// asks for no panic: recover costs as much as the rest of the call.
func (c *core) guarded(fn func(*HelperCall) (uint64, error)) func(*helpers.Call) (uint64, error) {
	return func(call *helpers.Call) (r0 uint64, err error) {
		hc, ok := call.User.(*HelperCall)
		if !ok {
			hc = &HelperCall{call: call, core: c} // once for each place in the pool
			call.User = hc
		}
		returned := false
		defer func() {
			if !returned {
				r0, err = 0, panicked(call, recover())
			}
		}()
		r0, err = fn(hc)
		returned = true
		return r0, err
	}
}

// panicked is the error for what a user's helper gave to panic; nil while runtime.Goexit passes through.
func panicked(call *helpers.Call, value any) error {
	if value == nil {
		return nil
	}
	return &HelperPanic{Helper: call.Helper.Name, Value: value, Stack: debug.Stack()}
}

// HelperPanic is a panic of a [Helper]'s function. It ends the run with a fault
// that wraps it, and is found with [errors.As].
type HelperPanic struct {
	Helper string // the helper's name
	Value  any    // what was given to panic
	Stack  []byte // the goroutine's stack, from the panic outwards, as [debug.Stack] formats it
}

func (p *HelperPanic) Error() string { return fmt.Sprintf("%s: panic: %v", p.Helper, p.Value) }

// Unwrap returns Value if that is an error.
func (p *HelperPanic) Unwrap() error {
	err, _ := p.Value.(error)
	return err
}
