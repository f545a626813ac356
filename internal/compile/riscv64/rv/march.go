package rv

import (
	"errors"
	"fmt"
	"strings"
)

// Ext is a set of extensions that code may use beyond RV64IMA.
type Ext uint32

// The extensions whose instructions this package can write.
const (
	ExtC Ext = 1 << iota
	ExtZba
	ExtZbb
	ExtZbs
	ExtZicond
	ExtZacas
)

// ExtAll is every extension that this package knows.
const ExtAll = ExtC | ExtZba | ExtZbb | ExtZbs | ExtZicond | ExtZacas

// Has reports whether every extension of want is in e.
func (e Ext) Has(want Ext) bool { return e&want == want }

// extNames are in the order of a canonical string (ISA manual, ISA extension naming conventions): Z
// extensions by the single letter that their second letter is closest to, i
// before a before b, and then by name.
var extNames = []struct {
	name string
	ext  Ext
}{
	{"zicond", ExtZicond},
	{"zacas", ExtZacas},
	{"zba", ExtZba},
	{"zbb", ExtZbb},
	{"zbs", ExtZbs},
}

// String returns the canonical architecture string of RV64IMA with e.
func (e Ext) String() string {
	s := "rv64ima"
	if e.Has(ExtC) {
		s += "c"
	}
	for _, x := range extNames {
		if e.Has(x.ext) {
			s += "_" + x.name
		}
	}
	return s
}

// profiles are the application profiles, as far as this package can use what
// they require (RISC-V Profiles 1.0; RVA23 Profile 1.0).
var profiles = map[string]string{
	"rva20u64": "rv64gc",
	"rva22u64": "rv64gc_zba_zbb_zbs",
	"rva23u64": "rv64gc_zicond_zba_zbb_zbs",
}

const marchHelp = "supported are rv64 with i, m and a (g has them) and any of c, b, zba, zbb, zbs, zicond, zacas," +
	" as in rv64gc_zba_zbb, and the profiles rva20u64, rva22u64 and rva23u64"

// ParseMarch reads an architecture string as compilers take it in -march and
// Linux prints it in /proc/cpuinfo: rv64, single letters, then longer names
// after underscores, each with or without a version. Names of extensions from
// which this package takes nothing (floating point, vectors, hints) are
// accepted, since code that ignores them runs where they are present.
func ParseMarch(s string) (Ext, error) {
	low := strings.ToLower(s)
	if full, ok := profiles[low]; ok {
		low = full
	}
	names, err := splitMarch(low)
	if err != nil {
		return 0, fmt.Errorf("march %q: %w; %s", s, err, marchHelp)
	}
	var e Ext
	has := map[string]bool{}
	for _, name := range names {
		has[name] = true
		switch name {
		case "c", "zca":
			e |= ExtC
		case "b":
			e |= ExtZba | ExtZbb | ExtZbs
		case "g":
			has["i"], has["m"], has["a"] = true, true, true
		}
		for _, x := range extNames {
			if x.name == name {
				e |= x.ext
			}
		}
	}
	has["a"] = has["a"] || has["zaamo"] && has["zalrsc"]
	for _, need := range []string{"i", "m", "a"} {
		if !has[need] {
			return 0, fmt.Errorf("march %q: lacks %s; %s", s, need, marchHelp)
		}
	}
	return e, nil
}

// splitMarch returns the names of the extensions in a string of lower case.
func splitMarch(s string) ([]string, error) {
	rest, ok := strings.CutPrefix(s, "rv64")
	if !ok {
		return nil, errors.New("does not begin with rv64")
	}
	var names []string
	for part := range strings.SplitSeq(rest, "_") {
		if part == "" {
			return nil, errors.New("an extension name is empty")
		}
		// Single letters may be written together; z, s and x begin longer names.
		for part != "" && !strings.Contains("zsx", part[:1]) {
			if !strings.Contains("imafdgqcbvh", part[:1]) {
				return nil, fmt.Errorf("unknown extension %q", part[:1])
			}
			names = append(names, part[:1])
			part = cutVersion(part[1:])
		}
		if part == "" {
			continue
		}
		name := trimVersion(part)
		if !knownName(name) {
			return nil, fmt.Errorf("unknown extension %q", name)
		}
		names = append(names, name)
	}
	return names, nil
}

// knownName tells the name of an extension from a mistake where a mistake
// would silently cost speed: among the bit manipulations. New names of other
// kinds appear with every generation of hardware.
func knownName(name string) bool {
	if !strings.HasPrefix(name, "zb") {
		return len(name) > 1
	}
	switch name {
	case "zba", "zbb", "zbc", "zbs", "zbkb", "zbkc", "zbkx":
		return true
	}
	return false
}

// cutVersion drops a version such as 2 or 2p1 from the front of s.
func cutVersion(s string) string {
	t := strings.TrimLeft(s, "0123456789")
	if t == s || !strings.HasPrefix(t, "p") {
		return t
	}
	if minor := strings.TrimLeft(t[1:], "0123456789"); minor != t[1:] {
		return minor
	}
	return t // p is the next extension
}

// trimVersion drops a version such as 1 or 1p0 from the end of a name.
func trimVersion(s string) string {
	t := strings.TrimRight(s, "0123456789")
	if major := strings.TrimSuffix(t, "p"); t != s && major != t && strings.TrimRight(major, "0123456789") != major {
		return strings.TrimRight(major, "0123456789")
	}
	return t
}
