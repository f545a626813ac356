package rv

import (
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

// extNames are in the order of a canonical march string (ISA manual, chapter
// 27: Z extensions follow the single letters, ordered by their second letter
// in the order of the single letters: i before a before b).
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

const marchHelp = "supported: rv64 with i, m and a (or g), c, b, zba, zbb, zbs, zicond, zacas, such as rv64gc_zba_zbb"

// ParseMarch reads an architecture string as compilers take it in -march:
// rv64, single letters, and further extensions after underscores. Extensions
// that add nothing which this package writes (floating point, vectors, hints)
// are accepted: code that does not use them runs where they are present.
func ParseMarch(s string) (Ext, error) {
	fail := func(format string, args ...any) (Ext, error) {
		return 0, fmt.Errorf("march %q: %s; %s", s, fmt.Sprintf(format, args...), marchHelp)
	}
	low := strings.ToLower(s)
	rest, ok := strings.CutPrefix(low, "rv64")
	if !ok {
		return fail("does not begin with rv64")
	}
	var e Ext
	var base [256]bool
	for i, part := range strings.Split(rest, "_") {
		if part == "" {
			return fail("empty extension name")
		}
		for part != "" && !multiLetter(part) {
			letter := part[0]
			part = skipVersion(part[1:])
			switch letter {
			case 'g', 'i', 'm', 'a', 'f', 'd', 'q', 'c', 'b', 'v', 'h':
			case 'e':
				return fail("the base e has 16 registers only")
			default:
				return fail("unknown extension %q", string(letter))
			}
			base[letter] = true
		}
		if part == "" {
			continue
		}
		if i == 0 && !strings.HasPrefix(part, "z") && !strings.HasPrefix(part, "s") && !strings.HasPrefix(part, "x") {
			return fail("unknown extension %q", part)
		}
		e |= namedExt(part)
	}
	for _, need := range "ima" {
		if !base[need] && !base['g'] {
			return fail("lacks %c", need)
		}
	}
	if base['c'] {
		e |= ExtC
	}
	if base['b'] {
		e |= ExtZba | ExtZbb | ExtZbs
	}
	return e, nil
}

// multiLetter reports whether an extension name begins s: z, s and x are
// never extensions of their own.
func multiLetter(s string) bool {
	return s[0] == 'z' || s[0] == 's' || s[0] == 'x'
}

// skipVersion drops a version such as 2p1 from the front of s.
func skipVersion(s string) string {
	n := 0
	for n < len(s) && (s[n] >= '0' && s[n] <= '9' || s[n] == 'p' && n > 0 && n+1 < len(s) && s[n+1] >= '0' && s[n+1] <= '9') {
		n++
	}
	return s[n:]
}

// namedExt looks up a multi-letter extension, with or without a version.
func namedExt(name string) Ext {
	if t := strings.TrimRight(name, "0123456789"); t != name {
		if p := strings.TrimSuffix(t, "p"); p != t {
			t = strings.TrimRight(p, "0123456789")
		}
		name = t
	}
	switch name {
	case "zca":
		return ExtC
	}
	for _, x := range extNames {
		if x.name == name {
			return x.ext
		}
	}
	return 0
}

// String returns the canonical march string of RV64 with e.
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
