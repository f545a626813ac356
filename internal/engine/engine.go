// Package engine holds what every engine (interpreter, hart, native) has in
// common: what a run is given, what it gives back, how it reaches the outside
// and how it fails. It knows no engine.
package engine

import (
	"fmt"
	"sync/atomic"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet/internal/bpf"
)

// Scheme says how the tail-call count travels.
type Scheme uint8

const (
	// Shared keeps one count for the whole call tree of an entry.
	Shared Scheme = iota
	// Propagated passes the count by value: each frame has its own.
	Propagated
)

func (s Scheme) String() string {
	if s == Propagated {
		return "propagated"
	}
	return "shared"
}

// Request is one run of one function.
type Request struct {
	Func     int          // index into Module.Funcs
	Args     [5]uint64    // R1 to R5
	StackTop uint64       // guest address that R10 has in the first frame (shared with callees below it)
	Fuel     int64        // backward jumps and tail calls it may execute; 0: no bound, negative: none
	Stop     *atomic.Bool // when it turns true the run ends soon, with FaultStopped; may be nil
	CPU      uint32       // the processor that it is on
	Work     int64        // the largest bpf.Func.Work of the module; 0: not known
	Gate     Gate
	// Left is the fuel that is left while a helper runs. The engine sets it before the
	// helper and goes on with it afterwards, so that runs within this one can be paid from it.
	Left  int64
	Trace func(*Event) // nil: not traced
}

// Result is what a run gives. R0 is that of a run that ended by itself.
type Result struct {
	R0      uint64
	Retired uint64 // instructions executed: of the target machine, or of BPF for the interpreter
	Left    int64  // fuel that was not used; also known of a run that faulted
}

// Gate is the way out of generated code: it runs helpers.
type Gate interface {
	// Helper runs helper number id (kind [bpf.CallHelper]) or kfunc number id of
	// the module (kind [bpf.CallKfunc]). An error ends the run: an *[Exit] with
	// its R0, a *[Fault] as itself, anything else as the cause of a fault at
	// the calling instruction.
	Helper(kind uint8, id int32, args *[5]uint64) (r0 uint64, err error)
}

// Exit, as the error of a helper, ends the run at once with R0 as its result.
type Exit struct{ R0 uint64 }

func (e *Exit) Error() string { return fmt.Sprintf("helper ended the run with r0 %#x", e.R0) }

// FaultKind says what a fault is.
type FaultKind uint8

const (
	FaultAccess   FaultKind = iota // address outside the arena
	FaultMisalign                  // misaligned atomic access
	FaultFuel                      // fuel spent
	FaultHelper                    // a helper refused its arguments or failed; see Err
	FaultBadCall                   // indirect call of something that is not a function
	FaultStopped                   // Request.Stop turned true
	FaultContext                   // access to what programs of the type may not access of their context; see Err
	FaultMachine                   // the machine itself stopped: a compiler's fault, not a guest's
)

var faultNames = [...]string{"access outside guest memory", "misaligned atomic access",
	"out of fuel", "helper failed", "call of a value that is not a function", "stopped", "context", "machine stopped"}

func (k FaultKind) String() string { return faultNames[k] }

// Fault ends a run, never the process.
type Fault struct {
	Kind FaultKind
	Func int    // index into Module.Funcs
	Insn int    // slot number
	Addr uint64 // for FaultAccess, FaultMisalign and FaultBadCall
	Size int    // bytes, for FaultAccess and FaultMisalign
	Err  error  // for FaultHelper, FaultContext and FaultMachine
}

func (f *Fault) Error() string {
	s := fmt.Sprintf("func %d, insn %d: %v", f.Func, f.Insn, f.Kind)
	switch f.Kind {
	case FaultAccess, FaultMisalign:
		s += fmt.Sprintf(": %d bytes at %#x", f.Size, f.Addr)
	case FaultBadCall:
		s += fmt.Sprintf(": %#x", f.Addr)
	}
	if f.Err != nil {
		s += ": " + f.Err.Error()
	}
	return s
}

func (f *Fault) Unwrap() error { return f.Err }

// EventKind names a step of the flow that a trace shows.
type EventKind string

const (
	EventEntry          EventKind = "entry"            // a run begins
	EventCall           EventKind = "call"             // subprogram call
	EventTailCall       EventKind = "tail_call"        // taken
	EventTailCallMissed EventKind = "tail_call_missed" // fell through; Reason says why
	EventReturn         EventKind = "return"           // a subprogram (or what it tail-called) returned
	EventHelper         EventKind = "helper"
	EventExit           EventKind = "exit" // the run ends
)

// Event is one step of a traced run.
type Event struct {
	Kind        EventKind
	Func        int    // function that executes the instruction; for return: the one returned to
	Insn        int    // slot; for return: of the call
	Target      int    // function called, tail-called or returned from; -1 when none
	HelperKind  uint8  // for EventHelper
	HelperID    int32  // for EventHelper
	Depth       int    // subprogram frames below this one: 0 in the entry
	CountBefore int    // tail calls left before the step (as Func's frame sees it)
	Count       int    // and after it
	Home        string // where the count lives: "a6", "frame", "s10"; "" where none is kept
	Index       uint32 // for tail calls: the slot asked for
	Map         int    // for tail calls: index into Module.Maps
	Reason      string // for EventTailCallMissed
	R0          uint64 // for return, helper, exit
}

// Tables are the slots of all program arrays of a module, in one slice so that
// generated code reaches a slot with one addition. A slot holds 0 or what the
// engine's TailTarget gave for the program put there. Slots are read and
// written atomically.
type Tables struct {
	Slots []uint64
	start []int // per map; -1 for maps that are no program array
	size  []int
}

// NewTables sets aside the slots of the program arrays among maps.
func NewTables(maps []*bpf.Map) *Tables {
	t := &Tables{start: make([]int, len(maps)), size: make([]int, len(maps))}
	n := 0
	for i, m := range maps {
		t.start[i] = -1
		if m.Type == bpf.MapTypeProgArray {
			t.start[i], t.size[i] = n, int(m.MaxEntries)
			n += int(m.MaxEntries)
		}
	}
	t.Slots = make([]uint64, n)
	return t
}

// Of returns the slots of map i and the position of the first in Slots; nil when map i is no program array.
func (t *Tables) Of(i int) (slots []uint64, start int) {
	if i < 0 || i >= len(t.start) || t.start[i] < 0 {
		return nil, -1
	}
	return t.Slots[t.start[i]:][:t.size[i]], t.start[i]
}

// MissReason says why a tail call falls through, in the order in which Linux
// looks: the index, the count, the slot. It is empty when the call is taken.
func MissReason(name string, slots []uint64, index uint32, count int) string {
	switch {
	case uint64(index) >= uint64(len(slots)):
		return fmt.Sprintf("index %d is out of range: %s has %d slots", index, name, len(slots))
	case count == 0:
		return fmt.Sprintf("all %d tail calls are spent", bpf.MaxTailCalls)
	case atomic.LoadUint64(&slots[index]) == 0:
		return fmt.Sprintf("slot %d is empty", index)
	}
	return ""
}

// MaxHelper bounds helper numbers: an indirect call of a smaller value calls a helper.
const MaxHelper = 0x10000

// ErrUnsupported is wrapped by errors about things that an engine cannot do on this host.
// It is cilium/ebpf's, which users test for.
var ErrUnsupported = ebpf.ErrNotSupported
