package main

import (
	"bufio"
	"fmt"
	"io"
	"sort"
	"strconv"
	"strings"
	"time"
)

// totals prints what came of all packets.
func (r *runner) totals() error {
	rep := &r.report
	var b strings.Builder
	if r.table != nil {
		if err := r.table.end(); err != nil {
			return err
		}
	}
	on := rep.Engine
	if rep.March != "" {
		on += ", " + rep.March
	}
	if rep.Count != 1 || r.flags.quiet {
		fmt.Fprintf(&b, "%s (%s) on %s, tail calls %s: %d packets in %v", rep.Program, rep.Type, on, rep.TailCalls, rep.Count,
			time.Duration(rep.Nanoseconds).Round(time.Microsecond))
		if rep.Retired > 0 { // native code counts none
			fmt.Fprintf(&b, ", %d instructions retired, %d a packet", rep.Retired, rep.Retired/uint64(rep.Count))
		}
		b.WriteByte('\n')
		var names []string
		for v := range rep.Verdicts {
			names = append(names, v)
		}
		sort.Slice(names, func(i, j int) bool {
			if rep.Verdicts[names[i]] != rep.Verdicts[names[j]] {
				return rep.Verdicts[names[i]] > rep.Verdicts[names[j]]
			}
			return names[i] < names[j]
		})
		for _, v := range names {
			fmt.Fprintf(&b, "%8d  %s\n", rep.Verdicts[v], v)
		}
		if rep.Faults > 0 {
			fmt.Fprintf(&b, "%8d  fault\n", rep.Faults)
		}
	} else {
		fmt.Fprintf(&b, "%s (%s) on %s, tail calls %s: %v\n", rep.Program, rep.Type, on, rep.TailCalls,
			time.Duration(rep.Nanoseconds).Round(time.Microsecond))
	}
	if r.flags.dumpMaps {
		text, err := mapsText(rep.Maps)
		if err != nil {
			return err
		}
		b.WriteString("\n" + text)
	}
	_, err := io.WriteString(r.app.out, b.String())
	return err
}

// packetTable prints packets as they come.
type packetTable struct {
	w     io.Writer
	flush func() error
	color bool
	begun bool
	err   error
}

func newPacketTable(w io.Writer) *packetTable {
	t := &packetTable{w: w, flush: func() error { return nil }, color: colored(w)}
	if _, ok := terminal(w); !ok { // nobody watches line by line
		b := bufio.NewWriterSize(w, 1<<16)
		t.w, t.flush = b, b.Flush
	}
	return t
}

func (t *packetTable) add(p *packetReport, changed []string) {
	var b strings.Builder
	if !t.begun {
		t.begun = true
		fmt.Fprintf(&b, "%6s %6s  %-15s %8s  %s\n", "#", "length", "verdict", "retired", "packet")
	}
	v, paint := p.Verdict, verdictColor(p.Verdict)
	if p.Fault != "" {
		v, paint = "fault", "31"
	}
	cell := fmt.Sprintf("%-15s", v)
	if t.color && paint != "" {
		cell = "\x1b[" + paint + "m" + cell + "\x1b[0m"
	}
	retired := "-" // native code counts none
	if p.Retired > 0 {
		retired = strconv.FormatUint(p.Retired, 10)
	}
	b.WriteString(strings.TrimRight(fmt.Sprintf("%6d %6d  %s %8s  %s", p.Number, p.Length, cell, retired, p.Packet), " ") + "\n")
	if p.Fault != "" {
		fmt.Fprintf(&b, "%16s%s\n", "", p.Fault)
	}
	for _, line := range changed {
		fmt.Fprintf(&b, "%16s%s\n", "", line)
	}
	if t.err == nil {
		_, t.err = io.WriteString(t.w, b.String())
	}
}

// end closes the table. It returns the first error of all that was written.
func (t *packetTable) end() error {
	if t.err == nil && t.begun {
		_, t.err = io.WriteString(t.w, "\n")
	}
	if t.err == nil {
		t.err = t.flush()
	}
	return t.err
}

func verdictColor(v string) string {
	switch {
	case strings.HasSuffix(v, "_DROP"), strings.HasSuffix(v, "_ABORTED"), strings.HasSuffix(v, "_SHOT"):
		return "31"
	case strings.HasSuffix(v, "_PASS"), strings.HasSuffix(v, "_OK"):
		return "32"
	case strings.HasSuffix(v, "_TX"), strings.HasSuffix(v, "_REDIRECT"):
		return "33"
	}
	return ""
}
