package hartrun_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/compile"
	"github.com/rivetbpf/rivet/internal/compile/riscv64"
	"github.com/rivetbpf/rivet/internal/engine"
	"github.com/rivetbpf/rivet/internal/load"
	"github.com/rivetbpf/rivet/internal/progen"
)

// insn is a machine instruction, as its text has it.
type insn struct {
	pc, next uint32
	op       string
	args     []string
	to       int64 // target of a jump, an offset into the code; -1: none
	back     bool  // a jump to the fault gate that may come back: another slice of fuel
}

func (i *insn) String() string {
	return fmt.Sprintf("%x: %s %s", i.pc, i.op, strings.Join(i.args, ","))
}

func (i *insn) is(text string) bool { return i.op+" "+strings.Join(i.args, ",") == text }

func (i *insn) store() bool  { return slices.Contains([]string{"sb", "sh", "sw", "sd"}, i.op) }
func (i *insn) branch() bool { return i.op[0] == 'b' && i.to >= 0 }

// calls reports whether the instruction calls a function.
func (i *insn) calls() bool {
	return i.op == "jal" && len(i.args) == 1 || i.op == "jalr" && i.args[0] == "t0"
}

// ends reports whether the next instruction does not follow.
func (i *insn) ends() bool {
	switch i.op {
	case "j", "jr", "ret", "ebreak":
		return true
	}
	return i.op == "jal" && len(i.args) == 2 && !i.back // to the fault gate
}

// writes returns the register written.
func (i *insn) writes() string {
	switch {
	case i.store(), i.branch(), i.ends(), i.back, i.op == "ecall", i.op == "fence", i.op == "nop":
		return ""
	case i.calls():
		return "ra"
	}
	return i.args[0]
}

// mentions reports whether a register is an operand.
func (i *insn) mentions(reg string) bool {
	for _, a := range i.args {
		if a == reg || strings.HasSuffix(a, "("+reg+")") {
			return true
		}
	}
	return false
}

// code is a function's machine code with what to hold it against.
type code struct {
	mod   *bpf.Module
	im    *compile.Image
	opts  *compile.Options
	fn    int
	insns []insn
	at    map[uint32]int
}

func disassemble(t *testing.T, mod *bpf.Module, im *compile.Image, target compile.Target, opts *compile.Options, fn int) *code {
	c := &code{mod: mod, im: im, opts: opts, fn: fn, at: map[uint32]int{}}
	f := im.Funcs[fn]
	for pc := f.Entry; pc < f.End; {
		text, size := target.Disasm(im.Code[pc:f.End], im.Base+uint64(pc))
		op, args, _ := strings.Cut(text, " ")
		in := insn{pc: pc, next: pc + uint32(size), op: op, to: -1}
		if args != "" {
			in.args = strings.Split(args, ",")
		}
		if strings.Contains("bj", op[:1]) && len(in.args) > 0 {
			if v, err := strconv.ParseUint(strings.TrimPrefix(in.args[len(in.args)-1], "0x"), 16, 64); err == nil {
				in.to = int64(v - im.Base)
			}
		}
		if op == "auipc" || op[0] == '.' {
			t.Fatalf("%s: unexpected %q", mod.Funcs[fn].Name, text)
		}
		s, ok := im.SiteAt(in.next)
		in.back = ok && s.Fault == engine.FaultFuel && s.Kind == compile.SiteFault
		c.at[pc] = len(c.insns)
		c.insns = append(c.insns, in)
		pc = in.next
	}
	return c
}

// succs returns where control goes in the function.
func (c *code) succs(i int) (list []int) {
	in := &c.insns[i]
	if !in.ends() && i+1 < len(c.insns) {
		list = append(list, i+1)
	}
	if in.branch() || in.op == "j" {
		if k, ok := c.at[uint32(in.to)]; ok {
			list = append(list, k)
		}
	}
	return list
}

func (c *code) any(f func(*insn) bool) bool {
	return slices.ContainsFunc(c.insns, func(in insn) bool { return f(&in) })
}

const nothing = " does nothing"

