//go:build linux

package kerneltest

import (
	"fmt"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet/internal/kernel"
)

// Kernel is a collection in the kernel.
type Kernel struct{ *kernel.Collection }

// NewKernel loads a copy of spec.
func NewKernel(spec *ebpf.CollectionSpec) (*Kernel, error) {
	coll, err := kernel.Load(spec)
	if err != nil {
		return nil, err
	}
	return &Kernel{coll}, nil
}

// Run is part of [Side].
func (k *Kernel) Run(program string, packet []byte) (Outcome, error) {
	res, err := k.Collection.Run(program, kernel.Input{Packet: packet})
	return Outcome{Ret: res.Ret, Data: res.Packet}, err
}

// Array is part of [Side].
func (k *Kernel) Array(name string) ([][]byte, error) {
	m := k.Maps[name]
	if m == nil {
		return nil, fmt.Errorf("no map %q", name)
	}
	return values(name, m.MaxEntries(), m.LookupBytes)
}
