package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/spf13/cobra"

	"github.com/rivetbpf/rivet"
	"github.com/rivetbpf/rivet/internal/progctx"
	"github.com/rivetbpf/rivet/internal/verdict"
)

func init() { commands = append(commands, (*app).runCommand) }

type runFlags struct {
	objectFlags
	data     dataFlags
	pcap     string
	pcapOut  string
	dumpMaps bool
	quiet    bool
	perfMap  bool
	cbpf     bool
}

func (a *app) runCommand() *cobra.Command {
	var f runFlags
	c := &cobra.Command{
		Use:   "run OBJ",
		Short: "Run a program on a packet or on a whole capture",
		Long: `Runs a program of an object on one packet (--data, --data-hex, or none) or on
every packet of a capture (--pcap), and prints for each the verdict, the
retired instructions and what the program changed; at the end totals, and with
--dump-maps what the maps hold.

A packet that makes the program fault counts as dropped; the rest is still run,
and the exit status is 1. What the program prints with bpf_printk goes to
standard error.

With --cbpf the file is a filter of classic BPF, as tcpdump -dd or -ddd prints it.`,
		Example: `  rivet run dispatch.o --pcap traffic.pcap --dump-maps
  tcpdump -y EN10MB -dd 'udp port 53' > dns.cbpf && rivet run --cbpf dns.cbpf --pcap traffic.pcap
  rivet run filter.o --pcap in.pcap --pcap-out passed.pcapng --quiet
  rivet run tailcalls.o --program main --tail-calls propagated
  rivet run chain.o --set 'jmp_table[0]=classifier_0' --data-hex '0200 0000 0001 0200 0000 0002 0800'`,
		Args: oneArg("object"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.run(cmd.Context(), args[0], &f) },
	}
	f.objectFlags.register(c)
	f.data.register(c)
	fs := c.Flags()
	fs.StringVar(&f.pcap, "pcap", "", "capture (pcap or pcapng) to run the program on")
	fs.StringVar(&f.pcapOut, "pcap-out", "", "capture to write: the packets that are not dropped, as the program leaves them, and copies that it sends off")
	fs.BoolVar(&f.dumpMaps, "dump-maps", false, "print the maps at the end")
	fs.BoolVarP(&f.quiet, "quiet", "q", false, "print totals only")
	fs.BoolVar(&f.perfMap, "perf-map", false, "write symbols of the native engine's code where perf looks for them (/tmp/perf-PID.map)")
	fs.BoolVar(&f.cbpf, "cbpf", false, "the file is a filter of classic BPF, as tcpdump -dd prints it")
	c.MarkFlagsMutuallyExclusive("cbpf", "program")
	c.MarkFlagsMutuallyExclusive("cbpf", "set")
	c.MarkFlagsMutuallyExclusive("pcap", "data")
	c.MarkFlagsMutuallyExclusive("pcap", "data-hex")
	return c
}

// runReport is what run --json prints.
type runReport struct {
	Object      string                     `json:"object"`
	Program     string                     `json:"program"`
	Type        string                     `json:"type"`
	Engine      string                     `json:"engine"`
	March       string                     `json:"march,omitempty"`
	TailCalls   string                     `json:"tail_calls"`
	Packets     []packetReport             `json:"packets,omitempty"`
	Count       int                        `json:"count"`
	Verdicts    map[string]int             `json:"verdicts"`
	Faults      int                        `json:"faults"`
	Retired     uint64                     `json:"retired,omitempty"`
	Nanoseconds int64                      `json:"nanoseconds"`
	Maps        map[string]json.RawMessage `json:"maps,omitempty"`
}

// packetReport is what is known about one packet.
type packetReport struct {
	Number  int      `json:"number"`
	Length  int      `json:"length"`
	Packet  string   `json:"packet,omitempty"` // who talks to whom
	Verdict string   `json:"verdict,omitempty"`
	Ret     uint32   `json:"ret"`
	Retired uint64   `json:"retired,omitempty"`
	Changes []change `json:"changes,omitempty"`
	Fault   string   `json:"fault,omitempty"`

	Redirect *redirectReport `json:"redirect,omitempty"`
	Clones   []cloneReport   `json:"clones,omitempty"`
	Tunnel   *tunnelReport   `json:"tunnel,omitempty"`

	did []string // the last three, in words
}

// runner is one run command.
type runner struct {
	*app
	*loaded
	flags  *runFlags
	layout *progctx.Layout
	report runReport
	link   layers.LinkType
	table  *packetTable
	out    *captureWriter // nil: no capture is written
}

func (a *app) run(ctx context.Context, object string, f *runFlags) error {
	if f.pcapOut != "" && f.pcap == "" {
		return usagef("--pcap-out needs --pcap: there is no capture to take packets from")
	}
	data, err := f.data.read(a.in)
	if err != nil {
		return err
	}
	load := a.load
	if f.cbpf {
		load = a.loadClassic
	}
	l, err := load(object, &f.objectFlags)
	if err != nil {
		return err
	}
	defer l.coll.Close()
	if f.perfMap {
		if err := a.writePerfMap(l.coll); err != nil {
			return err
		}
	}
	r := &runner{app: a, loaded: l, flags: f, layout: progctx.For(l.program.Type().String()), link: layers.LinkTypeEthernet}
	r.report = runReport{Object: object, Program: l.name, Type: l.program.Type().String(), Engine: l.coll.Engine().String(), March: l.march,
		TailCalls: l.opts.TailCalls.String(), Verdicts: map[string]int{}}
	if !f.json && !f.quiet {
		r.table = newPacketTable(a.out)
	}
	if f.pcap != "" {
		err = r.capture(ctx)
	} else {
		err = r.single(ctx, data)
	}
	if err != nil {
		if r.table != nil {
			_ = r.table.flush() // what was run so far; err says why it is not all
		}
		return err
	}
	return r.finish()
}

