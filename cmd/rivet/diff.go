package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/gopacket/gopacket/layers"
	"github.com/spf13/cobra"

	"github.com/rivetbpf/rivet"
	"github.com/rivetbpf/rivet/internal/kernel"
	"github.com/rivetbpf/rivet/internal/progctx"
	"github.com/rivetbpf/rivet/internal/verdict"
)

func init() { commands = append(commands, (*app).diffCommand) }

type diffFlags struct {
	objectFlags
	data   dataFlags
	pcap   string
	kernel bool
}

func (a *app) diffCommand() *cobra.Command {
	var f diffFlags
	c := &cobra.Command{
		Use:   "diff OBJ",
		Short: "Run a program on all engines, and in the kernel, and show what differs",
		Long: `Runs a program of an object on the same input on every engine of this build
(--engine chooses some of them), with --kernel in the Linux kernel of this machine too,
and shows side by side what it returned, the bytes of the packet that it changed
and what the maps hold. Lines that differ begin with ≠, and the first one is marked.

--tail-calls both runs each engine in both schemes. They may well differ: by value,
a subprogram's tail calls do not count for its caller. The kernel counts as shared does.

All engines see the same clock and the same random numbers; the kernel has its own.
It takes only programs that its verifier lets in, and is given the entered program
and those that program arrays hold.

Exit status: 0 equal, 1 different, or a fault on one side, 2 wrong usage, unreadable
input, or a program that the kernel refuses.`,
		Example: `  rivet diff dispatch.o --pcap traffic.pcap
  rivet diff tailcalls.o --tail-calls both
  sudo rivet diff filter.o --kernel --engine interp --data packet.bin --json`,
		Args: oneArg("object"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.diff(cmd.Context(), args[0], &f) },
	}
	f.objectFlags.register(c)
	f.data.register(c)
	fs := c.Flags()
	fs.Lookup("engine").Usage = "engines to compare, with commas between them (default all of this build: " + engineNames(rivet.Engines()) + ")"
	fs.Lookup("tail-calls").Usage = "how the tail-call count travels: shared, propagated or both"
	fs.StringVar(&f.pcap, "pcap", "", "capture (pcap or pcapng) to run the program on")
	fs.BoolVar(&f.kernel, "kernel", false, "run it in this machine's kernel too (needs root)")
	c.MarkFlagsMutuallyExclusive("pcap", "data")
	c.MarkFlagsMutuallyExclusive("pcap", "data-hex")
	return c
}

func engineNames(list []rivet.Engine) string {
	var names []string
	for _, e := range list {
		names = append(names, e.String())
	}
	return strings.Join(names, ", ")
}

// diffReport is what diff --json prints.
type diffReport struct {
	Object    string             `json:"object"`
	Program   string             `json:"program"`
	Type      string             `json:"type"`
	Sides     []sideInfo         `json:"sides"`
	Count     int                `json:"count"`
	Different int                `json:"different_packets"`
	Packets   []diffPacket       `json:"packets"`
	Maps      map[string]diffMap `json:"maps"`
	Equal     bool               `json:"equal"`
	First     *difference        `json:"first_difference"`
}

// diffPacket is what all sides made of one packet.
type diffPacket struct {
	Number  int       `json:"number"`
	Length  int       `json:"length"`
	Packet  string    `json:"packet,omitempty"` // who talks to whom
	Equal   bool      `json:"equal"`
	Results []outcome `json:"results"` // in the order of the sides

	rows []diffRow
}

// diffMap is what a map holds on all sides.
type diffMap struct {
	Equal  bool              `json:"equal"`
	Values []json.RawMessage `json:"values"` // null on a side that cannot tell
}

// difference is where sides differ first.
type difference struct {
	Packet int               `json:"packet,omitempty"` // 0: in a map
	Where  string            `json:"where"`
	Values map[string]string `json:"values"` // by side
}

// differ is one diff command.
type differ struct {
	*app
	flags  *diffFlags
	sides  []*side
	typ    string // of the program
	layout *progctx.Layout
	link   layers.LinkType
	report diffReport
	shown  []diffPacket // in full
	maps   []diffRow
}

// maxShown is how many packets that differ are shown in full.
const maxShown = 10

func (a *app) diff(ctx context.Context, object string, f *diffFlags) error {
	data, err := f.data.read(a.in)
	if err != nil {
		return err
	}
	d := &differ{app: a, flags: f, link: layers.LinkTypeEthernet}
	defer d.close()
	if err := d.open(object); err != nil {
		return err
	}
	if f.pcap != "" {
		err = d.capture(ctx)
	} else {
		err = d.packet(ctx, data)
	}
	if err == nil {
		err = d.compareMaps()
	}
	if err != nil {
		return err
	}
	d.report.Equal = d.report.First == nil
	if f.json {
		err = writeJSON(a.out, &d.report)
	} else {
		err = d.write()
	}
	if err == nil && !d.report.Equal {
		return errFault
	}
	return err
}

func (d *differ) close() {
	for _, s := range d.sides {
		s.close()
	}
}

