package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/rivetbpf/rivet"
)

//go:embed firewall.o
var object []byte

// The types below are those of firewall.c.

// address is an IPv6 address, or an IPv4 address mapped into one.
type address [16]byte

func (a address) String() string { return netip.AddrFrom16(a).Unmap().String() }

type range4 struct {
	Prefix  uint32
	Address [4]byte
}

type range6 struct {
	Prefix  uint32
	Address [16]byte
}

type bucket struct{ Full uint64 }

type counter struct{ Packets, Bytes uint64 }

type event struct {
	Time                   uint64
	Source, Target         address
	Length                 uint32
	SourcePort, TargetPort uint16
	Protocol               uint8
	Reason                 reason
	_                      [6]byte
}

// reason is why a packet was dropped.
type reason uint8

const (
	passed reason = iota
	blocked
	tooFast
	malformed
	badFlags
	amplified
	bigPing
	reasons
)

func (r reason) String() string {
	names := [...]string{"passed", "blocked", "too fast", "malformed", "bad flags", "amplified", "big ping"}
	if int(r) < len(names) {
		return names[r]
	}
	return fmt.Sprintf("reason(%d)", uint8(r))
}

// objects is what this program needs of firewall.o. Program arrays are here because the kernel would
// empty those that nobody holds: the struct works with cilium/ebpf's types, too.
type objects struct {
	Firewall   *rivet.Program  `ebpf:"firewall"`
	Networks   *rivet.Map      `ebpf:"networks"`
	Transports *rivet.Map      `ebpf:"transports"`
	Blocked4   *rivet.Map      `ebpf:"blocked4"`
	Blocked6   *rivet.Map      `ebpf:"blocked6"`
	Buckets    *rivet.Map      `ebpf:"buckets"`
	Counters   *rivet.Map      `ebpf:"counters"`
	Events     *rivet.Map      `ebpf:"events"`
	Lost       *rivet.Variable `ebpf:"lost"`
}

// limits are constants of the program, set before it is loaded.
type limits struct {
	rate  uint32 // packets that a source may send in a second
	burst uint32 // and at once
}

// newSpec reads the object and sets its limits.
func newSpec(l limits) (*rivet.CollectionSpec, error) {
	spec, err := rivet.LoadCollectionSpecFromReader(bytes.NewReader(object))
	if err != nil {
		return nil, err
	}
	if l.rate == 0 || l.burst == 0 {
		return nil, fmt.Errorf("rate is %d and burst %d: both must be at least 1", l.rate, l.burst)
	}
	for name, value := range map[string]uint32{"rate": l.rate, "burst": l.burst} {
		if err := spec.Variables[name].Set(value); err != nil {
			return nil, err
		}
	}
	return spec, nil
}

// block puts the ranges of a list, one on each line, into the maps.
func (o *objects) block(list string) error {
	for i, line := range strings.Split(list, "\n") {
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		prefix, err := netip.ParsePrefix(line)
		if a, aerr := netip.ParseAddr(line); aerr == nil {
			prefix, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if err == nil {
			err = o.blockRange(prefix.Masked())
		}
		if err != nil {
			return fmt.Errorf("blocklist, line %d: %w", i+1, err)
		}
	}
	return nil
}

func (o *objects) blockRange(p netip.Prefix) error {
	if p.Addr().Is4() {
		return o.Blocked4.Put(range4{uint32(p.Bits()), p.Addr().As4()}, uint64(0))
	}
	return o.Blocked6.Put(range6{uint32(p.Bits()), p.Addr().As16()}, uint64(0))
}

// String is how an event is shown while the firewall runs.
func (e event) String() string {
	protocol := map[uint8]string{1: "ICMP", 6: "TCP", 17: "UDP", 58: "ICMPv6"}[e.Protocol]
	if protocol == "" {
		protocol = fmt.Sprintf("protocol %d", e.Protocol)
	}
	from, to := e.Source.String(), e.Target.String()
	if e.SourcePort != 0 || e.TargetPort != 0 {
		from = netip.AddrPortFrom(netip.AddrFrom16(e.Source).Unmap(), e.SourcePort).String()
		to = netip.AddrPortFrom(netip.AddrFrom16(e.Target).Unmap(), e.TargetPort).String()
	}
	if e.Source == (address{}) {
		return fmt.Sprintf("%7.3fs  %-9s  %d bytes", time.Duration(e.Time).Seconds(), e.Reason, e.Length)
	}
	return fmt.Sprintf("%7.3fs  %-9s  %s → %s %s, %d bytes", time.Duration(e.Time).Seconds(), e.Reason, from, to, protocol, e.Length)
}
