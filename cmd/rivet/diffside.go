package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet"
	"github.com/rivetbpf/rivet/internal/kernel"
	"github.com/rivetbpf/rivet/internal/progctx"
)

// sideInfo names one of the engines that are compared.
type sideInfo struct {
	Name      string `json:"name"`
	Engine    string `json:"engine"`
	TailCalls string `json:"tail_calls"`
	March     string `json:"march,omitempty"`
	Release   string `json:"release,omitempty"` // of the kernel
}

// side is a collection on one engine, or in the kernel.
type side struct {
	sideInfo
	run   func(context.Context, kernel.Input) (outcome, error)
	maps  func() (map[string]json.RawMessage, error)
	close func()
}

// outcome is what one run gave on one side.
type outcome struct {
	Side    string   `json:"side"`
	Verdict string   `json:"verdict,omitempty"`
	Ret     uint32   `json:"ret"`
	R0      *uint64  `json:"r0,omitempty"` // the whole register; the kernel gives the lower half alone
	Changes []change `json:"changes,omitempty"`
	Printed string   `json:"printed,omitempty"` // what went to bpf_trace_printk
	Fault   string   `json:"fault,omitempty"`

	packet []byte
	silent bool   // the kernel's: what it printed is not known
	fault  string // what must be equal of faults: not addresses, which engines choose
}

// engineSide loads an object on one of rivet's engines, with a clock and random
// numbers that are the same on all of them.
func (d *differ) engineSide(object string, spec *ebpf.CollectionSpec, program string, o rivet.CollectionOptions, sets []slotSetting) (*side, error) {
	printed := &bytes.Buffer{}
	o.TracePrintk = printed
	o.Clock, o.Random = sameClock(), sameRandom()
	coll, err := d.collection(object, spec, o)
	if err != nil {
		return nil, err
	}
	for _, set := range sets {
		if err := wire(coll, set); err != nil {
			coll.Close()
			return nil, err
		}
	}
	s := &side{sideInfo: sideInfo{Name: coll.Engine().String(), Engine: coll.Engine().String(), TailCalls: o.TailCalls.String()}, close: coll.Close}
	if d.flags.tailCalls == "both" {
		s.Name += " " + s.TailCalls
	}
	if coll.Engine() == rivet.EngineHart || o.March != "" && coll.Engine() != rivet.EngineInterp {
		s.March = marchOf(o)
	}
	s.run = func(ctx context.Context, in kernel.Input) (outcome, error) {
		return runEngine(ctx, coll.Programs[program], in, printed)
	}
	s.maps = func() (map[string]json.RawMessage, error) { return dumpMaps(coll) }
	return s, nil
}

// sameClock ticks a microsecond each time it is read, from an hour after boot.
func sameClock() func() uint64 {
	now := uint64(3600e9)
	return func() uint64 { now += 1000; return now }
}

// sameRandom is a linear congruential generator (Numerical Recipes' constants).
func sameRandom() func() uint32 {
	x := uint32(1)
	return func() uint32 { x = x*1664525 + 1013904223; return x }
}

func runEngine(ctx context.Context, p *rivet.Program, in kernel.Input, printed *bytes.Buffer) (outcome, error) {
	opts := &rivet.RunOptions{Data: in.Packet}
	if in.Context != nil {
		opts.Context = in.Context
	}
	res, err := p.RunDetailedContext(ctx, opts)
	if err != nil && ctx.Err() != nil {
		return outcome{}, interrupted(err)
	}
	o := outcome{Ret: uint32(res.R0), R0: &res.R0, packet: res.Data, Printed: printed.String()}
	printed.Reset()
	fault := (*rivet.Fault)(nil)
	if errors.As(err, &fault) {
		o.Ret, o.R0 = 0, nil
		o.Fault = fault.Error()
		o.fault = shortFault(fault)
		return o, nil
	}
	return o, err
}

// shortFault says in few words what must be equal: kind, place and size.
func shortFault(f *rivet.Fault) string {
	kinds := map[rivet.FaultKind]string{rivet.FaultAccess: "access", rivet.FaultMisalign: "misaligned", rivet.FaultFuel: "fuel",
		rivet.FaultHelper: "helper", rivet.FaultBadCall: "bad call", rivet.FaultContext: "context", rivet.FaultMachine: "machine"}
	kind, ok := kinds[f.Kind]
	if !ok {
		kind = f.Kind.String()
	}
	s := fmt.Sprintf("fault: %s, %s insn %d", kind, f.Function, f.Insn)
	if f.Kind == rivet.FaultAccess || f.Kind == rivet.FaultMisalign {
		s += fmt.Sprintf(", %d bytes", f.Size)
	}
	return s
}

// kernelSide loads an object into the machine's kernel.
func kernelSide(spec *ebpf.CollectionSpec, program string, sets []slotSetting) (*side, error) {
	spec = spec.Copy()
	keep := []string{program}
	for _, set := range sets {
		keep = append(keep, set.program)
	}
	kernel.Prune(spec, keep...)
	coll, err := kernel.Load(spec)
	if err != nil {
		return nil, err
	}
	for _, set := range sets {
		if err := coll.Set(set.mapName, set.index, set.program); err != nil {
			coll.Close()
			return nil, fmt.Errorf("--set %q in the kernel: %w", set.text, err)
		}
	}
	takesPacket := progctx.For(spec.Programs[program].Type.String()).Packet
	return &side{
		sideInfo: sideInfo{Name: "kernel", Engine: "kernel", TailCalls: rivet.TailCallsShared.String(), Release: kernel.Release()},
		run: func(_ context.Context, in kernel.Input) (outcome, error) {
			if takesPacket && in.Packet == nil {
				in.Packet = []byte{}
			}
			res, err := coll.Run(program, in)
			return outcome{Ret: res.Ret, packet: res.Packet, silent: true}, err
		},
		maps:  func() (map[string]json.RawMessage, error) { return kernelMaps(coll, spec), nil },
		close: coll.Close,
	}, nil
}

// kernelMaps dumps what can be dumped. A map whose contents the kernel does not give is left out.
func kernelMaps(coll *kernel.Collection, spec *ebpf.CollectionSpec) map[string]json.RawMessage {
	dump := map[string]json.RawMessage{}
	for name := range spec.Maps {
		if b, err := coll.Dump(name); err == nil {
			dump[name] = b
		}
	}
	return dump
}

// compareMaps gathers what the maps hold on all sides.
func (d *differ) compareMaps() error {
	names := map[string]bool{}
	dumps := make([]map[string]json.RawMessage, len(d.sides))
	for i, s := range d.sides {
		var err error
		if dumps[i], err = s.maps(); err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
		for name := range dumps[i] {
			names[name] = true
		}
	}
	sorted := []string{}
	for name := range names {
		sorted = append(sorted, name)
	}
	slices.SortFunc(sorted, strings.Compare)
	for _, name := range sorted {
		m := diffMap{Equal: true}
		for _, dump := range dumps {
			m.Values = append(m.Values, dump[name])
		}
		rows, err := mapRows(name, m.Values)
		if err != nil {
			return err
		}
		for _, r := range rows {
			if r.differs() {
				m.Equal = false
				d.first(0, r)
			}
		}
		d.report.Maps[name] = m
		d.maps = append(d.maps, rows...)
	}
	return nil
}
