//go:build measure

package main

import (
	"bytes"
	"debug/elf"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/rivetbpf/rivet"
	"github.com/rivetbpf/rivet/internal/compile"
	"github.com/rivetbpf/rivet/internal/compile/riscv64"
	"github.com/rivetbpf/rivet/internal/hart"
	"github.com/rivetbpf/rivet/internal/inspect"
	"github.com/rivetbpf/rivet/internal/listing"
)

func init() { commands = append(commands, (*app).benchCommand) }

// benchMarches are the targets that figures exist for.
var benchMarches = []string{"rv64gc", "rv64gc_zba_zbb"}

// benchVariants are what is measured for each: rivet's code, rivet's code
// without memory checks and fuel, clang's native code.
var benchVariants = []string{"rivet", "rivet-unchecked", "native"}

// benchResult is one program, compiled one way and run once.
type benchResult struct {
	Program string `json:"program"`
	March   string `json:"march"`
	Variant string `json:"variant"`
	Bytes   int    `json:"bytes"`
	Insns   int    `json:"insns"`
	Retired uint64 `json:"retired"`
	Ret     uint32 `json:"ret"`
}

// benchProgram is an entry of programs.json.
type benchProgram struct {
	Program string   `json:"program"`
	Entry   string   `json:"entry"`
	Set     []string `json:"set"`
}

// benchReference is an entry of linux-riscv64.json.
type benchReference struct {
	Program string      `json:"program"`
	Ret     uint32      `json:"ret"`
	GC      benchFigure `json:"linux_rv64gc"`
	ZbaZbb  benchFigure `json:"linux_zba_zbb"`
}

type benchFigure struct {
	Bytes   int    `json:"bytes"`
	Insns   int    `json:"insns"`
	Retired uint64 `json:"retired"`
}

func (r *benchReference) linux(march string) benchFigure {
	if march == "rv64gc" {
		return r.GC
	}
	return r.ZbaZbb
}

