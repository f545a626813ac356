// Package conformance runs programs by the rules of the plugin protocol of the
// public bpf_conformance suite: bytecode or an ELF object, memory in R1 and its
// length in R2, and the handful of helpers that the protocol knows.
package conformance

import (
	"bytes"
	"fmt"
	"math"

	"github.com/rivetbpf/rivet/internal/arena"
	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/engine"
)

// Numbers of the protocol's helpers.
const (
	GatherBytes = iota // (a, b, c, d, e): their low bytes, a's highest
	MemFrob            // (p, n): n bytes at p, each XOR 42
	NoOp               // 0
	SqrtI              // (a): the integer square root, by way of a double
	StrCmp             // (p, q): C's strcmp
	Unwind             // (a): a; where that is 0, the program ends at once with 0
)

// Gate runs the protocol's helpers over an arena.
type Gate struct{ Arena *arena.Arena }

// Helper implements engine.Gate. Functions of the runtime (kfuncs) have no
// meaning in the protocol, but to be callable: they return 0.
func (g *Gate) Helper(kind uint8, id int32, args *[5]uint64) (uint64, error) {
	if kind == bpf.CallKfunc {
		return 0, nil
	}
	switch id {
	case GatherBytes:
		var v uint64
		for _, a := range args {
			v = v<<8 | a&0xff
		}
		return v, nil
	case MemFrob:
		b, ok := g.Arena.Bytes(args[0], args[1])
		if !ok && args[1] != 0 {
			return 0, fmt.Errorf("memfrob of %d bytes at %#x, which are not all guest memory", args[1], args[0])
		}
		for i := range b {
			b[i] ^= 42
		}
		return 0, nil
	case NoOp:
		return 0, nil
	case SqrtI:
		return uint64(math.Sqrt(float64(args[0]))), nil
	case StrCmp:
		return g.strcmp(args[0], args[1])
	case Unwind:
		if args[0] == 0 {
			return 0, &engine.Exit{}
		}
		return args[0], nil
	}
	return 0, fmt.Errorf("no helper %d in this protocol: it has 0 to %d", id, Unwind)
}

// strcmp is the difference of the first bytes that differ, as glibc has it.
func (g *Gate) strcmp(p, q uint64) (uint64, error) {
	a, err := g.cstring(p)
	if err != nil {
		return 0, err
	}
	b, err := g.cstring(q)
	if err != nil {
		return 0, err
	}
	for i := range a {
		if d := int64(a[i]) - int64(b[i]); d != 0 || a[i] == 0 {
			return uint64(d), nil
		}
	}
	return 0, nil
}

// cstring returns the bytes at p up to and with their NUL.
func (g *Gate) cstring(p uint64) ([]byte, error) {
	off := p - g.Arena.Base()
	if off < g.Arena.Size() {
		b := g.Arena.Mem()[off:g.Arena.Size()]
		if n := bytes.IndexByte(b, 0); n >= 0 {
			return b[:n+1], nil
		}
	}
	return nil, fmt.Errorf("no string at %#x", p)
}
