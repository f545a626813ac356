package main

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/cilium/ebpf"
	"github.com/spf13/cobra"

	"github.com/rivetbpf/rivet"
	"github.com/rivetbpf/rivet/internal/hart"
	"github.com/rivetbpf/rivet/internal/hartrun"
	"github.com/rivetbpf/rivet/internal/load"
)

// objectFlags are the flags of every command that loads an object.
type objectFlags struct {
	program   string
	engine    string
	set       []string
	tailCalls string
	march     string
	dump      []string
	fuel      int64
	json      bool
}

// registerCompile registers the flags of every command that compiles.
func (f *objectFlags) registerCompile(c *cobra.Command) {
	fs := c.Flags()
	fs.StringVarP(&f.program, "program", "p", "", "program of the object (default where one is entered: the only one that is no target of a tail call)")
	fs.StringVar(&f.tailCalls, "tail-calls", "shared", "how the tail-call count travels: shared or propagated")
	fs.StringVar(&f.march, "march", "", "extensions that compiled code uses, such as rv64gc_zba_zbb (default "+hartrun.DefaultMarch+")")
	fs.StringSliceVar(&f.dump, "dump", nil, "print stages of the compiler on standard error: "+strings.Join(stages, ", "))
	fs.BoolVar(&f.json, "json", false, "print one JSON value on standard output")
}

// register registers those and the flags of every command that runs a program.
func (f *objectFlags) register(c *cobra.Command) {
	f.registerCompile(c)
	fs := c.Flags()
	fs.StringVar(&f.engine, "engine", "", "hart, native or interp (default the best of this build)")
	fs.StringArrayVar(&f.set, "set", nil, "put a program into a slot: 'MAP[INDEX]=PROGRAM' (repeatable)")
	fs.Int64Var(&f.fuel, "fuel", 0, "backward jumps and tail calls that a run may make (default "+strconv.Itoa(rivet.DefaultFuel)+", negative no limit)")
}

// stages are what --dump knows.
var stages = []string{"ir", "opt", "asm"}

// dataFlags are the flags of commands that give a program its input.
type dataFlags struct {
	file string
	hex  string
}

func (f *dataFlags) register(c *cobra.Command) {
	c.Flags().StringVar(&f.file, "data", "", "file with the packet's bytes, - for standard input")
	c.Flags().StringVar(&f.hex, "data-hex", "", "the packet's bytes in hex; blanks and colons may stand between them")
	c.MarkFlagsMutuallyExclusive("data", "data-hex")
}

// read returns the bytes that the flags name; nil when they name none.
func (f *dataFlags) read(stdin io.Reader) ([]byte, error) {
	switch {
	case f.file == "-":
		return io.ReadAll(stdin)
	case f.file != "":
		return os.ReadFile(f.file)
	case f.hex != "":
		return parseHex(f.hex)
	}
	return nil, nil
}

func parseHex(s string) ([]byte, error) {
	digits := strings.Map(func(r rune) rune {
		if strings.ContainsRune(" \t\r\n:", r) {
			return -1
		}
		return r
	}, s)
	digits = strings.TrimPrefix(strings.TrimPrefix(digits, "0x"), "0X")
	for i, r := range digits {
		if !strings.ContainsRune("0123456789abcdefABCDEF", r) {
			return nil, usagef("--data-hex: %q at digit %d is no hex digit", r, i+1)
		}
	}
	if len(digits)%2 != 0 {
		return nil, usagef("--data-hex: %d hex digits: a byte has two, so their number must be even", len(digits))
	}
	return hex.DecodeString(digits)
}

// slotSetting is a --set flag.
type slotSetting struct {
	text    string
	mapName string
	index   uint32
	program string
}

// parseSet reads 'MAP[INDEX]=PROGRAM'.
func parseSet(s string) (slotSetting, error) {
	wrong := func(why string) (slotSetting, error) {
		return slotSetting{}, usagef("--set %q: %s; write 'MAP[INDEX]=PROGRAM', such as 'jmp_table[0]=classifier'", s, why)
	}
	left, program, ok := strings.Cut(s, "=")
	name, index, bracket := strings.Cut(left, "[")
	index, closed := strings.CutSuffix(index, "]")
	switch {
	case !ok:
		return wrong("no = in it")
	case !bracket || !closed:
		return wrong("no [INDEX] before the =")
	case name == "":
		return wrong("no map before the [")
	case program == "":
		return wrong("no program behind the =")
	}
	n, err := strconv.ParseUint(index, 0, 32)
	if err != nil {
		return wrong(fmt.Sprintf("%q is no index", index))
	}
	return slotSetting{s, name, uint32(n), program}, nil
}

// options turns the flags into the library's.
func (a *app) options(f *objectFlags) (rivet.CollectionOptions, error) {
	o := rivet.CollectionOptions{March: f.march, Fuel: f.fuel, TracePrintk: a.err}
	if f.engine != "" {
		var err error
		if o.Engine, err = rivet.ParseEngine(f.engine); err != nil {
			return o, usagef("--engine: %w", err)
		}
	}
	switch f.tailCalls {
	case "shared":
		o.TailCalls = rivet.TailCallsShared
	case "propagated":
		o.TailCalls = rivet.TailCallsPropagated
	default:
		return o, usagef("--tail-calls %q: must be shared or propagated", f.tailCalls)
	}
	if f.march != "" {
		if _, err := hart.ParseExt(f.march); err != nil {
			return o, usagef("--march: %w", err)
		}
	}
	for _, stage := range f.dump {
		if !slices.Contains(stages, stage) {
			return o, usagef("--dump %s: no such stage; there are %s", stage, strings.Join(stages, ", "))
		}
	}
	if len(f.dump) > 0 {
		o.Dump, o.DumpStages = a.err, f.dump
	}
	return o, nil
}

