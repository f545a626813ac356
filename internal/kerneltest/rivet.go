package kerneltest

import (
	"fmt"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet"
)

// Outcome is what one run of a program gives.
type Outcome struct {
	Ret  uint32
	Data []byte // the packet afterwards
}

// Side is one of the two that are compared: a loaded collection.
type Side interface {
	// Run runs a program once on a copy of packet.
	Run(program string, packet []byte) (Outcome, error)
	// Array returns the values of an array map, in order.
	Array(name string) ([][]byte, error)
	// Set puts a program into a slot of a program array.
	Set(array string, index uint32, program string) error
	Close()
}

// Rivet is a collection in rivet.
type Rivet struct{ *rivet.Collection }

// NewRivet loads spec.
func NewRivet(spec *ebpf.CollectionSpec, opts rivet.CollectionOptions) (*Rivet, error) {
	coll, err := rivet.NewCollectionWithOptions(spec, opts)
	if err != nil {
		return nil, err
	}
	return &Rivet{coll}, nil
}

// Run is part of [Side].
func (r *Rivet) Run(program string, packet []byte) (Outcome, error) {
	p := r.Programs[program]
	if p == nil {
		return Outcome{}, fmt.Errorf("no program %q", program)
	}
	ret, data, err := p.Test(packet)
	return Outcome{ret, data}, err
}

// Array is part of [Side].
func (r *Rivet) Array(name string) ([][]byte, error) {
	m := r.Maps[name]
	if m == nil {
		return nil, fmt.Errorf("no map %q", name)
	}
	return values(name, m.MaxEntries(), m.LookupBytes)
}

// Set is part of [Side].
func (r *Rivet) Set(array string, index uint32, program string) error {
	m, p := r.Maps[array], r.Programs[program]
	if m == nil || p == nil {
		return fmt.Errorf("no map %q or no program %q", array, program)
	}
	return m.Put(index, p)
}

func values(name string, n uint32, lookup func(key any) ([]byte, error)) ([][]byte, error) {
	var vs [][]byte
	for i := range n {
		v, err := lookup(i)
		if err != nil {
			return nil, fmt.Errorf("%s[%d]: %w", name, i, err)
		}
		vs = append(vs, v)
	}
	return vs, nil
}
