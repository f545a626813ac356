package rivet

import (
	"fmt"
	"io"
	"os"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet/internal/load"
)

// CollectionSpec describes a collection: the programs, maps and variables of an
// object before it is loaded. Its fields are those of [ebpf.CollectionSpec], so
// that each converts to the other:
//
//	spec := (*rivet.CollectionSpec)(ciliums)
//
// It is a type of its own because its LoadAndAssign fills structs with rivet's
// programs and maps.
type CollectionSpec ebpf.CollectionSpec

// Spec is either kind of spec. Functions that take one take cilium/ebpf's and
// rivet's own alike.
type Spec interface {
	CollectionSpec | ebpf.CollectionSpec
}

// cilium returns a spec as cilium/ebpf's type: the same one, not a copy.
func cilium[S Spec](spec *S) *ebpf.CollectionSpec {
	switch s := any(spec).(type) {
	case *CollectionSpec:
		return (*ebpf.CollectionSpec)(s)
	case *ebpf.CollectionSpec:
		return s
	}
	panic("BUG: a spec of a type that the constraint excludes")
}

// LoadCollectionSpec reads an object file as [ebpf.LoadCollectionSpec] does. A
// malformed file that makes that function panic gives an error here.
func LoadCollectionSpec(file string) (*CollectionSpec, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	spec, err := LoadCollectionSpecFromReader(f)
	if err != nil {
		return nil, fmt.Errorf("file %s: %w", file, err)
	}
	return spec, nil
}

// LoadCollectionSpecFromReader is [LoadCollectionSpec] for an object that is not in a file.
func LoadCollectionSpecFromReader(r io.ReaderAt) (*CollectionSpec, error) {
	spec, err := load.ELF(r)
	return (*CollectionSpec)(spec), err
}

// LoadCollection reads an object file and loads what is in it with the default options.
func LoadCollection(file string) (*Collection, error) {
	spec, err := LoadCollectionSpec(file)
	if err != nil {
		return nil, err
	}
	return NewCollection(spec)
}

// Copy returns a copy of the spec, and of the specs in it.
func (cs *CollectionSpec) Copy() *CollectionSpec {
	return (*CollectionSpec)(cilium(cs).Copy())
}

// Assign fills the fields of a struct that have an "ebpf" tag and the type
// *[MapSpec], *[ProgramSpec] or *[VariableSpec] with the specs of these names,
// as [ebpf.CollectionSpec.Assign] does.
func (cs *CollectionSpec) Assign(to any) error { return cilium(cs).Assign(to) }

// LoadAndAssign loads the programs and maps that a struct asks for, and fills
// the struct with them. to is a pointer to it:
//
//	var objs struct {
//		Filter *rivet.Program  `ebpf:"filter"`
//		Counts *rivet.Map      `ebpf:"counts"`
//		Limit  *rivet.Variable `ebpf:"limit"`
//	}
//	err := spec.LoadAndAssign(&objs, nil)
//
// A field's tag is the name that the object has for it. Structs within the struct
// are filled too; fields without a tag are left alone. Only what fields
// name, and what that refers to, is loaded. They share guest memory, and what they
// hold is freed when all programs are closed. opts may be nil.
//
// It is an error if a name is not in the object, if two fields have the same name and type, or,
// as in cilium/ebpf, if a program array that the object fills is used and no field
// names it: the kernel would empty it. On an error nothing is assigned.
func (cs *CollectionSpec) LoadAndAssign(to any, opts *CollectionOptions) error {
	return LoadAndAssign(cs, to, opts)
}

// LoadAndAssign is [CollectionSpec.LoadAndAssign] for either kind of spec.
func LoadAndAssign[S Spec](spec *S, to any, opts *CollectionOptions) error {
	if spec == nil {
		return fmt.Errorf("load and assign: spec is nil")
	}
	if opts == nil {
		opts = &CollectionOptions{}
	}
	needed, err := part(cilium(spec), to)
	if err != nil {
		return err
	}
	coll, err := newCollection(needed, *opts)
	if err != nil {
		return err
	}
	defer coll.Close() // of what is not assigned
	return coll.Assign(to)
}

// part returns the part of a spec that a struct asks for.
func part(spec *ebpf.CollectionSpec, to any) (*ebpf.CollectionSpec, error) {
	fields, err := taggedFields(to)
	if err == nil {
		spec, err = reachable(spec, fields)
	}
	if err != nil {
		return nil, fmt.Errorf("assign values: %w", err)
	}
	return spec, nil
}
