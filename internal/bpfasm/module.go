package bpfasm

import (
	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/load"
)

// Module loads a unit's programs as raw bytecode. It may be called once: the
// module keeps the unit's maps.
func (u *Unit) Module() (*bpf.Module, error) {
	var raw []load.RawProgram
	for _, p := range u.Programs {
		raw = append(raw, load.RawProgram{Name: p.Name, Type: p.Type, Insns: p.Insns, Names: p.Funcs})
	}
	return load.Programs(raw, u.Maps, u.Kfuncs)
}
