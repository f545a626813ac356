// Package bpfasm is a small assembler for tests, in the classic notation
// ("mov32 %r0, 1", "ldxdw %r1, [%r2+8]", "jeq %r1, 5, out"), and the printer
// that shows instructions the way llvm-objdump does.
//
// Beside instructions and labels ("name:") a text may hold directives:
//
//	.program NAME [TYPE]                        a program; its labels are its own
//	.map NAME array|percpu_array|prog_array KEY VALUE MAX    a map, in bytes and entries
//	.slot MAP INDEX PROGRAM                     what a program array holds at first
//
// Instructions before any .program are the program "main", of type XDP as all are that
// name no other. A label that "call local" or "func(label)" names starts a
// function, which reaches to the next start. '#' and ';' start a comment.
package bpfasm

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/helpers"
)

// Unit is an assembled text.
type Unit struct {
	Programs []*Program
	Maps     []*bpf.Map
	Slots    []Slot
	Kfuncs   []string // called kfuncs; "call runtime" holds an index here
}

// Program is one program of a unit, with the subprograms that it calls. As in
// raw bytecode, calls and references of functions are relative; references to
// maps are indices into the unit's maps.
type Program struct {
	Name  string
	Type  string
	Insns []bpf.Insn
	Funcs map[int]string // slot → label of a function that is called or referred to

	labels map[string]int
	fixups []fixup
}

// Slot says which program a slot of a program array holds at first.
type Slot struct {
	Map     int
	Index   int
	Program string
}

// fixup is an operand that names a label not yet seen.
type fixup struct {
	line  int
	slot  int
	label string
	set   func(in *bpf.Insn, distance int) error
	call  bool // the label starts a function
}

type assembler struct {
	u    *Unit
	p    *Program // the one being assembled
	line int
}

// Assemble translates a text. Errors name the line.
func Assemble(text string) (*Unit, error) {
	a := &assembler{u: &Unit{}}
	for i, line := range strings.Split(text, "\n") {
		a.line = i + 1
		if err := a.statement(line); err != nil {
			return nil, fmt.Errorf("line %d: %q: %w", a.line, strings.TrimSpace(line), err)
		}
	}
	if err := a.finish(); err != nil {
		return nil, err
	}
	if len(a.u.Programs) == 0 {
		return nil, fmt.Errorf("no instructions")
	}
	return a.u, nil
}

// begin starts a program.
func (a *assembler) begin(name, typ string) {
	a.p = &Program{Name: name, Type: typ, Funcs: map[int]string{}, labels: map[string]int{}}
	a.u.Programs = append(a.u.Programs, a.p)
}

// finish ends the current program: its labels are all known now.
func (a *assembler) finish() error {
	if a.p == nil {
		return nil
	}
	for _, f := range a.p.fixups {
		to, ok := a.p.labels[f.label]
		if !ok {
			return fmt.Errorf("line %d: no label %q in program %s", f.line, f.label, a.p.Name)
		}
		if f.call {
			a.p.Funcs[to] = f.label
		}
		if err := f.set(&a.p.Insns[f.slot], to-f.slot-1); err != nil {
			return fmt.Errorf("line %d: %w", f.line, err)
		}
	}
	return nil
}

// statement assembles one line: any number of labels, then an instruction or a directive.
func (a *assembler) statement(line string) error {
	if i := strings.IndexAny(line, "#;"); i >= 0 {
		line = line[:i]
	}
	line = strings.TrimSpace(strings.ReplaceAll(line, "\t", " "))
	if strings.HasPrefix(line, ".") {
		f := strings.Fields(line)
		return a.directive(f[0], f[1:])
	}
	if line != "" && a.p == nil {
		a.begin("main", "XDP")
	}
	for {
		i := strings.IndexByte(line, ':')
		if i < 0 {
			break
		}
		name := strings.TrimSpace(line[:i])
		if _, dup := a.p.labels[name]; dup || name == "" || strings.ContainsAny(name, " ,%[") {
			return fmt.Errorf("label %q is used twice or is no name", name)
		}
		a.p.labels[name] = len(a.p.Insns)
		line = strings.TrimSpace(line[i+1:])
	}
	if line == "" {
		return nil
	}
	word, rest, _ := strings.Cut(line, " ")
	rest = strings.TrimSpace(rest)
	switch word {
	case "call", "callx":
		return a.call(word, strings.Fields(rest))
	case "lock":
		return a.lock(rest)
	}
	r, ok := rows[word]
	if !ok {
		return fmt.Errorf("unknown mnemonic %q", word)
	}
	if word == "exit" {
		if _, named := a.p.labels["exit"]; !named {
			a.p.labels["exit"] = len(a.p.Insns) // the first exit is a jump target, as in the classic suites
		}
	}
	return a.insn(r, operands(rest))
}

