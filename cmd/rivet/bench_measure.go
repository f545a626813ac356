//go:build measure

package main

import (
	"bytes"
	"debug/elf"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

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

// bench is the programs of a directory and what is known about them.
type bench struct {
	app        *app
	dir        string
	tailCalls  string
	programs   []benchProgram
	packet     []byte
	references map[string]*benchReference
}

func (a *app) benchCommand() *cobra.Command {
	b := &bench{app: a, dir: "bench"}
	var asJSON bool
	var table string
	c := &cobra.Command{
		Use:   "bench [DIR]",
		Short: "Measure compiled and native code on the hart",
		Long: `Runs every program of DIR (default bench) once on the hart, with the input that
DIR holds: compiled by rivet, compiled without memory checks and fuel, and as
clang's native code. Prints for each the size of the code, the instructions
that one run retires and the result; an unexpected result is an error. The
tables are Markdown. That of speed measures this host: compilation, both
engines, and the hart beside qemu-riscv64-static, if that is installed.

Code without checks is not safe; this command exists only in a binary that was
built with -tags measure.`,
		Example: `  go run -tags measure ./cmd/rivet bench bench
  go run -tags measure ./cmd/rivet bench --table speed bench
  go run -tags measure ./cmd/rivet bench --json bench > figures.json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 {
				b.dir = args[0]
			}
			return b.command(table, asJSON)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON array")
	c.Flags().StringVar(&table, "table", "", "the table to print: "+strings.Join(tableNames(), ", ")+" (default retired and size)")
	c.Flags().StringVar(&b.tailCalls, "tail-calls", "shared", "how the tail-call count travels: shared or propagated")
	return c
}

func (b *bench) command(table string, asJSON bool) error {
	if table != "" && benchTables[table] == nil {
		return usagef("table %q: must be one of %s", table, strings.Join(tableNames(), ", "))
	}
	if asJSON && table != "" {
		return usagef("--table and --json exclude each other")
	}
	if err := b.read(); err != nil {
		return err
	}
	switch {
	case asJSON:
		results, err := b.run()
		if err != nil {
			return err
		}
		return writeJSON(b.app.out, results)
	case table == "":
		if err := b.retired(); err != nil {
			return err
		}
		return b.size()
	}
	return benchTables[table](b)
}

// read reads what the directory holds besides code.
func (b *bench) read() error {
	if err := readJSON(filepath.Join(b.dir, "programs.json"), &b.programs); err != nil {
		return err
	}
	var references []*benchReference
	if err := readJSON(filepath.Join(b.dir, "linux-riscv64.json"), &references); err != nil {
		return err
	}
	b.references = map[string]*benchReference{}
	for _, r := range references {
		b.references[r.Program] = r
	}
	name := filepath.Join(b.dir, "packet.hex")
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if b.packet, err = parseHex(string(text)); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// run measures every program in every way.
func (b *bench) run() ([]benchResult, error) {
	var results []benchResult
	for _, p := range b.programs {
		ref := b.references[p.Program]
		if ref == nil {
			return nil, fmt.Errorf("program %s of programs.json is not in linux-riscv64.json", p.Program)
		}
		for _, march := range benchMarches {
			for _, variant := range benchVariants {
				r, err := b.measure(p, march, variant)
				if err == nil && r.Ret != ref.Ret {
					err = fmt.Errorf("returns %d, where linux-riscv64.json has %d", r.Ret, ref.Ret)
				}
				if err != nil {
					return nil, fmt.Errorf("%s, %s, %s: %w", p.Program, march, variant, err)
				}
				results = append(results, r)
			}
		}
	}
	return results, nil
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

func (b *bench) measure(p benchProgram, march, variant string) (benchResult, error) {
	r := benchResult{Program: p.Program, March: march, Variant: variant}
	if variant == "native" {
		err := r.native(filepath.Join(b.dir, "native", march, p.Program+".elf"))
		return r, err
	}
	engine := rivet.EngineHart
	if variant == "rivet-unchecked" {
		engine = rivet.EngineHartUnchecked
	}
	l, err := b.load(p, march, engine)
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
	res, err := l.program.RunDetailed(&rivet.RunOptions{Data: b.packet})
	r.Retired, r.Ret = res.Retired, uint32(res.R0)
	return r, err
}

// load makes a collection of a program's object, wired and ready to run.
func (b *bench) load(p benchProgram, march string, engine rivet.Engine) (*loaded, error) {
	f := &objectFlags{program: p.Entry, engine: rivet.EngineHart.String(), set: p.Set, tailCalls: b.tailCalls, march: march}
	opts, err := b.app.options(f)
	if err != nil {
		return nil, err
	}
	opts.Engine = engine
	return b.app.loadWith(filepath.Join(b.dir, "obj", p.Program+".o"), f, opts)
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
	target, err := riscv64.New(r.March, riscv64.GateTrap)
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
