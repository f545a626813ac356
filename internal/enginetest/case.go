// Package enginetest runs the cases of testdata on every engine.
//
// A file holds one case or many. "-- case NAME" begins one; its sections are
//
//	-- asm                 the program, in the notation of package bpfasm
//	-- mem                 hex bytes that R1 points to; R2 is their length
//	-- result              R0; "result shared" and "result propagated" where the schemes differ
//	-- fault               part of the fault's message, in place of a result; "fault propagated" likewise
//	-- memory              hex: what mem must be afterwards
//	-- fuel                how much there is (100000 unless told)
//	-- values              rows of R1 to R5 (as many as there are) and the R0 that they give
//
// Programs call the helpers of package conformance. '#' starts a comment.
package enginetest

//go:generate go run ./gen

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/rivetbpf/rivet/internal/engine"
)

// Case is one program with what it must do.
type Case struct {
	Name   string
	Asm    string
	Mem    []byte
	Memory []byte // nil: not compared
	Fuel   int64
	Runs   []Run
}

// Run is one run of a case's program: arguments (R1 and R2 are the memory's
// where there are none) and what comes of it, in each scheme.
type Run struct {
	Args []uint64
	Want [2]Want // by engine.Scheme
}

// Want is a result or a fault.
type Want struct {
	R0    uint64
	Fault string // part of the message; "": no fault
}

const defaultFuel = 100_000

// Load reads every case of the files that match pattern.
func Load(pattern string) ([]*Case, error) {
	files, err := filepath.Glob(pattern)
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no file matches %s", pattern)
	}
	var all []*Case
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		name := strings.TrimSuffix(filepath.Base(f), ".data")
		cases, err := Parse(name, string(b))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f, err)
		}
		all = append(all, cases...)
	}
	return all, nil
}

// Parse reads the cases of one file.
func Parse(file, text string) ([]*Case, error) {
	var cases []*Case
	var sections map[string][]string
	name, section := file, ""
	finish := func() error {
		if sections == nil {
			return nil
		}
		c, err := build(name, sections)
		cases = append(cases, c)
		return err
	}
	for n, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		line = strings.TrimSpace(line)
		head, ok := strings.CutPrefix(line, "-- ")
		switch {
		case !ok && line == "":
		case !ok && section == "":
			return nil, fmt.Errorf("line %d: %q stands before any section", n+1, line)
		case !ok:
			sections[section] = append(sections[section], line)
		case strings.HasPrefix(head, "case "):
			if err := finish(); err != nil {
				return nil, err
			}
			name, section, sections = file+"/"+strings.TrimPrefix(head, "case "), "", nil
		default:
			if sections == nil {
				sections = map[string][]string{}
			}
			section = head
			if _, twice := sections[section]; twice {
				return nil, fmt.Errorf("line %d: a second section %q", n+1, section)
			}
			sections[section] = nil
		}
	}
	return cases, finish()
}

// build makes a case of its sections.
func build(name string, sections map[string][]string) (*Case, error) {
	c := &Case{Name: name, Fuel: defaultFuel}
	one := Run{}
	told := [2]bool{}
	for head, lines := range sections {
		text := strings.Join(lines, "\n")
		what, only, _ := strings.Cut(head, " ")
		var err error
		switch what {
		case "asm":
			c.Asm = text
		case "mem":
			c.Mem, err = unhex(text)
		case "memory":
			c.Memory, err = unhex(text)
		case "fuel":
			c.Fuel, err = strconv.ParseInt(text, 0, 64)
		case "values":
			c.Runs, err = values(lines)
		case "result", "fault":
			err = expect(&one, &told, what, only, text)
		default:
			err = fmt.Errorf("no such section")
		}
		if err != nil {
			return nil, fmt.Errorf("%s: section %q: %w", name, head, err)
		}
	}
	switch {
	case c.Asm == "":
		return nil, fmt.Errorf("%s: no asm", name)
	case c.Runs != nil && (told[0] || told[1]):
		return nil, fmt.Errorf("%s: both values and a result", name)
	case c.Runs == nil && told != [2]bool{true, true}:
		return nil, fmt.Errorf("%s: no result for each scheme", name)
	case c.Runs == nil:
		c.Runs = []Run{one}
	}
	return c, nil
}

func expect(r *Run, told *[2]bool, what, only, text string) error {
	w := Want{Fault: text}
	if what == "result" {
		v, err := number(text)
		if err != nil {
			return err
		}
		w = Want{R0: v}
	} else if text == "" {
		return fmt.Errorf("it says nothing")
	}
	for _, s := range []engine.Scheme{engine.Shared, engine.Propagated} {
		if only == "" || only == s.String() {
			if told[s] {
				return fmt.Errorf("told twice")
			}
			r.Want[s], told[s] = w, true
		}
	}
	return nil
}

func values(lines []string) ([]Run, error) {
	var runs []Run
	for _, l := range lines {
		var row []uint64
		for _, f := range strings.Fields(l) {
			v, err := number(f)
			if err != nil {
				return nil, err
			}
			row = append(row, v)
		}
		if len(row) < 2 || len(row) > 6 {
			return nil, fmt.Errorf("row %q: must be one to five arguments and a result", l)
		}
		w := Want{R0: row[len(row)-1]}
		runs = append(runs, Run{Args: row[:len(row)-1], Want: [2]Want{w, w}})
	}
	return runs, nil
}

func number(s string) (uint64, error) {
	if strings.HasPrefix(s, "-") {
		v, err := strconv.ParseInt(s, 0, 64)
		return uint64(v), err
	}
	return strconv.ParseUint(s, 0, 64)
}

func unhex(s string) ([]byte, error) {
	return hex.DecodeString(strings.Join(strings.Fields(s), ""))
}