// operands splits at commas and drops blanks.
func operands(s string) []string {
	if s = strings.ReplaceAll(s, " ", ""); s == "" {
		return nil
	}
	return strings.Split(s, ",")
}

func (a *assembler) directive(word string, args []string) error {
	switch {
	case word == ".program" && (len(args) == 1 || len(args) == 2):
		if err := a.finish(); err != nil {
			return err
		}
		a.begin(args[0], append(args, "XDP")[1])
		return nil
	case word == ".map" && len(args) == 5:
		return a.defineMap(args)
	case word == ".slot" && len(args) == 3:
		i, err := a.mapIndex(args[0])
		if err != nil {
			return err
		}
		n, err := strconv.Atoi(args[1])
		a.u.Slots = append(a.u.Slots, Slot{i, n, args[2]})
		return err
	}
	return fmt.Errorf("unknown directive, or wrong number of words after it")
}

func (a *assembler) defineMap(args []string) error {
	m := &bpf.Map{Name: args[0]}
	switch args[1] {
	case "array":
		m.Type = bpf.MapTypeArray
	case "percpu_array":
		m.Type = bpf.MapTypePerCPUArray
	case "prog_array":
		m.Type = bpf.MapTypeProgArray
	default:
		return fmt.Errorf("unknown map type %q", args[1])
	}
	for i, p := range []*uint32{&m.KeySize, &m.ValueSize, &m.MaxEntries} {
		n, err := strconv.ParseUint(args[2+i], 0, 32)
		if err != nil {
			return err
		}
		*p = uint32(n)
	}
	a.u.Maps = append(a.u.Maps, m)
	return nil
}

func (a *assembler) mapIndex(name string) (int, error) {
	for i, m := range a.u.Maps {
		if m.Name == name {
			return i, nil
		}
	}
	return 0, fmt.Errorf("no map %q", name)
}

// insn fills a row's instruction from its operands.
func (a *assembler) insn(r row, args []string) error {
	in := r.insn
	want := map[form]int{formNone: 0, formALU: 2, formUnary: 1, formMovSX: 2, formLoad: 2, formStoreImm: 2,
		formStoreReg: 2, formJump: 3, formJA: 1, formGotol: 1, formLDDW: 2}[r.form]
	if len(args) != want {
		return fmt.Errorf("%d operands where %d belong", len(args), want)
	}
	var err error
	switch r.form {
	case formALU:
		err = first(register(args[0], &in.Dst), operand(args[1], &in))
	case formUnary:
		err = register(args[0], &in.Dst)
	case formMovSX:
		err = first(register(args[0], &in.Dst), register(args[1], &in.Src))
	case formLoad:
		err = first(register(args[0], &in.Dst), memory(args[1], &in.Src, &in.Off))
	case formStoreImm:
		err = first(memory(args[0], &in.Dst, &in.Off), imm32(args[1], &in.Imm))
	case formStoreReg:
		err = first(memory(args[0], &in.Dst, &in.Off), register(args[1], &in.Src))
	case formJump:
		err = first(register(args[0], &in.Dst), operand(args[1], &in), a.target(args[2], &in, setOff))
	case formJA:
		err = a.target(args[0], &in, setOff)
	case formGotol:
		err = a.target(args[0], &in, setImm)
	case formLDDW:
		return a.lddw(in, args)
	}
	a.emit(in)
	return err
}

func (a *assembler) emit(in bpf.Insn) { a.p.Insns = append(a.p.Insns, in) }

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func setOff(in *bpf.Insn, d int) error {
	if d != int(int16(d)) {
		return fmt.Errorf("jump over %d instructions: 16 bits hold no more than 32767", d)
	}
	in.Off = int16(d)
	return nil
}

func setImm(in *bpf.Insn, d int) error {
	in.Imm = int32(d)
	return nil
}

// forward leaves an operand of the next instruction to be filled when the label is known.
func (a *assembler) forward(label string, set func(*bpf.Insn, int) error, call bool) {
	a.p.fixups = append(a.p.fixups, fixup{line: a.line, slot: len(a.p.Insns), label: label, set: set, call: call})
}

// target resolves "+3", "-3" or a label.
func (a *assembler) target(s string, in *bpf.Insn, set func(*bpf.Insn, int) error) error {
	if s != "" && (s[0] == '+' || s[0] == '-') {
		d, err := strconv.ParseInt(s, 0, 32)
		return first(err, set(in, int(d)))
	}
	a.forward(s, set, false)
	return nil
}