func (a *app) benchCommand() *cobra.Command {
	var asJSON bool
	var tailCalls string
	c := &cobra.Command{
		Use:   "bench [DIR]",
		Short: "Measure compiled and native code on the hart",
		Long: `Runs every program of DIR (default bench) once on the hart, with the input that
DIR holds: compiled by rivet, compiled without memory checks and fuel, and as
clang's native code. Prints for each the size of the code, the instructions
that one run retires and the result; an unexpected result is an error.

Code without checks is not safe; this command exists only in a binary that was
built with -tags measure.`,
		Example: `  go run -tags measure ./cmd/rivet bench bench
  go run -tags measure ./cmd/rivet bench --json bench > figures.json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			dir := "bench"
			if len(args) == 1 {
				dir = args[0]
			}
			return a.bench(dir, tailCalls, asJSON)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON array")
	c.Flags().StringVar(&tailCalls, "tail-calls", "shared", "how the tail-call count travels: shared or propagated")
	return c
}

func (a *app) bench(dir, tailCalls string, asJSON bool) error {
	var programs []benchProgram
	if err := readJSON(filepath.Join(dir, "programs.json"), &programs); err != nil {
		return err
	}
	var references []*benchReference
	if err := readJSON(filepath.Join(dir, "linux-riscv64.json"), &references); err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(dir, "packet.hex"))
	if err != nil {
		return err
	}
	packet, err := parseHex(string(text))
	if err != nil {
		return fmt.Errorf("%s: %w", filepath.Join(dir, "packet.hex"), err)
	}
	reference := map[string]*benchReference{}
	for _, r := range references {
		reference[r.Program] = r
	}
	var results []benchResult
	for _, p := range programs {
		for _, march := range benchMarches {
			for _, variant := range benchVariants {
				r, err := a.measure(dir, p, march, variant, tailCalls, packet)
				if err != nil {
					return fmt.Errorf("%s, %s, %s: %w", p.Program, march, variant, err)
				}
				if ref := reference[p.Program]; ref == nil || r.Ret != ref.Ret {
					return fmt.Errorf("%s, %s, %s: returns %d, which is not what linux-riscv64.json says", p.Program, march, variant, r.Ret)
				}
				results = append(results, r)
			}
		}
	}
	if asJSON {
		return writeJSON(a.out, results)
	}
	return benchTable(a.out, results, reference)
}

func readJSON(name string, v any) error {
	b, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func (a *app) measure(dir string, p benchProgram, march, variant, tailCalls string, packet []byte) (benchResult, error) {
	r := benchResult{Program: p.Program, March: march, Variant: variant}
	if variant == "native" {
		err := r.native(filepath.Join(dir, "native", march, p.Program+".elf"))
		return r, err
	}
	f := &objectFlags{program: p.Entry, engine: rivet.EngineHart.String(), set: p.Set, tailCalls: tailCalls, march: march}
	opts, err := a.options(f)
	if err != nil {
		return r, err
	}
	if variant == "rivet-unchecked" {
		opts.Engine = rivet.EngineHartUnchecked
	}
	l, err := a.loadWith(filepath.Join(dir, "obj", p.Program+".o"), f, opts)
	if err != nil {
		return r, err
	}
	defer l.coll.Close()
	im, target, ok := inspect.Image(l.coll)
	if !ok {
		panic("BUG: the hart engine has no image")
	}
	code := listing.Make(inspect.Module(l.coll), im, target, nil)
	r.Bytes, r.Insns = code.Bytes, code.Insns
	res, err := l.program.RunDetailed(&rivet.RunOptions{Data: packet})
	r.Retired, r.Ret = res.Retired, uint32(res.R0)
	return r, err
}

// native runs an executable that measures itself and prints what it found.
func (r *benchResult) native(name string) error {
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	ext, err := hart.ParseExt(r.March)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	res, err := hart.RunELF(bytes.NewReader(data), hart.ELFOptions{Ext: ext, Stdout: &out})
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if _, err := fmt.Sscanf(out.String(), "ret=0x%x retired=%d\n", &r.Ret, &r.Retired); err != nil || res.ExitCode != 0 {
		return fmt.Errorf("%s: exit code %d, output %q: %w", name, res.ExitCode, out.String(), err)
	}
	f, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	section := f.Section(".text")
	if section == nil {
		return fmt.Errorf("%s: no .text section", name)
	}
	text, err := section.Data()
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	target, err := riscv64.New(r.March)
	if err != nil {
		return err
	}
	r.Bytes, r.Insns = len(text), countInsns(target, text)
	return nil
}

func countInsns(t compile.Target, text []byte) int {
	n := 0
	for len(text) > 0 {
		_, size := t.Disasm(text, 0)
		if size <= 0 || size > len(text) {
			size = min(2, len(text))
		}
		text = text[size:]
		n++
	}
	return n
}

// benchTable prints results beside Linux's, and what they come to.
func benchTable(w io.Writer, results []benchResult, reference map[string]*benchReference) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', tabwriter.AlignRight)
	byVariant := map[string]benchResult{}
	for _, march := range benchMarches {
		fmt.Fprintf(t, "%s\tlinux\trivet\t/linux\tunchecked\t/linux\tnative\t\tlinux\trivet\tnative\t\n", march)
		fmt.Fprintf(t, "\tretired\tretired\t\tretired\t\tretired\t\tbytes\tbytes\tbytes\t\n")
		var checked, unchecked mean
		for _, r := range results {
			if r.March != march {
				continue
			}
			byVariant[r.Variant] = r
			if len(byVariant) < len(benchVariants) {
				continue
			}
			linux, plain, bare, native := reference[r.Program].linux(march), byVariant["rivet"], byVariant["rivet-unchecked"], byVariant["native"]
			fmt.Fprintf(t, "%s\t%d\t%d\t%.2f\t%d\t%.2f\t%d\t\t%d\t%d\t%d\t\n", r.Program, linux.Retired, plain.Retired, ratio(plain.Retired, linux.Retired),
				bare.Retired, ratio(bare.Retired, linux.Retired), native.Retired, linux.Bytes, plain.Bytes, native.Bytes)
			if !strings.HasPrefix(r.Program, "empty_") { // they measure the frame alone
				checked.add(ratio(plain.Retired, linux.Retired))
				unchecked.add(ratio(bare.Retired, linux.Retired))
			}
			clear(byVariant)
		}
		fmt.Fprintf(t, "geometric mean\t\t\t%.3f\t\t%.3f\t\t\t\t\t\t\n", checked.geometric(), unchecked.geometric())
		fmt.Fprintf(t, "\t\t\t\t\t\t\t\t\t\t\t\n")
	}
	return t.Flush()
}