// writePerfMap leaves symbols for perf, which reads them when the process has ended, too.
func (a *app) writePerfMap(coll *rivet.Collection) error {
	if coll.Engine() != rivet.EngineNative {
		return usagef("--perf-map: code of the %v engine has no addresses that perf could see; it needs --engine native", coll.Engine())
	}
	if err := replaceFile(rivet.PerfMapFile(), coll.WritePerfMap); err != nil {
		return err
	}
	a.note("perf finds symbols in %s", rivet.PerfMapFile())
	return nil
}

// single runs the program once.
func (r *runner) single(ctx context.Context, data []byte) error {
	_, err := r.packet(ctx, data, gopacket.CaptureInfo{CaptureLength: len(data), Length: len(data)})
	return err
}

// capture runs the program on every packet of a capture.
func (r *runner) capture(ctx context.Context) error {
	if !r.layout.Packet {
		return usagef("--pcap: program %s is of type %s, which takes no packet", r.name, r.program.Type().String())
	}
	c, err := openCapture(r.flags.pcap)
	if err != nil {
		return err
	}
	defer c.Close()
	r.link = c.linkType
	if r.link != layers.LinkTypeEthernet {
		r.note("%s holds %v packets; %s programs expect Ethernet", r.flags.pcap, r.link, r.program.Type().String())
	}
	if r.flags.pcapOut == "" {
		return r.packets(ctx, c)
	}
	return replaceFile(r.flags.pcapOut, func(w io.Writer) error {
		if r.out, err = newCaptureWriter(w, r.flags.pcapOut, r.link); err != nil {
			return fmt.Errorf("cannot write %s: %w", r.flags.pcapOut, cause(err))
		}
		if err := r.packets(ctx, c); err != nil {
			return err
		}
		return r.out.flush()
	})
}

func (r *runner) packets(ctx context.Context, c *capture) error {
	m := newMeter(r.err, "packets", c.size)
	if r.table != nil {
		if _, ok := terminal(r.app.out); ok {
			m = nil // the packets themselves are seen to pass
		}
	}
	defer m.finish()
	for {
		if ctx.Err() != nil {
			return errInterrupted
		}
		data, ci, err := c.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		after, err := r.packet(ctx, data, ci)
		if err != nil {
			return err
		}
		if after != nil && r.out != nil {
			if err := r.out.write(ci, after); err != nil {
				return fmt.Errorf("cannot write %s: %w", r.flags.pcapOut, cause(err))
			}
		}
		m.set(c.read.n)
	}
}

// packet runs the program on one packet. It returns the packet as it is then,
// nil when it is dropped; an error when no further packet can be run.
func (r *runner) packet(ctx context.Context, data []byte, ci gopacket.CaptureInfo) (after []byte, err error) {
	opts := &rivet.RunOptions{Data: data}
	if !r.layout.Packet { // the bytes are the context
		opts.Data = nil
		if data != nil {
			opts.Context = data
		}
	}
	res, err := r.program.RunDetailedContext(ctx, opts)
	if err != nil && ctx.Err() != nil {
		return nil, interrupted(err)
	}
	fault := (*rivet.Fault)(nil)
	if err != nil && !errors.As(err, &fault) {
		return nil, err
	}
	rep := &r.report
	rep.Count++
	rep.Retired += res.Retired
	rep.Nanoseconds += res.Duration.Nanoseconds()
	p := packetReport{Number: rep.Count, Length: ci.Length, Ret: uint32(res.R0), Retired: res.Retired}
	if fault != nil {
		rep.Faults++
		p.Fault = fault.Error()
	} else {
		p.Verdict = verdict.Name(r.program.Type().String(), res.R0)
		rep.Verdicts[p.Verdict]++
		if r.layout.Packet && !verdict.Dropped(r.program.Type().String(), res.R0) {
			after = res.Data
		}
		p.actions(&res)
	}
	if err := r.writeClones(ci, res.Clones); err != nil {
		return nil, err
	}
	if r.flags.quiet {
		if rep.Faults == 1 && fault != nil {
			r.note("packet %d, the first that faults: %s", rep.Count, p.Fault)
		}
		return after, nil
	}
	r.show(&p, data, res.Data)
	return after, nil
}

// writeClones adds the copies of a packet to the capture that is written.
func (r *runner) writeClones(ci gopacket.CaptureInfo, clones []rivet.Clone) error {
	if r.out == nil {
		return nil
	}
	for i := range clones {
		if err := r.out.write(ci, clones[i].Data); err != nil {
			return fmt.Errorf("cannot write %s: %w", r.flags.pcapOut, cause(err))
		}
	}
	return nil
}

// show prints a packet, or keeps it for the JSON value.
func (r *runner) show(p *packetReport, before, after []byte) {
	var fields []field
	if r.layout.Packet && len(before) > 0 {
		decoded := decode(before, r.link)
		fields = fieldsOf(decoded)
		p.Packet = summary(decoded)
		p.Changes = changes(before, after, fields)
	}
	if r.flags.json {
		r.report.Packets = append(r.report.Packets, *p)
		return
	}
	r.table.add(p, append(describe(p.Changes, before, after, fields), p.did...))
}

// finish prints totals and maps and tells whether there were faults.
func (r *runner) finish() error {
	if r.flags.dumpMaps {
		var err error
		if r.report.Maps, err = dumpMaps(r.coll); err != nil {
			return err
		}
	}
	if r.flags.json {
		if err := writeJSON(r.app.out, &r.report); err != nil {
			return err
		}
	} else if err := r.totals(); err != nil {
		return err
	}
	if r.report.Faults > 0 {
		return errFault
	}
	return nil
}
