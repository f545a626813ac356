package load

import (
	"fmt"
	"slices"

	"github.com/rivetbpf/rivet/internal/bpf"
)

// RawProgram is a program as plain instructions, in Linux's conventions: calls
// (src 1) and function references (src 4) hold a distance in slots from the
// next instruction. References to maps (src 1, 2, 5, 6) and calls of kfuncs
// (src 2) hold an index into what is given with the program.
type RawProgram struct {
	Name  string
	Type  string // cilium/ebpf's name of the program type
	Insns []bpf.Insn
	Names map[int]string // function names by slot; others get names made of the slot
	Lines []bpf.Line     // sorted by slot
}

// Raw loads one program from little-endian bytecode without maps.
func Raw(name, progType string, code []byte) (*bpf.Module, error) {
	if len(code)%8 != 0 {
		return nil, &ProgramError{name, fmt.Errorf("%d bytes of code: instructions have 8 bytes each", len(code))}
	}
	return Programs([]RawProgram{{Name: name, Type: progType, Insns: decode(code)}}, nil, nil)
}

// RawInsns loads one program named main of type XDP, without maps.
func RawInsns(insns []bpf.Insn) (*bpf.Module, error) {
	return Programs([]RawProgram{{Name: "main", Type: "XDP", Insns: insns}}, nil, nil)
}

// Programs loads programs that share maps and kfuncs. It copies the
// instructions and keeps the maps.
func Programs(progs []RawProgram, maps []*bpf.Map, kfuncs []string) (*bpf.Module, error) {
	m := newMerger(maps)
	m.module.Kfuncs = kfuncs
	for _, p := range progs {
		u := &unit{
			name: p.Name, typ: p.Type, names: p.Names, maps: maps, kfuncs: len(kfuncs),
			insns: slices.Clone(p.Insns), lines: slices.Clone(p.Lines),
		}
		if err := u.prepare(); err != nil {
			return nil, &ProgramError{p.Name, err}
		}
		m.add(u)
	}
	return m.finish()
}
