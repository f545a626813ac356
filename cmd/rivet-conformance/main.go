// Command rivet-conformance is a plugin of the public bpf_conformance suite.
//
// usage: rivet-conformance [MEMORY] [--engine NAME] [--tail-calls SCHEME] [--march STRING] [--program HEX] [--elf] [--debug] [--help]
//
// MEMORY is hex bytes separated by blanks: R1 is its address, R2 its length. The
// program comes on standard input as hex bytes, or with --elf an object file, as
// hex bytes or as it is. R0 is printed in hex. Exit status 1: the program was refused or
// faulted (standard output says why); 2: wrong usage or unreadable input.
package main

import (
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/rivetbpf/rivet/internal/conformance"
	"github.com/rivetbpf/rivet/internal/engine"
	"github.com/rivetbpf/rivet/internal/engines"
)

const usage = `usage: rivet-conformance [MEMORY] [--engine NAME] [--tail-calls SCHEME] [--march STRING] [--program HEX] [--elf] [--debug]

A plugin of the bpf_conformance suite. MEMORY is hex bytes: r1 is its address, r2
its length. The program comes on standard input as hex bytes; with --elf it is an
object file, as hex bytes or as it is. Prints r0 in hex.
`

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

var errHelp = errors.New("help is asked for")

// options is the command line.
type options struct {
	memory  []byte
	program string // hex, in place of standard input
	engine  engines.Kind
	config  engines.Config
	elf     bool
}

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	opts, err := parse(args)
	if errors.Is(err, errHelp) {
		fmt.Fprint(stdout, usage)
		return 0
	}
	if err != nil {
		fmt.Fprintf(stderr, "rivet-conformance: %v\n", err)
		return 2
	}
	text := opts.program
	if text == "" {
		b, err := io.ReadAll(stdin)
		if err != nil {
			fmt.Fprintf(stderr, "rivet-conformance: standard input: %v\n", err)
			return 2
		}
		text = string(b)
	}
	program := []byte(text)
	if !opts.elf || !strings.HasPrefix(text, elf.ELFMAG) {
		program, err = unhex(text)
	}
	if err != nil {
		fmt.Fprintf(stderr, "rivet-conformance: program: %v\n", err)
		return 2
	}
	r0, err := execute(opts, program)
	if err != nil {
		// The runner compares standard output with an expected error.
		fmt.Fprintln(stdout, err)
		return 1
	}
	fmt.Fprintf(stdout, "%x\n", r0)
	return 0
}

func execute(opts *options, program []byte) (uint64, error) {
	loader := conformance.Program
	if opts.elf {
		loader = conformance.Object
	}
	guest, err := loader(program)
	if err != nil {
		return 0, fmt.Errorf("Failed to load code: %w", err)
	}
	return guest.Run(opts.memory, opts.engine, opts.config)
}

// parse reads the command line. The runner hands its plugin options over as one
// argument, which may be empty or hold several words.
func parse(args []string) (*options, error) {
	opts := &options{}
	if len(args) > 0 && !strings.HasPrefix(strings.TrimSpace(args[0]), "-") {
		mem, err := unhex(args[0])
		if err != nil {
			return nil, fmt.Errorf("memory: %w", err)
		}
		opts.memory, args = mem, args[1:]
	}
	var words []string
	for _, a := range args {
		if n := len(words); n > 0 && words[n-1] == "--program" {
			words = append(words, a) // hex with blanks, one word
			continue
		}
		words = append(words, strings.Fields(a)...)
	}
	name := "interp"
	for len(words) > 0 {
		flag, value, ok := strings.Cut(words[0], "=")
		words = words[1:]
		switch flag {
		case "--elf":
			opts.elf = true
			continue
		case "--help", "-h":
			return nil, errHelp
		case "--debug":
			continue // the reference plugin has it; there is nothing more to say
		case "--engine", "--march", "--tail-calls", "--program":
		default:
			return nil, fmt.Errorf("unknown option %q", flag)
		}
		if !ok {
			if len(words) == 0 {
				return nil, fmt.Errorf("%s needs a value", flag)
			}
			value, words = words[0], words[1:]
		}
		switch flag {
		case "--engine":
			name = value
		case "--march":
			opts.config.March = value
		case "--program":
			opts.program = value
		case "--tail-calls":
			if err := scheme(value, &opts.config.Scheme); err != nil {
				return nil, err
			}
		}
	}
	var err error
	opts.engine, err = engines.Get(name)
	return opts, err
}

func scheme(s string, to *engine.Scheme) error {
	for _, c := range []engine.Scheme{engine.Shared, engine.Propagated} {
		if c.String() == s {
			*to = c
			return nil
		}
	}
	return errors.New("--tail-calls is shared or propagated")
}

// unhex decodes hex digits, whatever blanks stand between bytes.
func unhex(s string) ([]byte, error) {
	return hex.DecodeString(strings.Join(strings.Fields(s), ""))
}
