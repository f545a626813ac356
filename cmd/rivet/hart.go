package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/rivetbpf/rivet/internal/hart"
)

func init() { commands = append(commands, (*app).hartCommand) }

type hartFlags struct {
	march string
	max   uint64
	json  bool
}

// hartResult is what hart --json prints.
type hartResult struct {
	File        string `json:"file"`
	ExitCode    int    `json:"exit_code"`
	Retired     uint64 `json:"retired"`
	Nanoseconds int64  `json:"nanoseconds"`
	Stdout      string `json:"stdout"`
	Fault       string `json:"fault,omitempty"`
}

func (a *app) hartCommand() *cobra.Command {
	var f hartFlags
	c := &cobra.Command{
		Use:   "hart FILE",
		Short: "Run a bare RV64 executable on the hart",
		Long: `Runs a statically linked RV64 executable that needs no operating system but two
system calls: exit (a7=93) and write (a7=64, to descriptors 1 and 2). What the
program writes passes through. At the end its exit code and the number of
retired instructions are printed: native code is measured this way beside
compiled BPF.`,
		Example: `  rivet hart bench/native/rv64gc/siphash.elf
  rivet hart --march rv64gc --json a.elf`,
		Args: oneArg("RV64 executable"),
		RunE: func(_ *cobra.Command, args []string) error { return a.hart(args[0], f) },
	}
	c.Flags().StringVar(&f.march, "march", "", "extensions that the hart has, such as rv64gc_zba_zbb (default all)")
	c.Flags().Uint64Var(&f.max, "max", 0, "stop after this many instructions (default no limit)")
	c.Flags().BoolVar(&f.json, "json", false, "print one JSON value; the program's output is in it")
	return c
}

func (a *app) hart(name string, f hartFlags) error {
	ext := hart.Ext(hart.ExtAll)
	if f.march != "" {
		var err error
		if ext, err = hart.ParseExt(f.march); err != nil {
			return usagef("--march: %w", err)
		}
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(data, []byte("\x7fELF")) {
		return fmt.Errorf("%s is no ELF file; make one with clang --target=riscv64 -static -nostdlib", name)
	}
	// Loaded once for itself: what is wrong with the file is no fault of a run.
	if _, err := hart.LoadELF(bytes.NewReader(data), ext); err != nil {
		return fmt.Errorf("%s: %w%s", name, err, cutOff(err))
	}
	var captured bytes.Buffer
	stdout := io.Writer(a.out)
	if f.json {
		stdout = &captured
	}
	start := time.Now()
	res, err := hart.RunELF(bytes.NewReader(data), hart.ELFOptions{Ext: ext, Stdout: stdout, Stderr: a.err, Max: f.max})
	elapsed := time.Since(start)
	if pe := (*os.PathError)(nil); errors.As(err, &pe) {
		return err // the output could not be written
	}
	if f.json {
		out := hartResult{File: name, ExitCode: res.ExitCode, Retired: res.Retired, Nanoseconds: elapsed.Nanoseconds(), Stdout: captured.String()}
		if err != nil {
			out.Fault = err.Error()
		}
		if werr := writeJSON(a.out, out); werr != nil {
			return werr
		}
	}
	if err != nil {
		a.note("%s: fault %v, after %d instructions", name, err, res.Retired)
		return errFault
	}
	if !f.json {
		_, err = fmt.Fprintf(a.out, "exit code %d, %d instructions retired, %v\n", res.ExitCode, res.Retired, elapsed.Round(time.Microsecond))
	}
	return err
}
