// Package inspect lets this module's own commands look into a collection,
// without making its insides part of package rivet's API. Package rivet sets
// these functions; their argument is a *rivet.Collection.
package inspect

import (
	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/compile"
)

var (
	// Module returns what was loaded.
	Module func(coll any) *bpf.Module
	// Image returns what it was compiled to; ok is false where the engine does not compile.
	Image func(coll any) (im *compile.Image, t compile.Target, ok bool)
	// Part returns the part of a spec that LoadAndAssign would load for a struct.
	Part func(spec *ebpf.CollectionSpec, to any) (*ebpf.CollectionSpec, error)
)
