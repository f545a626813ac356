package rivet

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/engine"
	"github.com/rivetbpf/rivet/internal/helpers"
)

// FaultKind says what a program did.
type FaultKind uint8

const (
	FaultAccess   = FaultKind(engine.FaultAccess)   // accessed an address outside its memory
	FaultMisalign = FaultKind(engine.FaultMisalign) // accessed a misaligned address atomically
	FaultFuel     = FaultKind(engine.FaultFuel)     // ran for longer than its fuel lasts
	FaultHelper   = FaultKind(engine.FaultHelper)   // gave a helper bad arguments, or the helper failed; see Err
	FaultBadCall  = FaultKind(engine.FaultBadCall)  // called, or tail-called through, what it cannot
	FaultStopped  = FaultKind(engine.FaultStopped)  // ran when its context ended; Err wraps the context's error
	FaultContext  = FaultKind(engine.FaultContext)  // accessed what programs of its type may not access of their context; see Err
	FaultMachine  = FaultKind(engine.FaultMachine)  // nothing: the engine itself failed; see Err
)

func (k FaultKind) String() string { return engine.FaultKind(k).String() }

// Fault is why a run ended early. It is found with [errors.As] in the error of
// a run. What the program had written to maps and to the packet stays written.
type Fault struct {
	Kind     FaultKind
	Program  string // the program that was run
	Function string // the function that the instruction is in
	Insn     int    // its number, counted in 8-byte slots from the function's start
	File     string // source file, when the object has line information
	Line     int    // source line, 0 without line information
	Text     string // source text of the line
	Addr     uint64 // guest address, or the value that was called
	Size     int    // bytes accessed at Addr
	Err      error  // what the helper, the engine or the context said
}

// Error gives all of it on one line.
func (f *Fault) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "program %s: ", f.Program)
	if f.Function != f.Program {
		fmt.Fprintf(&b, "function %s: ", f.Function)
	}
	fmt.Fprintf(&b, "insn %d", f.Insn)
	if f.Line != 0 {
		fmt.Fprintf(&b, " (%s:%d", path.Base(f.File), f.Line)
		if f.Text != "" {
			fmt.Fprintf(&b, ": %s", f.Text)
		}
		b.WriteByte(')')
	}
	fmt.Fprintf(&b, ": %v", f.Kind)
	switch f.Kind {
	case FaultAccess, FaultMisalign:
		fmt.Fprintf(&b, ": %d bytes at %#x", f.Size, f.Addr)
	case FaultBadCall:
		fmt.Fprintf(&b, ": %#x", f.Addr)
	}
	if f.Err != nil {
		fmt.Fprintf(&b, ": %v", f.Err)
	}
	return b.String()
}

// Unwrap returns Err.
func (f *Fault) Unwrap() error { return f.Err }

// newFault names what an engine's fault numbers. An error that is no fault stays as it is.
func newFault(m *bpf.Module, program string, err error) error {
	var e *engine.Fault
	if !errors.As(err, &e) {
		return fmt.Errorf("program %s: %w", program, err)
	}
	f := &Fault{Kind: FaultKind(e.Kind), Program: program, Insn: e.Insn, Addr: e.Addr, Size: e.Size, Err: e.Err}
	if e.Func >= 0 && e.Func < len(m.Funcs) {
		fn := m.Funcs[e.Func]
		f.Function = fn.Name
		if l, ok := fn.LineAt(e.Insn); ok {
			f.File, f.Line, f.Text = l.File, l.Num, strings.TrimSpace(l.Text)
		}
	}
	var arg *helpers.ArgError
	if errors.As(e.Err, &arg) {
		f.Addr, f.Size = arg.Addr, int(arg.Size)
	}
	return f
}