// open loads the object on all sides.
func (d *differ) open(object string) error {
	var sets []slotSetting
	for _, s := range d.flags.set {
		set, err := parseSet(s)
		if err != nil {
			return err
		}
		sets = append(sets, set)
	}
	configs, err := d.configs()
	if err != nil {
		return err
	}
	spec, err := readSpec(object)
	if err != nil {
		return err
	}
	name, err := d.choose(spec, d.flags.program, sets)
	if err != nil {
		return err
	}
	for _, o := range configs {
		s, err := d.engineSide(object, spec, name, o, sets)
		if err != nil {
			return err
		}
		d.sides = append(d.sides, s)
	}
	if d.flags.kernel {
		s, err := kernelSide(spec, name, sets)
		if err != nil {
			return fmt.Errorf("%s: %w", object, err)
		}
		d.sides = append(d.sides, s)
	}
	if len(d.sides) < 2 {
		return usagef("only %s would run: name a second engine, or give --kernel or --tail-calls both", d.sides[0].Name)
	}
	d.typ = spec.Programs[name].Type.String()
	d.layout = progctx.For(d.typ)
	d.report = diffReport{Object: object, Program: name, Type: d.typ, Packets: []diffPacket{}, Maps: map[string]diffMap{}}
	for _, s := range d.sides {
		d.report.Sides = append(d.report.Sides, s.sideInfo)
	}
	return nil
}

// configs are the settings of all engines, the reference first.
func (d *differ) configs() ([]rivet.CollectionOptions, error) {
	engines := referenceFirst(rivet.Engines())
	if d.flags.engine != "" {
		engines = nil
		for _, name := range strings.Split(d.flags.engine, ",") {
			e, err := rivet.ParseEngine(strings.TrimSpace(name))
			if err != nil {
				return nil, usagef("--engine: %w", err)
			}
			engines = append(engines, e)
		}
	}
	schemes := []string{d.flags.tailCalls}
	if d.flags.tailCalls == "both" {
		schemes = []string{rivet.TailCallsShared.String(), rivet.TailCallsPropagated.String()}
	}
	var list []rivet.CollectionOptions
	for _, scheme := range schemes {
		f := d.flags.objectFlags
		f.engine, f.tailCalls = "", scheme
		o, err := d.options(&f)
		if err != nil {
			return nil, err
		}
		for _, e := range engines {
			o.Engine = e
			list = append(list, o)
		}
	}
	return list, nil
}

// referenceFirst orders engines: the interpreter defines what is right.
func referenceFirst(engines []rivet.Engine) []rivet.Engine {
	list := []rivet.Engine{}
	for _, e := range engines {
		if e == rivet.EngineInterp {
			list = append([]rivet.Engine{e}, list...)
		} else {
			list = append(list, e)
		}
	}
	return list
}

// capture runs the program on every packet of a capture.
func (d *differ) capture(ctx context.Context) error {
	if !d.layout.Packet {
		return usagef("--pcap: program %s is of type %s, which takes no packet", d.report.Program, d.typ)
	}
	c, err := openCapture(d.flags.pcap)
	if err != nil {
		return err
	}
	defer c.Close()
	d.link = c.linkType
	for {
		if ctx.Err() != nil {
			return errInterrupted
		}
		data, _, err := c.next()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = d.packet(ctx, data)
		}
		if err != nil {
			return err
		}
	}
}

// packet runs the program on one packet on all sides.
func (d *differ) packet(ctx context.Context, data []byte) error {
	d.report.Count++
	p := diffPacket{Number: d.report.Count, Length: len(data), Equal: true}
	in := kernel.Input{Packet: data}
	if !d.layout.Packet {
		in = kernel.Input{Context: data} // the bytes are the context
	}
	var fields []field
	if d.layout.Packet && len(data) > 0 {
		decoded := decode(data, d.link)
		fields, p.Packet = fieldsOf(decoded), summary(decoded)
	}
	for _, s := range d.sides {
		o, err := s.run(ctx, in)
		if err != nil {
			return fmt.Errorf("%s: packet %d: %w", s.Name, p.Number, err)
		}
		o.Side = s.Name
		if o.Fault == "" {
			o.Verdict = verdict.Name(d.typ, uint64(o.Ret))
		}
		if d.layout.Packet {
			o.Changes = changes(data, o.packet, fields)
		}
		p.Results = append(p.Results, o)
	}
	p.rows = d.packetRows(data, p.Results, fields)
	for _, r := range p.rows {
		if r.differs() {
			p.Equal = false
			d.first(p.Number, r)
		}
	}
	if !p.Equal {
		d.report.Different++
	}
	if d.flags.json {
		d.report.Packets = append(d.report.Packets, p)
	} else if d.flags.pcap == "" || !p.Equal && len(d.shown) < maxShown {
		d.shown = append(d.shown, p)
	}
	return nil
}

// first keeps the first difference.
func (d *differ) first(packet int, r diffRow) {
	if d.report.First != nil {
		return
	}
	f := &difference{Packet: packet, Where: r.label, Values: map[string]string{}}
	for i, c := range r.cells {
		if !c.unknown {
			f.Values[d.sides[i].Name] = c.text
		}
	}
	d.report.First = f
}
