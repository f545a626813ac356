// Command docs keeps the output that Markdown files show equal to what the
// commands print. A block in a file looks like
//
//	<!-- run: rivet trace examples/tailcalls/tailcalls.o -->
//
//	    the output, indented
//
//	<!-- end -->
//
// The command is run by bash, in the repository's root, with rivet on the path,
// built with -tags measure. In a block that begins with "table:" the output is
// Markdown and is not indented. One that begins with "measured:" depends on the
// host: it is left alone, and rewritten with -measure.
//
// With -check nothing is written, and a difference is an error. Times
// differ from run to run and are not compared.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

func main() {
	check := flag.Bool("check", false, "compare, write nothing")
	measure := flag.Bool("measure", false, "rewrite figures that depend on the host too")
	flag.Parse()
	files := flag.Args()
	if len(files) == 0 {
		files = []string{"README.md", "examples/tailcalls/README.md", "examples/dispatch/README.md", "docs/DEBUGGING.md", "docs/PERFORMANCE.md", "docs/MIGRATING.md", "examples/firewall/README.md",
			"docs/SUPPORT.md"}
	}
	if err := run(files, *check, *measure); err != nil {
		fmt.Fprintln(os.Stderr, "docs:", err)
		os.Exit(1)
	}
}

func run(files []string, check, measure bool) error {
	bin, err := os.MkdirTemp("", "rivet")
	if err != nil {
		return err
	}
	defer os.RemoveAll(bin)
	build := exec.Command("go", "build", "-tags", "measure", "-o", filepath.Join(bin, "rivet"), "./cmd/rivet")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("build rivet: %w", err)
	}
	var stale []error
	for _, name := range files {
		old, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		text, err := fill(string(old), bin, measure)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		switch {
		case timeless(text) == timeless(string(old)):
		case check:
			stale = append(stale, fmt.Errorf("%s shows output that commands no longer print; go run ./scripts/docs rewrites it", name))
		default:
			if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
				return err
			}
		}
	}
	return errors.Join(stale...)
}

var blockRE = regexp.MustCompile(`(?s)(<!-- (run|table|measured): ([^\n]*) -->\n)(.*?)(<!-- end -->\n)`)

// fill replaces what stands in each block by the output of its command.
func fill(text, bin string, measure bool) (string, error) {
	var failed error
	text = blockRE.ReplaceAllStringFunc(text, func(block string) string {
		m := blockRE.FindStringSubmatch(block)
		begin, kind, command, end := m[1], m[2], m[3], m[5]
		if kind == "measured" && !measure || failed != nil {
			return block
		}
		out, err := output(command, bin)
		if err != nil {
			failed = fmt.Errorf("%s: %w", command, err)
			return block
		}
		indent := ""
		if kind == "run" {
			indent = "    "
		}
		var b strings.Builder
		for _, line := range strings.Split(strings.TrimRight(out, "\n"), "\n") {
			b.WriteString(strings.TrimRight(indent+line, " ") + "\n")
		}
		return begin + "\n" + b.String() + "\n" + end
	})
	return text, failed
}

// output runs a command with the directory bin on the path.
func output(command, bin string) (string, error) {
	cmd := exec.Command("bash", "-c", command)
	cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	// A command may show a fault, and then rivet's status is 1.
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 1 {
		err = nil
	}
	return string(out), err
}

var timeRE = regexp.MustCompile(`\b[0-9.]+(ns|µs|ms|s)\b`)

func timeless(text string) string { return timeRE.ReplaceAllString(text, "T") }
