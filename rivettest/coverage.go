package rivettest

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"

	"github.com/rivetbpf/rivet"
)

var (
	coverProfile = flag.String("rivet.coverprofile", "", "write which lines of BPF programs were executed to `file`, for go tool cover -html")
	coverFunc    = flag.String("rivet.coverfunc", "", "write how much of each function of BPF programs was executed to `file`")
)

func covering() bool { return *coverProfile != "" || *coverFunc != "" }

// covered is the coverage of all tests so far.
var covered profile

// spot is a place in a source file; function is that of the object which it was compiled into.
type spot struct {
	file      string
	line, col int
	function  string
}

// profile gathers how often places were executed.
type profile struct {
	mu      sync.Mutex
	counts  map[spot]uint64
	text    map[spot]string // the line's source
	sources map[string]string
}

// add counts what a collection has done, and writes all anew.
func (p *profile) add(t testing.TB, lines []rivet.LineCount) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.counts == nil {
		p.counts, p.text, p.sources = map[spot]uint64{}, map[spot]string{}, map[string]string{}
	}
	for _, l := range lines {
		file := p.source(t, l.File)
		if file == "" {
			continue
		}
		s := spot{file, l.Line, l.Column, l.Function}
		p.counts[s] += l.Count
		p.text[s] = l.Text
	}
	p.write(t, *coverProfile, p.blocks())
	p.write(t, *coverFunc, p.functions())
}

func (p *profile) write(t testing.TB, name string, content []byte) {
	t.Helper()
	if name == "" {
		return
	}
	if err := os.WriteFile(name, content, 0o644); err != nil {
		t.Errorf("coverage: %v", err)
	}
}

// source finds the file that a compiler named, relative to the folder of the test
// or to one above; "" if there is none, or if it is not the project's.
func (p *profile) source(t testing.TB, name string) string {
	t.Helper()
	found, known := p.sources[name]
	if known {
		return found
	}
	if !strings.HasPrefix(filepath.ToSlash(name), "/usr/") {
		if found = findUpwards(name); found == "" {
			t.Logf("coverage: no source file %s; it is left out", name)
		}
	}
	p.sources[name] = found
	return found
}

func findUpwards(name string) string {
	if filepath.IsAbs(name) {
		if _, err := os.Stat(name); err != nil {
			return ""
		}
		return filepath.Clean(name)
	}
	dir, err := os.Getwd()
	for err == nil {
		file := filepath.Join(dir, name)
		if _, err := os.Stat(file); err == nil {
			return file
		}
		if dir == filepath.Dir(dir) {
			break
		}
		dir = filepath.Dir(dir)
	}
	return ""
}

// spots lists all places in the order of sources.
func (p *profile) spots() []spot {
	return slices.SortedFunc(maps.Keys(p.counts), func(a, b spot) int {
		return cmp.Or(cmp.Compare(a.file, b.file), cmp.Compare(a.line, b.line), cmp.Compare(a.begin(p), b.begin(p)), cmp.Compare(a.function, b.function))
	})
}

// begin is the first column of a place, the first one that is not blank where the object does not say.
func (s spot) begin(p *profile) int {
	if s.col > 0 {
		return s.col
	}
	return s.indent(p)
}

// indent is the first column of the line that is not blank.
func (s spot) indent(p *profile) int {
	text := p.text[s]
	return len(text) - len(strings.TrimLeft(text, " \t")) + 1
}

// blocks gives the profile in the format that go tool cover reads: each place
// reaches to the next one of its line, or to the line's end. The first one of a line begins with it, as the compiler
// names the operator of an expression and not what stands before it.
func (p *profile) blocks() []byte {
	var b bytes.Buffer
	b.WriteString("mode: count\n")
	all := p.spots()
	for i := 0; i < len(all); {
		s, count := all[i], uint64(0)
		start := s.begin(p)
		if i == 0 || all[i-1].file != s.file || all[i-1].line != s.line {
			start = min(start, s.indent(p))
		}
		j := i
		for ; j < len(all) && all[j].file == s.file && all[j].line == s.line && all[j].begin(p) == s.begin(p); j++ {
			count += p.counts[all[j]]
		}
		end := len(strings.TrimRight(p.text[s], " \t")) + 1
		if j < len(all) && all[j].file == s.file && all[j].line == s.line {
			end = all[j].begin(p)
		}
		fmt.Fprintf(&b, "%s:%d.%d,%d.%d 1 %d\n", s.file, s.line, start, s.line, max(end, start+1), count)
		i = j
	}
	return b.Bytes()
}

// functions gives the share of each function's places that were executed, as go tool cover -func does for Go.
func (p *profile) functions() []byte {
	type share struct {
		first     spot // where the function begins
		defined   bool // a source has it there
		searched  string
		all, done int
	}
	shares := map[string]*share{}
	var order []*share
	total := share{}
	for _, s := range p.spots() {
		f := shares[s.function]
		if f == nil {
			f = &share{first: s}
			shares[s.function] = f
			order = append(order, f)
		}
		if !f.defined && f.searched != s.file {
			f.searched = s.file
			if n := definition(s.file, s.function); n != 0 { // not where code that was inlined into it stands
				f.first.file, f.first.line, f.defined = s.file, n, true
			}
		}
		for _, f := range []*share{f, &total} {
			f.all++
			if p.counts[s] > 0 {
				f.done++
			}
		}
	}
	slices.SortStableFunc(order, func(a, b *share) int {
		return cmp.Or(cmp.Compare(a.first.file, b.first.file), cmp.Compare(a.first.line, b.first.line))
	})
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 1, 8, 1, '\t', 0)
	for _, f := range order {
		fmt.Fprintf(w, "%s:%d:\t%s\t%.1f%%\n", relative(f.first.file), f.first.line, f.first.function, percent(f.done, f.all))
	}
	fmt.Fprintf(w, "total:\t(places)\t%.1f%%\n", percent(total.done, total.all))
	w.Flush()
	return b.Bytes()
}

// definition finds the line of a source file on which a function begins, or where a macro
// such as BPF_PROG names it; 0 if none does.
func definition(file, function string) int {
	source, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	begins := regexp.MustCompile(`^\w[^;"]*\b` + regexp.QuoteMeta(function) + `\b[^;]*$`)
	for i, line := range strings.Split(string(source), "\n") {
		if begins.MatchString(line) {
			return i + 1
		}
	}
	return 0
}

func percent(part, all int) float64 { return 100 * float64(part) / float64(max(all, 1)) }

// relative shortens a path for readers.
func relative(file string) string {
	if dir, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(dir, file); err == nil {
			return rel
		}
	}
	return file
}
