package hart

import (
	"fmt"
	"strings"
)

// Ext is a set of extensions to RV64I.
type Ext uint32

// The extensions that can be switched. RV64I itself, fence.i and the counters
// of Zicntr are always there, so ExtI changes nothing; but every set that
// ParseExt returns has it, and is not 0.
const (
	ExtI Ext = 1 << iota
	ExtM
	ExtA
	ExtC
	ExtZba
	ExtZbb
	ExtZbs
	ExtZicond
	ExtZacas

	ExtAll Ext = 1<<iota - 1
	// ExtGC is what is executed of rv64gc: floating point is not.
	ExtGC = ExtI | ExtM | ExtA | ExtC
)

var extByName = map[string]Ext{
	"i": 0, "m": ExtM, "a": ExtA, "c": ExtC, "b": ExtZba | ExtZbb | ExtZbs,
	// Floating point is accepted, because every profile string names it, but
	// its instructions stay illegal: BPF has none.
	"g": ExtM | ExtA, "f": 0, "d": 0,
	"zicsr": 0, "zifencei": 0, "zicntr": 0, "zmmul": 0, "zaamo": 0, "zalrsc": 0, "zca": ExtC,
	"zba": ExtZba, "zbb": ExtZbb, "zbs": ExtZbs, "zicond": ExtZicond, "zacas": ExtA | ExtZacas,
}

// ParseExt reads an architecture string such as "rv64gc_zba_zbb" (RISC-V ISA
// manual, "ISA Extension Naming Conventions").
func ParseExt(march string) (Ext, error) {
	rest, ok := strings.CutPrefix(strings.ToLower(march), "rv64")
	if !ok {
		return 0, fmt.Errorf("architecture %q: must begin with rv64", march)
	}
	parts := strings.Split(rest, "_")
	names := strings.Split(parts[0], "") // single letters come first, without underscores
	if len(names) == 0 || names[0] != "i" && names[0] != "g" {
		return 0, fmt.Errorf("architecture %q: rv64 must be followed by i or g", march)
	}
	ext := ExtI
	for _, name := range append(names, parts[1:]...) {
		bit, ok := extByName[name]
		if !ok {
			return 0, fmt.Errorf("architecture %q: extension %q is not known", march, name)
		}
		ext |= bit
	}
	return ext, nil
}
