// Package hart is a user-mode RV64 machine: RV64IMAC with the counters of
// Zicntr, Zba, Zbb, Zbs, Zicond and Zacas. It runs on every host, touches no
// memory but the regions that it is given, and ends in a [Trap] whatever the
// text holds.
package hart

import (
	"fmt"
	"math"
	"time"
	"unsafe"
)

// TrapKind says why a hart stopped.
type TrapKind uint8

const (
	None            TrapKind = iota // Step executed one instruction
	Ecall                           // PC is behind the ecall
	Ebreak                          // PC is at the ebreak
	Illegal                         // PC is at the instruction, Addr too
	LoadFault                       // Addr, Size: no region that may be read holds all these bytes
	StoreFault                      // the same for stores, SC and AMOs
	LoadMisaligned                  // Addr, Size
	StoreMisaligned                 // Addr, Size
	FetchFault                      // Addr: no instruction can be fetched there
	Limit                           // as many instructions as Run was given
	Break                           // a breakpoint: PC is at the instruction, which was not executed
)

var trapNames = [...]string{"no trap", "ecall", "ebreak", "illegal instruction", "load outside memory", "store outside memory",
	"misaligned load", "misaligned store", "fetch outside code", "instruction limit reached", "breakpoint"}

func (k TrapKind) String() string { return trapNames[k] }

// Trap is why and where a hart stopped.
type Trap struct {
	Kind TrapKind
	Addr uint64 // for faults: the address that was accessed
	Size int    // for loads and stores: bytes
}

func (t Trap) String() string {
	switch t.Kind {
	case LoadFault, StoreFault, LoadMisaligned, StoreMisaligned:
		return fmt.Sprintf("%v: %d bytes at %#x", t.Kind, t.Size, t.Addr)
	case FetchFault, Illegal:
		return fmt.Sprintf("%v at %#x", t.Kind, t.Addr)
	}
	return t.Kind.String()
}

// Hart is one hardware thread. It is not safe for concurrent use, but harts may
// share code and memory.
type Hart struct {
	X [32]uint64
	// sinks takes writes to x0 in its first element. The rest is never touched:
	// it makes the register file 256 long, so that a register number of 8 bits
	// needs no bounds check.
	sinks [256 - 32]uint64

	PC      uint64
	Instret uint64 // instructions retired; one that traps is not, an ecall is
	// StrictAlign makes misaligned plain loads and stores trap. By default they
	// work, as they do for programs under Linux. Misaligned LR, SC and AMOs
	// always trap.
	StrictAlign bool

	code     *Code
	regions  []Region
	trap     Trap
	reserved reservation
	fence    uint64
	start    time.Time
	resume   bool   // the last trap was Break, at stoppedAt
	stopped  uint64 // see resume
	window   [4]op  // see step; the last is where an indirect jump out of the code goes
	fast     [2]fastRegion
}

// New makes a hart at the first instruction of code with zeroed registers.
// Accesses of
// the first region are the fastest, those of the second come next.
func New(code *Code, regions ...Region) *Hart {
	h := &Hart{PC: code.base, code: code, regions: append([]Region(nil), regions...), start: time.Now()}
	h.window[3].code = opGoto
	return h
}

// file is the register file with the sink.
func (h *Hart) file() *[256]uint64 { return (*[256]uint64)(unsafe.Pointer(h)) }

// reset prepares for a run: whatever the user may have set is brought in order.
func (h *Hart) reset() {
	h.X[0] = 0
	h.trap = Trap{}
	h.setFast()
}

// Run executes instructions until a trap. With max above 0, at most max are
// retired before it stops with a trap of kind [Limit].
func (h *Hart) Run(max uint64) Trap {
	if max == 0 {
		max = math.MaxInt64 / opSize
	}
	h.reset()
	end := h.Instret + min(max, math.MaxInt64/opSize)
	if h.resume && h.PC == h.stopped {
		h.step()
	}
	h.resume = false
	for h.trap.Kind == None {
		left := end - h.Instret
		i, ok := h.code.at(h.PC)
		switch {
		case left == 0:
			h.trap.Kind = Limit
		case h.code.breaks[h.PC]:
			h.hitBreak()
		case ok && left > h.code.longest:
			h.exec(h.code.ops, i, int64(left-h.code.longest))
		default:
			h.step()
		}
	}
	return h.trap
}

func (h *Hart) hitBreak() {
	h.trap = Trap{Kind: Break}
	h.resume, h.stopped = true, h.PC
}

// Step executes one instruction, breakpoint or not. It returns a trap of kind
// [None] when there was none.
func (h *Hart) Step() Trap {
	h.reset()
	h.resume = false
	h.step()
	return h.trap
}

// step decodes the instruction at PC by itself and executes it in a window of
// three ops: the instruction and the two places it may go on at.
func (h *Hart) step() {
	in := h.code.fetch(h.PC)
	o := makeOp(in, h.PC)
	next := h.PC + uint64(in.size)
	if isDirect(in.code) {
		o.aux = 2 * opSize
		h.window[2] = op{code: opGoto, imm: int64(h.PC) + in.imm}
	}
	if in.code == opJalr {
		o.aux = int32(next - h.code.base)
	}
	h.window[0] = o
	h.window[1] = op{code: opGoto, imm: int64(next)}
	h.exec(h.window[:], 0, 0)
}
