package main

import (
	"github.com/spf13/cobra"

	"github.com/rivetbpf/rivet"
	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/inspect"
	"github.com/rivetbpf/rivet/internal/listing"
)

func init() { commands = append(commands, (*app).objdumpCommand) }

func (a *app) objdumpCommand() *cobra.Command {
	var f objectFlags
	c := &cobra.Command{
		Use:   "objdump OBJ",
		Short: "Show what an object is compiled to",
		Long: `Compiles all programs of an object and lists source lines, BPF instructions and
RV64 instructions interleaved, with entries, prologues, epilogues and fault
stubs labelled. --program lists one program and the functions that it calls.`,
		Example: `  rivet objdump tailcalls.o
  rivet objdump tailcalls.o --tail-calls propagated --program foo
  rivet objdump --march rv64gc_zba_zbb --json siphash.o`,
		Args: oneArg("object"),
		RunE: func(_ *cobra.Command, args []string) error { return a.objdump(args[0], &f) },
	}
	f.registerCompile(c)
	return c
}

func (a *app) objdump(object string, f *objectFlags) error {
	f.engine = rivet.EngineHart.String()
	opts, err := a.options(f)
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
	l := listing.Make(mod, im, target, reachable(mod, f.program))
	l.Object, l.March, l.TailCalls = object, marchOf(opts), opts.TailCalls.String()
	if f.json {
		return writeJSON(a.out, l)
	}
	return l.WriteText(a.out, colored(a.out))
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