// readSpec parses an object file.
func readSpec(name string) (*ebpf.CollectionSpec, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(data, []byte("\x7fELF")) {
		return nil, fmt.Errorf("%s is no ELF file; make one with clang --target=bpf -g -O2 -c", name)
	}
	spec, err := load.ELF(bytes.NewReader(data))
	if err != nil {
		first, _, _ := strings.Cut(err.Error(), "\n") // a parser's stack is of no use to the reader
		return nil, fmt.Errorf("%s: %s%s", name, first, cutOff(err))
	}
	if len(spec.Programs) == 0 {
		return nil, fmt.Errorf("%s has no program; is it an eBPF object with SEC(...) functions?", name)
	}
	return spec, nil
}

// cutOff is a hint for errors about files that end too early.
func cutOff(err error) string {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return " (is the file cut off?)"
	}
	return ""
}

// loaded is an object that is ready to run.
type loaded struct {
	object  string
	spec    *ebpf.CollectionSpec
	coll    *rivet.Collection
	program *rivet.Program
	name    string // of the program
	opts    rivet.CollectionOptions
	march   string // empty on engines that do not compile
}

// load loads an object, wires its slots and chooses the program to enter.
func (a *app) load(object string, f *objectFlags) (*loaded, error) {
	opts, err := a.options(f)
	if err != nil {
		return nil, err
	}
	return a.loadWith(object, f, opts)
}

// loadWith is load with options that no flag gives.
func (a *app) loadWith(object string, f *objectFlags, opts rivet.CollectionOptions) (*loaded, error) {
	var sets []slotSetting
	for _, s := range f.set {
		set, err := parseSet(s)
		if err != nil {
			return nil, err
		}
		sets = append(sets, set)
	}
	spec, err := readSpec(object)
	if err != nil {
		return nil, err
	}
	name, err := a.choose(spec, f.program, sets)
	if err != nil {
		return nil, err
	}
	coll, err := a.collection(object, spec, opts)
	if err != nil {
		return nil, err
	}
	for _, set := range sets {
		if err := wire(coll, set); err != nil {
			coll.Close()
			return nil, err
		}
	}
	l := &loaded{object: object, spec: spec, coll: coll, program: coll.Programs[name], name: name, opts: opts}
	if coll.Engine() == rivet.EngineHart {
		l.march = marchOf(opts)
	} else if len(f.dump) > 0 {
		a.note("--dump shows nothing: the %v engine does not compile", coll.Engine())
	}
	return l, nil
}

// collection loads a parsed object.
func (a *app) collection(object string, spec *ebpf.CollectionSpec, opts rivet.CollectionOptions) (*rivet.Collection, error) {
	coll, err := rivet.NewCollectionWithOptions(spec, opts)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", object, err)
	}
	return coll, nil
}

func marchOf(o rivet.CollectionOptions) string {
	if o.March == "" {
		return hartrun.DefaultMarch
	}
	return o.March
}

func wire(coll *rivet.Collection, set slotSetting) error {
	m := coll.Maps[set.mapName]
	if m == nil {
		return usagef("--set %q: no map %q in the object; it has %s", set.text, set.mapName, names(coll.Maps))
	}
	p := coll.Programs[set.program]
	if p == nil {
		return usagef("--set %q: no program %q in the object; it has %s", set.text, set.program, names(coll.Programs))
	}
	err := m.Put(set.index, p)
	switch {
	case errors.Is(err, syscall.E2BIG):
		return usagef("--set %q: map %s has slots 0 to %d", set.text, set.mapName, int64(m.MaxEntries())-1)
	case err != nil:
		return usagef("--set %q: %w", set.text, err)
	}
	return nil
}

func noProgram(name string, spec *ebpf.CollectionSpec) error {
	return usagef("--program %s: no such program in the object; it has %s", name, names(spec.Programs))
}

// choose names the program to enter: the one that is asked for, the only one,
// or the only one that no program array holds.
func (a *app) choose(spec *ebpf.CollectionSpec, asked string, sets []slotSetting) (string, error) {
	if asked != "" {
		if spec.Programs[asked] == nil {
			return "", noProgram(asked, spec)
		}
		return asked, nil
	}
	held := map[string]bool{}
	for _, m := range spec.Maps {
		for _, kv := range m.Contents {
			if name, ok := kv.Value.(string); ok && m.Type == ebpf.ProgramArray {
				held[name] = true
			}
		}
	}
	for _, s := range sets {
		held[s.program] = true
	}
	var free []string
	for name := range spec.Programs {
		if !held[name] || len(spec.Programs) == 1 {
			free = append(free, name)
		}
	}
	if len(free) != 1 {
		return "", usagef("the object has %d programs: choose one with --program: %s", len(spec.Programs), names(spec.Programs))
	}
	if len(spec.Programs) > 1 {
		a.note("entering %s, the only program that no program array holds", free[0])
	}
	return free[0], nil
}

// names lists the keys of a map in order.
func names[T any](m map[string]T) string {
	var l []string
	for name := range m {
		l = append(l, name)
	}
	if len(l) == 0 {
		return "none"
	}
	slices.Sort(l)
	return strings.Join(l, ", ")
}
