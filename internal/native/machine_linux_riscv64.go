package native

import (
	"fmt"
	"unsafe"

	"github.com/rivetbpf/rivet/internal/compile/riscv64/rv"
	"github.com/rivetbpf/rivet/internal/engine"
)

// state is what the gate keeps of a run while Go is in control. Generated code
// reaches it through s8; gate_riscv64.s knows its layout.
type state struct {
	exits  [3]uintptr // of the gate: return, fault, helper
	goSP   uintptr
	goRA   uintptr
	reason uint64
	pc     uint64 // where to go on
	cpu    uint64 // at riscv64.StateCPU
	x      [32]uint64
}

// Reasons for leaving.
const (
	leftReturn = iota
	leftFault
	leftHelper
)

// goOn starts a run, or goes on behind a helper call, and returns when code
// leaves. It is a function value made of the address of assembly, which so
// gets its argument in the register where Go passes it (a0: cmd/compile/abi-internal.md).
// A declared assembly function is called through a wrapper that the compiler
// adds, and that alone takes a fifth of the time that an empty run may take.
var goOn = func() func(*state) {
	at := new(uintptr)
	*at = enterAddress()
	return *(*func(*state))(unsafe.Pointer(&at))
}()

// enterAddress returns where the assembly of goOn is.
func enterAddress() uintptr

// resume goes on with every register as it was.
//
//go:noescape
func resume(s *state)

// exits fills in s.exits.
//
//go:noescape
func exits(s *state)

// exitReturn is state.exits[0].
var exitReturn = func() uintptr {
	var s state
	exits(&s)
	return s.exits[0]
}()

// controlSize is room for the deepest chains that package load lets through: 34
// of 8 frames with 48 bytes each take 13 KiB.
const controlSize = 64 << 10

// machine is the control memory of one run: the stack, and above it the state.
// Pages that nobody may touch lie on both sides.
type machine struct {
	mem   []byte // guards included
	first bool   // see held
	st    *state
	fuel  engine.Fuel
}

func newMachine() (*machine, error) {
	mem, err := mapGuarded(controlSize + pageSize)
	if err != nil {
		return nil, fmt.Errorf("control stack: %w", err)
	}
	m := &machine{mem: mem, st: (*state)(unsafe.Pointer(&mem[pageSize+controlSize]))}
	exits(m.st)
	return m, nil
}

// stackTop is where the control stack begins: it ends at the lower guard.
func (m *machine) stackTop() uint64 { return uint64(uintptr(unsafe.Pointer(m.st))) }

func (m *machine) free() { unmap(m.mem) }

// poison is what a register holds that nobody may rely on.
const poison = 0xdead_dead_dead_dead

// clobber destroys what a helper may destroy: every caller-saved register but
// a0, the result, and t6, which the gate itself destroys. Go's code leaves garbage
// there as well, but not always and not always the kind that shows.
func (m *machine) clobber() {
	x := &m.st.x
	x[rv.RA], x[rv.S0] = poison, poison // s0 is nobody's
	for r := rv.T0; r <= rv.T2; r++ {
		x[r] = poison
	}
	for r := rv.A1; r <= rv.A7; r++ {
		x[r] = poison
	}
	for r := rv.T3; r <= rv.T5; r++ {
		x[r] = poison
	}
}
