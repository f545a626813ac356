// Command testreport reads the JSON of go test on standard input, prints what
// go test prints without it, and fails when a test failed, or was skipped
// although it is not on the list of tests that may be. A skipped comparison must
// not look like agreement.
//
//	go test -json ./... | go run ./scripts/testreport -allow .ci/allowed-skips
//
// A line "suite NAME" between the runs of go test begins a suite: tests may be
// skipped in one that must not be in another.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
)

func main() {
	allow := flag.String("allow", "", "`file` of tests that may be skipped: a regular expression for package.Test, or \"SUITE package.Test\", on each line, # starts a comment")
	flag.Parse()
	r := newReport(os.Stdout)
	if *allow != "" {
		if err := r.readAllowed(*allow); err != nil {
			fmt.Fprintln(os.Stderr, "testreport:", err)
			os.Exit(2)
		}
	}
	if err := r.read(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "testreport:", err)
		os.Exit(2)
	}
	if !r.finish() {
		os.Exit(1)
	}
}

// event is one line of go test -json (go doc test2json).
type event struct {
	Action  string
	Package string
	Test    string
	Output  string
}

// key identifies a test, or a package when Test is empty.
func (e *event) key() string {
	if e.Test == "" {
		return e.Package
	}
	return e.Package + "." + e.Test
}

type report struct {
	out     io.Writer
	suite   string // with a blank behind it, "" before the first
	allowed []*regexp.Regexp
	output  map[string][]string // of tests that have not ended yet

	passed, failed int
	skipped        []string // that may be
	forbidden      []string // with their output
}

func newReport(out io.Writer) *report {
	return &report{out: out, output: map[string][]string{}}
}

func (r *report) readAllowed(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for i, line := range strings.Split(string(text), "\n") {
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		re, err := regexp.Compile("^(?:" + line + ")$")
		if err != nil {
			return fmt.Errorf("%s:%d: %w", path, i+1, err)
		}
		r.allowed = append(r.allowed, re)
	}
	return nil
}

func (r *report) read(in io.Reader) error {
	s := bufio.NewScanner(in)
	s.Buffer(nil, 16<<20)
	for s.Scan() {
		var e event
		if err := json.Unmarshal(s.Bytes(), &e); err != nil || e.Action == "" {
			fmt.Fprintln(r.out, s.Text()) // make's own, or the go command's
			if name, ok := strings.CutPrefix(s.Text(), "suite "); ok {
				r.suite = name + " "
			}
			continue
		}
		r.event(&e)
	}
	return s.Err()
}

func (r *report) event(e *event) {
	key := r.suite + e.key()
	switch e.Action {
	case "build-output":
		fmt.Fprint(r.out, e.Output)
	case "output":
		if e.Test != "" {
			r.output[key] = append(r.output[key], e.Output)
		} else if e.Output != "PASS\n" { // what go test leaves out when all is well
			fmt.Fprint(r.out, e.Output)
		}
	case "pass":
		if e.Test != "" {
			r.passed++
		}
		delete(r.output, key)
	case "fail":
		r.failed++
		fmt.Fprint(r.out, strings.Join(r.output[key], ""))
		delete(r.output, key)
	case "skip":
		r.skip(e, key)
	}
}

func (r *report) skip(e *event, key string) {
	text := strings.Join(r.output[key], "")
	delete(r.output, key)
	if e.Test == "" {
		return // a package without tests
	}
	for _, re := range r.allowed {
		if re.MatchString(key) {
			r.skipped = append(r.skipped, key)
			return
		}
	}
	r.forbidden = append(r.forbidden, text)
}

// finish prints the sum and reports whether all is well.
func (r *report) finish() bool {
	// A test that never ended: its binary crashed or timed out.
	for key, lines := range r.output {
		fmt.Fprintf(r.out, "did not end: %s\n%s", key, strings.Join(lines, ""))
	}
	for _, text := range r.forbidden {
		fmt.Fprintf(r.out, "skipped, and must not be:\n%s", text)
	}
	fmt.Fprintf(r.out, "%d tests passed, %d failed, %d skipped as allowed, %d skipped otherwise\n",
		r.passed, r.failed, len(r.skipped), len(r.forbidden))
	return r.failed == 0 && len(r.forbidden) == 0 && len(r.output) == 0 && r.passed > 0
}
