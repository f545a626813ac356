package rivet

import (
	"fmt"

	"github.com/cilium/ebpf"
	"golang.org/x/net/bpf"

	"github.com/rivetbpf/rivet/internal/classic"
	"github.com/rivetbpf/rivet/internal/load"
	"github.com/rivetbpf/rivet/internal/progctx"
)

// NewClassicProgram compiles a filter of classic BPF as a socket filter: what [bpf.Assemble] takes, or its
// [bpf.RawInstruction]s. The program sees the packet from its Ethernet header on, as a filter on a packet socket
// does, and returns how many bytes of it pass; 0: it does not. What a filter means is what Linux makes of it, extensions
// (SKF_AD_*) included. Close it after use.
func NewClassicProgram(name string, filter []bpf.Instruction, opts CollectionOptions) (*Program, error) {
	coll, err := NewClassicCollection(name, filter, opts)
	if err != nil {
		return nil, err
	}
	return coll.Programs[name], nil
}

// NewClassicCollection is [NewClassicProgram] for those who need a collection: the filter is its only program.
func NewClassicCollection(name string, filter []bpf.Instruction, opts CollectionOptions) (*Collection, error) {
	if err := opts.adopt(); err != nil {
		return nil, err
	}
	raw, err := bpf.Assemble(filter)
	if err != nil {
		return nil, fmt.Errorf("filter %s: %w", name, err)
	}
	insns, err := classic.Translate(raw)
	if err != nil {
		return nil, fmt.Errorf("filter %s: %w", name, err)
	}
	m, err := load.Programs([]load.RawProgram{{Name: name, Type: progctx.TypeClassic, Insns: insns}}, nil, nil)
	if err != nil {
		return nil, err
	}
	c, err := newCore(m, &load.Info{}, opts)
	if err != nil {
		return nil, err
	}
	c.programs[0].typ = ebpf.SocketFilter
	return c.collection(), nil
}

// ParseClassic reads a filter of classic BPF as text, as tcpdump prints it with -dd or -ddd.
func ParseClassic(text string) ([]bpf.Instruction, error) {
	raw, err := classic.Parse(text)
	if err != nil {
		return nil, err
	}
	filter := make([]bpf.Instruction, len(raw))
	for i, in := range raw {
		filter[i] = in
	}
	return filter, nil
}