// check finds code for what the function does not use.
func (c *code) check() (errs []string) {
	bad := func(format string, args ...any) { errs = append(errs, fmt.Sprintf(format, args...)) }
	f := c.mod.Funcs[c.fn]
	calls := c.any((*insn).calls)
	gates := c.any(func(in *insn) bool { return in.op == "ecall" })
	if !f.ReachTailCall {
		// Property 4.
		for i := range c.insns {
			if in := &c.insns[i]; in.mentions("a6") || in.mentions("s10") || in.is("jr t0") {
				bad("%v: no tail call can be reached", in)
			}
		}
		if c.im.Funcs[c.fn].Entry != c.im.Funcs[c.fn].Body {
			bad("the entry is not the body: no tail call can be reached")
		}
	}
	var saved []string
	size := 0
	for i := range c.insns {
		in := &c.insns[i]
		switch w := in.writes(); {
		case w == "sp" && in.args[2][0] == '-':
			if size != 0 {
				bad("%v: a second frame", in)
			}
			size, _ = strconv.Atoi(in.args[2][1:])
		case in.is("sd t0,0(sp)") && slices.Contains(saved, "t0"): // the loops that may_goto counts
		case in.op == "sd" && strings.HasSuffix(in.args[1], "(sp)"):
			if slices.Contains(saved, in.args[0]) {
				bad("%v: saved twice", in)
			}
			saved = append(saved, in.args[0])
		case w == "s5" && !(calls && f.FrameSize > 0):
			bad("%v: no subprogram is called", in)
		case (in.op == "j" || in.branch()) && in.to == int64(in.next), in.op == "mv" && in.args[0] == in.args[1]:
			bad("%v%s", in, nothing)
		case in.mentions("s9") && !c.burns():
			bad("%v: nothing burns fuel", in)
		}
	}
	if want := (len(saved)*8 + 15) &^ 15; size != want {
		bad("a frame of %d bytes for %v", size, saved)
	}
	for _, r := range saved {
		needed := c.any(func(in *insn) bool {
			return in.writes() == r && !(in.op == "ld" && strings.HasSuffix(in.args[1], "(sp)"))
		})
		if r == "ra" {
			needed = calls || gates
		}
		if r != "a6" && !needed {
			bad("%s is saved, but not written", r)
		}
	}
	return append(append(errs, c.unreachable()...), c.tables()...)
}

// tables holds the tables that lead back to BPF against the code: lines by
// function, and what leaves the code against the instruction that it names.
func (c *code) tables() (errs []string) {
	f := c.mod.Funcs[c.fn]
	for i := range c.insns {
		in := &c.insns[i]
		line, ok := c.im.LineAt(in.pc)
		if !ok || int(line.Func) != c.fn || int(line.Insn) >= len(f.Insns) {
			errs = append(errs, fmt.Sprintf("%v: line %+v", in, line))
		}
		leaves := in.op == "ecall" || in.op == "jal" && len(in.args) == 2
		site, ok := c.im.SiteAt(in.next)
		if ok != leaves {
			errs = append(errs, fmt.Sprintf("%v: site %v, %+v", in, ok, site))
		}
		if !ok {
			continue
		}
		if int(site.Func) != c.fn || !siteFits(site, f, int(site.Insn)) {
			errs = append(errs, fmt.Sprintf("%v: site %+v of %+v", in, *site, f.Insns[site.Insn]))
		}
	}
	return errs
}

// siteFits reports whether an instruction can leave the code in this way.
func siteFits(s *compile.Site, f *bpf.Func, pc int) bool {
	in := &f.Insns[pc]
	class := in.Class()
	memory := class == bpf.ClassLDX || class == bpf.ClassST || class == bpf.ClassSTX
	switch s.Kind {
	case compile.SiteHelper:
		return in.Op == bpf.OpCall && in.Src == bpf.CallHelper && in.Imm == s.ID
	case compile.SiteKfunc:
		return in.Op == bpf.OpCall && in.Src == bpf.CallKfunc && in.Imm == s.ID
	case compile.SiteCallX:
		return in.Op == bpf.OpCallX
	}
	switch s.Fault {
	case engine.FaultAccess:
		return memory && in.Size() == int(s.Size)
	case engine.FaultMisalign:
		return memory && in.Size() == int(s.Size) && in.Mode() == bpf.ModeAtomic
	case engine.FaultBadCall:
		return in.IsTailCall()
	}
	call := in.Op == bpf.OpCall && in.Src == bpf.CallSubprog || in.Op == bpf.OpCallX
	return s.Fault == engine.FaultFuel && (in.IsTailCall() || call && f.CallsBurn || !call && in.JumpTarget(pc) <= pc)
}

