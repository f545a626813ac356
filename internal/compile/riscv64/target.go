// Package riscv64 is the RV64 target: it turns one ir.Func into instructions.
//
// The register assignment is that of Linux's RISC-V JIT, so that listings
// compare; docs/ARCHITECTURE.md has the table.
package riscv64

import (
	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/compile"
	"github.com/rivetbpf/rivet/internal/compile/riscv64/rv"
)

// homes is where BPF registers live.
var homes = [bpf.NumRegs]rv.Reg{rv.A5, rv.A0, rv.A1, rv.A2, rv.A3, rv.A4, rv.S1, rv.S2, rv.S3, rv.S4, rv.S5}

// Registers of the run's own state. They hold the same value from entry to exit.
const (
	RegStack     = rv.S5  // r10, or below it by the frame's size: see frame.adjust
	RegArenaBase = rv.S6  // first guest address
	RegArenaSize = rv.S7  // number of valid start addresses
	RegState     = rv.S8  // the run's state block
	RegFuel      = rv.S9  // backward jumps left
	RegCount     = rv.S10 // tail calls left, shared scheme
	RegCountA6   = rv.A6  // tail calls left, propagated scheme
)

// Registers with a meaning where code leaves through the gate.
const (
	// RegFaultOff holds address minus arena base at a failed check.
	RegFaultOff = rv.T0
	// RegFaultPC holds the address behind the jump to the fault gate.
	RegFaultPC = rv.T2
	// RegGate holds the helper number, or -1 minus the number of a kfunc.
	RegGate = rv.A7
)

// regFar is the scratch register of jumps that need two instructions.
const regFar = rv.T6

// Kinds of jumps.
const (
	jumpAlways = iota
	jumpCond   // word: the branch instruction with offset 0
	jumpCondC  // the same, where a 16-bit form exists
	jumpCall   // links ra
	jumpFault  // links RegFaultPC
)

// Gate says how code leaves.
type Gate uint8

const (
	// GateTrap leaves by instructions that trap: ecall for helpers, ebreak at the
	// two places where code ends. It is the gate of the hart.
	GateTrap Gate = iota
	// GateJump leaves by jumps to the addresses that the state block begins with.
	GateJump
)

// Offsets into the block that RegState points to, for GateJump: addresses of
// the code that takes over.
const (
	StateReturn = 0
	StateFault  = 8
	StateHelper = 16
)

// StateCPU is the offset, in the same block, of the number of the processor that the run is on.
const StateCPU = 56

// Target implements compile.Target. It is safe for concurrent use.
type Target struct {
	ext   rv.Ext
	gate  Gate
	forms [5][]compile.Form
}

// New returns a target for an architecture string such as "rv64gc_zba_zbb".
func New(march string, gate Gate) (*Target, error) {
	ext, err := rv.ParseMarch(march)
	if err != nil {
		return nil, err
	}
	t := &Target{ext: ext, gate: gate}
	t.initForms()
	return t, nil
}

// Name returns the canonical architecture string.
func (t *Target) Name() string { return t.ext.String() }

// Disasm returns the text and size of the instruction at code[0].
func (t *Target) Disasm(code []byte, pc uint64) (string, int) {
	text, size, err := rv.Disasm(code, pc)
	if err != nil {
		return err.Error(), max(size, 2)
	}
	return text, size
}

// Prelude emits the two places where code ends: the return of a run's first
// frame, and failed checks. An engine takes over there.
func (t *Target) Prelude(w *compile.World, b *compile.Buffer) {
	b.Bind(w.Return)
	t.leave(b, StateReturn)
	b.Bind(w.Fault)
	t.leave(b, StateFault)
}

func (t *Target) leave(b *compile.Buffer, state int32) {
	if t.gate == GateTrap {
		b.Emit32(rv.I(rv.EBREAK, 0, 0, 0))
		return
	}
	b.Emit32(rv.I(rv.LD, regFar, RegState, state))
	b.Emit32(rv.I(rv.JALR, rv.Zero, regFar, 0))
}

// Distances that the encodings of jumps reach (RISC-V ISA manual, 2.5 and 27.4).
func (t *Target) initForms() {
	const (
		minC, maxC     = -256, 254                   // c.beqz
		minB, maxB     = -4096, 4094                 // beq
		minCJ, maxCJ   = -2048, 2046                 // c.j
		minJ, maxJ     = -1 << 20, 1<<20 - 2         // jal
		minFar, maxFar = -1<<31 - 2048, 1<<31 - 2049 // auipc and jalr: the low 12 bits are signed
	)
	// A branch that does not reach is inverted over a jump: 4 bytes in.
	cond := []compile.Form{{Size: 4, Min: minB, Max: maxB}, {Size: 8, Min: minJ + 4, Max: maxJ}, {Size: 12, Min: minFar + 4, Max: maxFar}}
	always := []compile.Form{{Size: 4, Min: minJ, Max: maxJ}, {Size: 8, Min: minFar, Max: maxFar}}
	t.forms[jumpCall], t.forms[jumpFault] = always, always
	t.forms[jumpCond] = cond
	t.forms[jumpCondC] = append([]compile.Form{{Size: 2, Min: minC, Max: maxC}}, cond...)
	t.forms[jumpAlways] = always
	if t.ext.Has(rv.ExtC) {
		t.forms[jumpAlways] = append([]compile.Form{{Size: 2, Min: minCJ, Max: maxCJ}}, always...)
	}
}

// Forms implements compile.Target.
func (t *Target) Forms(kind uint8) []compile.Form {
	if int(kind) >= len(t.forms) {
		return nil
	}
	return t.forms[kind]
}
