//go:build linux

package kerneltest

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/rlimit"
)

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

// Close is part of [Side].
func (k *Kernel) Close() { k.coll.Close() }

// Run is part of [Side].
func (k *Kernel) Run(program string, packet []byte) (Outcome, error) {
	p := k.coll.Programs[program]
	if p == nil {
		return Outcome{}, fmt.Errorf("no program %q", program)
	}
	opts := &ebpf.RunOptions{Data: packet, DataOut: make([]byte, len(packet)+headroom), Repeat: 1}
	ret, err := p.Run(opts)
	return Outcome{Ret: ret, Data: opts.DataOut}, err
}

// Set is part of [Side].
func (k *Kernel) Set(array string, index uint32, program string) error {
	m, p := k.coll.Maps[array], k.coll.Programs[program]
	if m == nil || p == nil {
		return fmt.Errorf("no map %q or no program %q", array, program)
	}
	return m.Put(index, p)
}

// Array is part of [Side].
func (k *Kernel) Array(name string) ([][]byte, error) {
	m := k.coll.Maps[name]
	if m == nil {
		return nil, fmt.Errorf("no map %q", name)
	}
	return values(name, m.MaxEntries(), m.LookupBytes)
}
