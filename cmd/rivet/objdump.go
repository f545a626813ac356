package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/rivetbpf/rivet"
	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/compile"
	"github.com/rivetbpf/rivet/internal/imageelf"
	"github.com/rivetbpf/rivet/internal/inspect"
	"github.com/rivetbpf/rivet/internal/listing"
)

func init() { commands = append(commands, (*app).objdumpCommand) }

type objdumpFlags struct {
	objectFlags
	elf string
}

func (a *app) objdumpCommand() *cobra.Command {
	var f objdumpFlags
	c := &cobra.Command{
		Use:   "objdump OBJ",
		Short: "Show what an object is compiled to",
		Long: `Compiles all programs of an object and lists source lines, BPF instructions and
RV64 instructions interleaved, with entries, prologues, epilogues and fault
stubs labelled. --program lists one program and the functions that it calls.

--elf writes the code of all programs to an RV64 executable instead, with a symbol
for each function and a line table, for objdump, gdb and their like. Source files
that are not where the object says, or have changed since, are held in it as far as
the object knows their text; llvm-objdump shows that, GNU objdump cannot.`,
		Example: `  rivet objdump tailcalls.o
  rivet objdump tailcalls.o --tail-calls propagated --program foo
  rivet objdump --march rv64gc_zba_zbb --json siphash.o
  rivet objdump --elf tailcalls.elf tailcalls.o && llvm-objdump -d -S tailcalls.elf`,
		Args: oneArg("object"),
		RunE: func(_ *cobra.Command, args []string) error { return a.objdump(args[0], &f) },
	}
	f.registerCompile(c)
	c.Flags().StringVar(&f.elf, "elf", "", "write an RV64 executable with symbols and source lines to this file, and no listing")
	c.MarkFlagsMutuallyExclusive("elf", "json")
	c.MarkFlagsMutuallyExclusive("elf", "program")
	return c
}

func (a *app) objdump(object string, f *objdumpFlags) error {
	f.engine = rivet.EngineHart.String()
	opts, err := a.options(&f.objectFlags)
	if err != nil {
		return err
	}
	spec, err := readSpec(object)
	if err != nil {
		return err
	}
	if f.program != "" && spec.Programs[f.program] == nil {
		return noProgram(f.program, spec)
	}
	coll, err := a.collection(object, spec, opts)
	if err != nil {
		return err
	}
	defer coll.Close()
	mod := inspect.Module(coll)
	im, target, ok := inspect.Image(coll)
	if !ok {
		panic("BUG: the hart engine has no image")
	}
	if f.elf != "" {
		return a.writeELF(f.elf, object, mod, im, marchOf(opts))
	}
	l := listing.Make(mod, im, target, reachable(mod, f.program))
	l.Object, l.March, l.TailCalls = object, marchOf(opts), opts.TailCalls.String()
	if f.json {
		return writeJSON(a.out, l)
	}
	return l.WriteText(a.out, colored(a.out))
}

// writeELF writes an image as an executable.
func (a *app) writeELF(name, object string, mod *bpf.Module, im *compile.Image, march string) error {
	o := imageelf.Options{March: march, Sources: imageelf.FindSources(mod, object)}
	for _, file := range o.Sources.Missing {
		a.note("%s is not here as it was compiled: %s holds the lines of it that the object has", file, name)
	}
	return replaceFile(name, func(w io.Writer) error { return imageelf.Write(w, mod, im, o) })
}

// reachable tells which functions a program consists of; nil for all.
func reachable(mod *bpf.Module, program string) func(int) bool {
	if program == "" {
		return nil
	}
	seen := make([]bool, len(mod.Funcs))
	var walk func(int)
	walk = func(i int) {
		if seen[i] {
			return
		}
		seen[i] = true
		for _, c := range mod.Funcs[i].Callees {
			walk(c)
		}
	}
	for _, p := range mod.Programs {
		if p.Name == program {
			walk(p.Func)
		}
	}
	return func(i int) bool { return seen[i] }
}
