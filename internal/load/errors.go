package load

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/rivetbpf/rivet/internal/bpf"
)

// InsnError says which instruction was refused and why.
type InsnError struct {
	Func   string   // function name
	Insn   int      // slot number within the function
	Bytes  []byte   // the instruction as it was given: 8 bytes, 16 for a whole 64-bit immediate load
	Line   bpf.Line // its source line; Num is 0 when unknown
	Reason string
}

func (e *InsnError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "function %q: insn %d", e.Func, e.Insn)
	if e.Line.Num > 0 {
		fmt.Fprintf(&b, " (%s:%d)", e.Line.File, e.Line.Num)
	}
	fmt.Fprintf(&b, " [% x]: %s", e.Bytes, e.Reason)
	return b.String()
}

// ProgramError names the program that could not be loaded. The cause is an
// *[InsnError] where a single instruction is to blame.
type ProgramError struct {
	Program string
	Err     error
}

func (e *ProgramError) Error() string { return fmt.Sprintf("program %q: %v", e.Program, e.Err) }

func (e *ProgramError) Unwrap() error { return e.Err }

// insnError describes the instruction at slot pc of f.
func (f *fn) insnError(pc int, format string, args ...any) error {
	e := &InsnError{Func: f.name, Insn: pc, Reason: fmt.Sprintf(format, args...)}
	e.Bytes = appendInsn(nil, f.insns[pc])
	if f.insns[pc].IsLDDW() && pc+1 < len(f.insns) {
		e.Bytes = appendInsn(e.Bytes, f.insns[pc+1])
	}
	if l, ok := (&bpf.Func{Lines: f.lines}).LineAt(pc); ok {
		e.Line = l
	}
	return e
}

// appendInsn encodes one slot (RFC 9669, section 3).
func appendInsn(b []byte, i bpf.Insn) []byte {
	b = append(b, i.Op, i.Dst&0xf|i.Src<<4)
	b = binary.LittleEndian.AppendUint16(b, uint16(i.Off))
	return binary.LittleEndian.AppendUint32(b, uint32(i.Imm))
}

// decode is the inverse of appendInsn for a whole program.
func decode(code []byte) []bpf.Insn {
	insns := make([]bpf.Insn, len(code)/8)
	for i := range insns {
		b := code[i*8 : i*8+8]
		insns[i] = bpf.Insn{
			Op: b[0], Dst: b[1] & 0xf, Src: b[1] >> 4,
			Off: int16(binary.LittleEndian.Uint16(b[2:])),
			Imm: int32(binary.LittleEndian.Uint32(b[4:])),
		}
	}
	return insns
}
