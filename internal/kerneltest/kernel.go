//go:build linux

// Package kerneltest holds the kernel of the machine up as an oracle: the same
// collection is loaded there and into rivet, both run the same packets, and
// return values, packets and maps must be equal.
package kerneltest

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/rlimit"
)

// Outcome is what one run of a program gives.
type Outcome struct {
	Ret  uint32
	Data []byte // the packet afterwards
}

// headroom is how many bytes more than its input a packet may have afterwards.
const headroom = 256

// Kernel is a collection in the kernel.
type Kernel struct{ coll *ebpf.Collection }

// NewKernel loads a copy of spec.
func NewKernel(spec *ebpf.CollectionSpec) (*Kernel, error) {
	if err := rlimit.RemoveMemlock(); err != nil {
		return nil, fmt.Errorf("raising the limit on locked memory: %w", err)
	}
	coll, err := ebpf.NewCollection(spec.Copy())
	if err != nil {
		var ve *ebpf.VerifierError
		if errors.As(err, &ve) {
			return nil, fmt.Errorf("%w\n%+v", err, ve)
		}
		return nil, err
	}
	return &Kernel{coll}, nil
}

// Close unloads the collection.
func (k *Kernel) Close() { k.coll.Close() }

// Run runs a program once on a copy of packet.
func (k *Kernel) Run(program string, packet []byte) (Outcome, error) {
	p := k.coll.Programs[program]
	if p == nil {
		return Outcome{}, fmt.Errorf("no program %q", program)
	}
	opts := &ebpf.RunOptions{Data: packet, DataOut: make([]byte, len(packet)+headroom), Repeat: 1}
	ret, err := p.Run(opts)
	return Outcome{Ret: ret, Data: opts.DataOut}, err
}

// Set puts a program into a slot of a program array.
func (k *Kernel) Set(array string, index uint32, program string) error {
	m, p := k.coll.Maps[array], k.coll.Programs[program]
	if m == nil || p == nil {
		return fmt.Errorf("no map %q or no program %q", array, program)
	}
	return m.Put(index, p)
}

// Array returns the values of an array map, in order.
func (k *Kernel) Array(name string) ([][]byte, error) {
	m := k.coll.Maps[name]
	if m == nil {
		return nil, fmt.Errorf("no map %q", name)
	}
	var values [][]byte
	for i := range m.MaxEntries() {
		v, err := m.LookupBytes(i)
		if err != nil {
			return nil, fmt.Errorf("%s[%d]: %w", name, i, err)
		}
		values = append(values, v)
	}
	return values, nil
}