// lddw assembles a constant, map(NAME), map_value(NAME)+OFFSET or func(LABEL).
func (a *assembler) lddw(in bpf.Insn, args []string) error {
	if err := register(args[0], &in.Dst); err != nil {
		return err
	}
	hi := bpf.Insn{}
	kind, rest, ref := strings.Cut(args[1], "(")
	if !ref {
		v, err := constant(args[1])
		in.Imm, hi.Imm = int32(v), int32(v>>32)
		a.emit(in)
		a.emit(hi)
		return err
	}
	name, plus, _ := strings.Cut(rest, ")")
	switch kind {
	case "func":
		in.Src = bpf.LoadFunc
		a.forward(name, setImm, true)
	case "map", "map_value":
		i, err := a.mapIndex(name)
		if err != nil {
			return err
		}
		in.Imm, in.Src = int32(i), bpf.LoadMap
		if kind == "map_value" {
			in.Src = bpf.LoadMapValue
			if plus != "" {
				err = imm32(strings.TrimPrefix(plus, "+"), &hi.Imm)
			}
		}
		if err != nil {
			return err
		}
	default:
		return fmt.Errorf("unknown reference %q", args[1])
	}
	a.emit(in)
	a.emit(hi)
	return nil
}

// call assembles "call 5", "call helper 5", "call NAME", "call local LABEL",
// "call runtime NAME" and "callx REGISTER" (or "call REGISTER").
func (a *assembler) call(word string, args []string) error {
	in := bpf.Insn{Op: bpf.OpCall}
	if len(args) == 0 {
		return fmt.Errorf("a call of nothing")
	}
	if len(args) == 1 && (word == "callx" || args[0][0] == '%') {
		in.Op = bpf.OpCallX
		err := register(args[0], &in.Dst)
		a.emit(in)
		return err
	}
	if len(args) == 1 {
		args = []string{"helper", args[0]}
	}
	if len(args) != 2 {
		return fmt.Errorf("%d operands where 1 or 2 belong", len(args))
	}
	var err error
	switch args[0] {
	case "helper":
		if id, ok := helperIDs()[strings.TrimPrefix(args[1], "bpf_")]; ok {
			in.Imm = id
		} else {
			err = imm32(args[1], &in.Imm)
		}
	case "runtime":
		in.Src, in.Imm = bpf.CallKfunc, a.kfunc(args[1])
	case "local":
		in.Src = bpf.CallSubprog
		if c := args[1][0]; c == '+' || c == '-' {
			err = a.target(args[1], &in, setImm)
		} else {
			a.forward(args[1], setImm, true)
		}
	default:
		err = fmt.Errorf("unknown kind of call %q", args[0])
	}
	a.emit(in)
	return err
}

// kfunc returns the index of a kfunc's name, which may be a number.
func (a *assembler) kfunc(name string) int32 {
	i := slices.Index(a.u.Kfuncs, name)
	if i < 0 {
		i = len(a.u.Kfuncs)
		a.u.Kfuncs = append(a.u.Kfuncs, name)
	}
	return int32(i)
}

// lock assembles "lock [fetch] OP[32] [dst+off], src"; fetch_OP is the same.
func (a *assembler) lock(rest string) error {
	word, rest, _ := strings.Cut(rest, " ")
	fetch := false
	if word == "fetch" {
		fetch = true
		word, rest, _ = strings.Cut(strings.TrimSpace(rest), " ")
	} else if w, ok := strings.CutPrefix(word, "fetch_"); ok {
		fetch, word = true, w
	}
	in := bpf.Insn{Op: bpf.OpAtomDW}
	if w, ok := strings.CutSuffix(word, "32"); ok {
		in.Op, word = bpf.OpAtomW, w
	}
	op, ok := atomicOps[word]
	args := operands(rest)
	if !ok || len(args) != 2 {
		return fmt.Errorf("unknown atomic operation, or not two operands")
	}
	if in.Imm = op; fetch {
		in.Imm |= bpf.AtomicFetch
	}
	err := first(memory(args[0], &in.Dst, &in.Off), register(args[1], &in.Src))
	a.emit(in)
	return err
}

// helperIDs gives the numbers of Linux's helpers, by name without bpf_.
var helperIDs = sync.OnceValue(func() map[string]int32 {
	ids := map[string]int32{}
	for id := int32(1); ; id++ {
		name := helpers.Name(id)
		if name == "" {
			return ids
		}
		ids[name] = id
	}
})
