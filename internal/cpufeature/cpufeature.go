// Package cpufeature tells which extensions the CPU of this host has, as an
// architecture string that package compile/riscv64 takes.
package cpufeature

import (
	"strings"
	"sync"
)

// Features are what code that is to run on this host may use.
type Features struct {
	March  string // such as rv64gc_zba_zbb
	Source string // who said so
	// Misaligned says how plain loads and stores at misaligned addresses fare:
	// emulated, slow, fast or unsupported; "" where nobody knows.
	Misaligned string
}

// Sources, the best first.
const (
	SourceHwprobe = "riscv_hwprobe"
	SourceAuxv    = "auxiliary vector"
	SourceAssumed = "assumed"
)

// Host returns the features that every CPU of this host has; ok is false where
// there is no target for the host.
func Host() (f Features, ok bool) { return host() }

var host = sync.OnceValues(detect)

// pair is struct riscv_hwprobe (Linux, Documentation/arch/riscv/hwprobe.rst).
type pair struct {
	key   int64
	value uint64
}

// Keys and bits of riscv_hwprobe, from the same document.
const (
	keyBase       = 3
	keyExt        = 4
	keyPerf       = 5 // deprecated for keyMisaligned, which Linux has since 6.11
	keyMisaligned = 9

	baseIMA = 1 << 0

	extFD = 1 << 0
	extC  = 1 << 1

	misalignedMask = 7
)

// extensions are those of which the target makes use.
var extensions = []struct {
	name string
	bit  uint64
}{
	{"zba", 1 << 3},
	{"zbb", 1 << 4},
	{"zbs", 1 << 5},
	{"zicond", 1 << 35},
	{"zacas", 1 << 34},
}

var misaligned = []string{"", "emulated", "slow", "fast", "unsupported"}

// Of the auxiliary vector (Linux, uapi/linux/auxvec.h): a bit for each letter, a lowest.
const atHwcap = 16

// riscv asks the sources in turn. The first tells everything; the second, on
// kernels before 6.4 and under old emulators, single letters; without either it
// is RV64GC, since Linux distributions and Go itself ask for no less.
func riscv(hwprobe func([]pair) error, auxv func() ([][2]uintptr, error)) Features {
	pairs := []pair{{key: keyBase}, {key: keyExt}, {key: keyPerf}, {key: keyMisaligned}}
	if hwprobe(pairs) == nil {
		if f, ok := fromHwprobe(pairs); ok {
			return f
		}
	}
	if vector, err := auxv(); err == nil {
		if march, ok := fromAuxv(vector); ok {
			return Features{March: march, Source: SourceAuxv}
		}
	}
	return Features{March: "rv64gc", Source: SourceAssumed}
}

// fromHwprobe reads an answer. The key of what the kernel does not know is -1 there.
func fromHwprobe(pairs []pair) (f Features, ok bool) {
	answers := map[int64]uint64{}
	for _, p := range pairs {
		answers[p.key] = p.value
	}
	ext, known := answers[keyExt]
	if !known || answers[keyBase]&baseIMA == 0 {
		return Features{}, false
	}
	// IMA there includes what is Zicsr and Zifencei today, so that G needs no more than F and D.
	march := "rv64ima"
	if ext&extFD != 0 {
		march = "rv64g"
	}
	if ext&extC != 0 {
		march += "c"
	}
	for _, e := range extensions {
		if ext&e.bit != 0 {
			march += "_" + e.name
		}
	}
	how, known := answers[keyMisaligned]
	if !known {
		how = answers[keyPerf] & misalignedMask
	}
	f = Features{March: march, Source: SourceHwprobe}
	if how < uint64(len(misaligned)) {
		f.Misaligned = misaligned[how]
	}
	return f, true
}

// fromAuxv reads the single letters. Of b it takes nothing: no Linux sets it, and
// V, which some set, is not one version of the extension on every board.
func fromAuxv(vector [][2]uintptr) (march string, ok bool) {
	for _, e := range vector {
		if e[0] != atHwcap {
			continue
		}
		letters := ""
		for _, l := range "imafdc" {
			if e[1]>>(l-'a')&1 != 0 {
				letters += string(l)
			}
		}
		if !strings.HasPrefix(letters, "ima") {
			return "", false
		}
		return "rv64" + strings.Replace(letters, "imafd", "g", 1), true
	}
	return "", false
}
