// Package symbols names the parts of an image, for tools that look at machine
// code and know nothing of BPF.
package symbols

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/compile"
)

// Kind says what code a symbol names.
type Kind uint8

const (
	Gate       Kind = iota // code that all functions share
	Program                // a function that is a program's entry
	Subprogram             // any other function
)

// Symbol is a name of some bytes of an image.
type Symbol struct {
	Name     string
	Kind     Kind
	From, To uint32 // offsets into Image.Code
}

// Names of the gates.
const (
	returnGate = "rivet_return" // where a run's first frame returns to
	faultGate  = "rivet_fault"  // where checks that fail go
)

// Of returns the symbols of an image, one for each function and gate, in the
// order of their addresses. Names of programs are unique, others need not be.
func Of(mod *bpf.Module, im *compile.Image) []Symbol {
	programs := map[int]bool{}
	for _, p := range mod.Programs {
		programs[p.Func] = true
	}
	first := uint32(len(im.Code))
	var list []Symbol
	for i, c := range im.Funcs {
		s := Symbol{printable(mod.Funcs[i].Name), Subprogram, c.Entry, c.End}
		if programs[i] {
			s.Kind = Program
		}
		list = append(list, s)
		first = min(first, c.Entry)
	}
	list = append(list, gates(im, first)...)
	slices.SortStableFunc(list, func(a, b Symbol) int { return cmp.Compare(a.From, b.From) })
	return list
}

// gates are the parts of the code that ends at end, where the first function begins.
func gates(im *compile.Image, end uint32) []Symbol {
	a, b := Symbol{Name: returnGate, From: im.ReturnPC}, Symbol{Name: faultGate, From: im.FaultPC}
	if b.From < a.From {
		a, b = b, a
	}
	a.To, b.To = b.From, end
	return slices.DeleteFunc([]Symbol{a, b}, func(s Symbol) bool { return s.From >= s.To })
}

// printable replaces what would break a line: names come from object files.
func printable(name string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == ' ' {
			return '_'
		}
		return r
	}, name)
}

// WritePerfMap writes symbols as perf reads them from /tmp/perf-PID.map for code
// that was made at run time (Linux, tools/perf/Documentation/jit-interface.txt):
// start and size in hex without prefix, and the name. base is the address of the image's first byte.
func WritePerfMap(w io.Writer, list []Symbol, base uint64) error {
	b := bufio.NewWriter(w)
	for _, s := range list {
		prefix := "bpf:"
		if s.Kind == Gate {
			prefix = ""
		}
		fmt.Fprintf(b, "%x %x %s%s\n", base+uint64(s.From), s.To-s.From, prefix, s.Name)
	}
	return b.Flush()
}