// burns reports whether the function has anything that costs fuel.
func (c *code) burns() bool {
	f := c.mod.Funcs[c.fn]
	for pc := range f.Insns {
		in := &f.Insns[pc]
		if cl := in.Class(); (cl == bpf.ClassJMP || cl == bpf.ClassJMP32) && in.Op != bpf.OpExit && in.JmpOp() != bpf.JmpCall && in.JumpTarget(pc) <= pc {
			return true
		}
	}
	return f.CallsBurn || c.opts.Scheme == engine.Propagated && f.HasTailCall
}

// unreachable finds instructions that control never comes to.
func (c *code) unreachable() (errs []string) {
	seen := make([]bool, len(c.insns))
	work := []int{0}
	for len(work) > 0 {
		i := work[len(work)-1]
		work = work[:len(work)-1]
		if !seen[i] {
			seen[i] = true
			work = append(work, c.succs(i)...)
		}
	}
	for i := range seen {
		if !seen[i] {
			errs = append(errs, fmt.Sprintf("%v is never reached", &c.insns[i]))
		}
	}
	return errs
}

// checkModule compiles a module and checks its code.
func checkModule(t *testing.T, name string, mod *bpf.Module, march string, opts *compile.Options) (funcs int) {
	t.Helper()
	target, err := riscv64.New(march, riscv64.GateTrap)
	if err != nil {
		t.Fatal(err)
	}
	im, err := compile.Compile(mod, target, opts)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	all := make([]*code, len(mod.Funcs))
	for i := range mod.Funcs {
		all[i] = disassemble(t, mod, im, target, opts, i)
	}
	errs := func(i int, list []string) {
		for _, e := range list {
			if strings.HasPrefix(name, "seed") && strings.HasSuffix(e, nothing) {
				continue // a jump over an operation that turned out to do nothing, as no compiler writes it
			}
			t.Errorf("%s, %v, %s: %s: %s", name, opts.Scheme, march, mod.Funcs[i].Name, e)
		}
	}
	for i, c := range all {
		errs(i, c.check())
	}
	for i, list := range checkCount(all) {
		errs(i, list)
	}
	return len(all)
}

func codeOptions(scheme engine.Scheme, inline bool) *compile.Options {
	return &compile.Options{Scheme: scheme, Base: 0x40_0000, ArenaBase: 0x1000_0000, ArenaSize: 1 << 20, InlineLookup: inline,
		MapValue: func(i int) uint64 { return 0x1001_0000 }, Slots: func(i int) uint64 { return 0x7000_0000 },
		Descs: 0x7800_0000, FuncTable: 0x7801_0000}
}

// TestProperties4And5NoCodeForWhatIsNotUsed looks over the code of every committed object.
func TestProperties4And5NoCodeForWhatIsNotUsed(t *testing.T) {
	funcs, objects := 0, 0
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".o" {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if len(b) < 20 || b[18] != 247 { // EM_BPF
			return nil
		}
		spec, err := load.ELF(bytes.NewReader(b))
		if err != nil {
			t.Errorf("%s: %v", path, err)
			return nil
		}
		for i, scheme := range schemes {
			mod, _, err := load.CollectionWithOptions(spec, load.Options{KeepGoing: true})
			if err != nil {
				t.Logf("%s: %v", path, err)
				return nil
			}
			for _, m := range mod.Maps {
				m.Values, m.CPUValues, m.CPUSpan = 0x1001_0000, 0x1002_0000, 192
			}
			if len(mod.Funcs) == 0 {
				return nil // one whose programs are all refused
			}
			march := []string{"rv64gc", "rv64gc_zba_zbb"}[(objects+i)%2]
			funcs += checkModule(t, path, mod, march, codeOptions(scheme, objects%2 == 0))
		}
		objects++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if objects < 40 {
		t.Errorf("only %d objects", objects)
	}
	t.Logf("%d functions of %d objects", funcs, objects)
}

// TestProperties4And5NoCodeForWhatIsNotUsedAtRandom does so for generated programs.
func TestProperties4And5NoCodeForWhatIsNotUsedAtRandom(t *testing.T) {
	funcs := 0
	for seed := range uint64(240) {
		mod, err := progen.Generate(seed, progen.Default()).Module()
		if err != nil {
			t.Fatal(err)
		}
		opts := codeOptions(schemes[seed%2], false)
		if seed%4 < 2 {
			opts.HelperArgs = progen.HelperArgs
		}
		funcs += checkModule(t, fmt.Sprintf("seed %d", seed), mod, "rv64gc", opts)
	}
	t.Logf("%d functions", funcs)
}
