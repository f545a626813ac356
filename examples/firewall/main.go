// Command firewall runs the XDP program firewall.c over a capture, at the speed at which that was
// taken. Drops are shown as they happen, and at the end what became of all packets.
//
//	go run ./examples/firewall
//	go run ./examples/firewall -speed 0 -rate 10 -blocklist mine.txt capture.pcap
package main

import (
	"bytes"
	_ "embed"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"golang.org/x/term"

	"github.com/rivetbpf/rivet"
	"github.com/rivetbpf/rivet/ringbuf"
)

//go:embed traffic.pcap
var traffic []byte

//go:embed blocklist.txt
var blocklist string

// config is what the command line says.
type config struct {
	limits
	engine  rivet.Engine
	list    string    // of blocked ranges
	capture io.Reader // a pcap file
	speed   float64   // 2 is twice as fast as the capture, 0 as fast as possible
	color   bool
}

func main() {
	c, err := parse(os.Args[1:])
	if err == nil {
		err = run(os.Stdout, c)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "firewall:", err)
		os.Exit(1)
	}
}

func parse(args []string) (*config, error) {
	c := &config{list: blocklist, capture: bytes.NewReader(traffic), color: term.IsTerminal(int(os.Stdout.Fd()))}
	f := flag.NewFlagSet("firewall", flag.ExitOnError)
	rate := f.Uint("rate", 50, "packets that a source may send in a `second`")
	burst := f.Uint("burst", 20, "packets that a source may send at once")
	engine := f.String("engine", "default", "what runs the program: hart, native or interp")
	list := f.String("blocklist", "", "`file` of blocked ranges, one on each line")
	f.Float64Var(&c.speed, "speed", 1, "how fast the capture is replayed: 2 is twice as fast, 0 as fast as possible")
	f.Parse(args)
	c.limits = limits{uint32(*rate), uint32(*burst)}
	var err error
	if c.engine, err = rivet.ParseEngine(*engine); err != nil {
		return nil, err
	}
	if *list != "" {
		text, err := os.ReadFile(*list)
		if err != nil {
			return nil, err
		}
		c.list = string(text)
	}
	if f.NArg() > 0 {
		data, err := os.ReadFile(f.Arg(0))
		if err != nil {
			return nil, err
		}
		c.capture = bytes.NewReader(data)
	}
	return c, nil
}

// run loads the firewall, shows its events while the capture is replayed, and the summary.
func run(w io.Writer, c *config) error {
	spec, err := newSpec(c.limits)
	if err != nil {
		return err
	}
	var clock atomic.Uint64 // the program's time is the capture's
	var o objects
	if err := spec.LoadAndAssign(&o, &rivet.CollectionOptions{Engine: c.engine, Clock: clock.Load}); err != nil {
		return err
	}
	defer o.Firewall.Close()
	if err := o.block(c.list); err != nil {
		return err
	}
	events, err := ringbuf.NewReader(o.Events)
	if err != nil {
		return err
	}
	defer events.Close()
	shown := make(chan error, 1)
	go func() { shown <- show(w, events, c.color) }()
	if err := replay(o.Firewall, c, &clock); err != nil {
		return err
	}
	events.Flush() // the reader returns what is left, and then ErrFlushed
	if err := <-shown; err != nil {
		return err
	}
	return summary(w, &o)
}

// show prints events until the reader is flushed.
func show(w io.Writer, events *ringbuf.Reader, color bool) error {
	for {
		rec, err := events.Read()
		if errors.Is(err, ringbuf.ErrFlushed) {
			return nil
		}
		var e event
		if err == nil {
			_, err = binary.Decode(rec.RawSample, binary.LittleEndian, &e)
		}
		if err != nil {
			return fmt.Errorf("event: %w", err)
		}
		if color {
			fmt.Fprintf(w, "\x1b[31m%v\x1b[0m\n", e)
		} else {
			fmt.Fprintln(w, e)
		}
	}
}

// replay runs the program on each packet, at the time at which it came.
func replay(p *rivet.Program, c *config, clock *atomic.Uint64) error {
	capture, err := pcapgo.NewReader(c.capture)
	if err != nil {
		return err
	}
	if capture.LinkType() != layers.LinkTypeEthernet {
		return fmt.Errorf("the capture holds %v packets, the program takes Ethernet", capture.LinkType())
	}
	var first time.Time
	begin := time.Now()
	for n := 1; ; n++ {
		data, info, err := capture.ReadPacketData()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("packet %d: %w", n, err)
		}
		if first.IsZero() {
			first = info.Timestamp
		}
		at := info.Timestamp.Sub(first)
		if c.speed > 0 {
			time.Sleep(time.Until(begin.Add(time.Duration(float64(at) / c.speed))))
		}
		clock.Store(uint64(at))
		if _, err := p.Run(&rivet.RunOptions{Data: data}); err != nil {
			return fmt.Errorf("packet %d: %w", n, err)
		}
	}
}

// summary prints what became of the packets, and which ranges were hit.
func summary(w io.Writer, o *objects) error {
	fmt.Fprintf(w, "\n%-10s %8s %9s\n", "", "packets", "bytes")
	for r := range reasons {
		var perCPU []counter
		if err := o.Counters.Lookup(uint32(r), &perCPU); err != nil {
			return err
		}
		var sum counter
		for _, c := range perCPU {
			sum.Packets += c.Packets
			sum.Bytes += c.Bytes
		}
		fmt.Fprintf(w, "%-10s %8d %9d\n", r, sum.Packets, sum.Bytes)
	}
	fmt.Fprintln(w)
	var hits uint64
	var four range4
	for it := o.Blocked4.Iterate(); it.Next(&four, &hits); {
		mapped := append([]byte{10: 0xff, 11: 0xff}, four.Address[:]...)
		fmt.Fprintf(w, "%-24s %3d packets\n", fmt.Sprintf("%v/%d", address(mapped), four.Prefix), hits)
	}
	var six range6
	for it := o.Blocked6.Iterate(); it.Next(&six, &hits); {
		fmt.Fprintf(w, "%-24s %3d packets\n", fmt.Sprintf("%v/%d", address(six.Address), six.Prefix), hits)
	}
	sources := 0
	var source address
	var b bucket
	for it := o.Buckets.Iterate(); it.Next(&source, &b); {
		sources++
	}
	var lost uint64
	if err := o.Lost.Get(&lost); err != nil {
		return err
	}
	fmt.Fprintf(w, "%d other sources, %d events lost\n", sources, lost)
	return nil
}
