package hartrun_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rivetbpf/rivet/internal/bpfasm"
	"github.com/rivetbpf/rivet/internal/compile"
	"github.com/rivetbpf/rivet/internal/engine"
)

// Property 5: the listing has no load or store of the count that could be left
// out. checkCount decides that from the machine code alone, by function: no
// load where a6 holds the count on all ways there, none that nobody reads, no
// store that no load reads; in the shared scheme no load or store at all.
func checkCount(all []*code) [][]string {
	errs := make([][]string, len(all))
	destroys, reads := make([]bool, len(all)), make([]bool, len(all))
	if all[0].opts.Scheme == engine.Shared {
		for i, c := range all {
			for k := range c.insns {
				in := &c.insns[k]
				if in.mentions("a6") || in.mentions("s10") && in.op != "beqz" && !in.is("addi s10,s10,-1") {
					errs[i] = append(errs[i], fmt.Sprintf("%v: the count stays in s10", in))
				}
			}
		}
		return errs
	}
	// What a call destroys and reads depends on what is called: repeat until nothing changes.
	flows := make([]*countFlow, len(all))
	for changed := true; changed; {
		changed = false
		for i, c := range all {
			f := &countFlow{code: c, destroys: destroys, reads: reads}
			f.analyze()
			flows[i] = f
			if d, r := f.destroysCount(), f.readsCount(); d != destroys[i] || r != reads[i] {
				destroys[i], reads[i], changed = d, r, true
			}
		}
	}
	for i, f := range flows {
		errs[i] = f.check()
	}
	return errs
}

// countFlow follows a6 through a function.
type countFlow struct {
	*code
	destroys, reads []bool
	holds           []bool // before each instruction: a6 holds the count on all ways there
	live            []bool // behind each instruction: a6 may be read before it is written
}

func (f *countFlow) analyze() {
	n := len(f.insns)
	f.holds, f.live = make([]bool, n), make([]bool, n)
	for i := range f.holds {
		f.holds[i] = true
	}
	for changed := true; changed; {
		changed = false
		for i := range f.insns {
			out := f.after(i)
			for _, s := range f.succs(i) {
				if f.holds[s] && !out {
					f.holds[s], changed = false, true
				}
			}
		}
		for i := n - 1; i >= 0; i-- {
			live := false
			for _, s := range f.succs(i) {
				live = live || f.reader(s) || f.live[s] && !f.writer(s)
			}
			if live != f.live[i] {
				f.live[i], changed = live, true
			}
		}
	}
}

// callees returns the functions that a call may reach.
func (f *countFlow) callees(in *insn) (list []int) {
	for i, fn := range f.mod.Funcs {
		if in.op == "jal" && int64(f.im.Funcs[i].Body) == in.to || in.op == "jalr" && fn.AddrTaken {
			list = append(list, i)
		}
	}
	return list
}

func (f *countFlow) anyCallee(in *insn, set []bool) bool {
	for _, i := range f.callees(in) {
		if set[i] {
			return true
		}
	}
	return false
}

// after reports whether a6 holds the count behind instruction i.
func (f *countFlow) after(i int) bool {
	switch in := &f.insns[i]; {
	case in.op == "ecall", in.calls() && f.anyCallee(in, f.destroys):
		return false
	case in.writes() == "a6":
		return true
	}
	return f.holds[i]
}

func (f *countFlow) reader(i int) bool {
	in := &f.insns[i]
	if in.calls() {
		return f.anyCallee(in, f.reads)
	}
	return in.is("jr t0") || in.mentions("a6") && (in.writes() != "a6" || in.op == "addi") && in.op != "sd"
}

func (f *countFlow) writer(i int) bool {
	in := &f.insns[i]
	return in.writes() == "a6" || in.op == "ecall" || in.calls() && f.anyCallee(in, f.destroys)
}

// destroysCount reports whether a6 may not hold the caller's count on return.
func (f *countFlow) destroysCount() bool {
	return f.any(func(in *insn) bool {
		return in.op == "ecall" || in.writes() == "a6" && !in.is("li a6,33") || in.calls() && f.anyCallee(in, f.destroys)
	})
}

// readsCount reports whether the body reads the a6 that it is given.
func (f *countFlow) readsCount() bool {
	i := f.at[f.im.Funcs[f.fn].Body]
	stored := f.any(func(in *insn) bool { return in.op == "sd" && in.args[0] == "a6" })
	return stored || f.reader(i) || f.live[i] && !f.writer(i)
}

func (f *countFlow) check() (errs []string) {
	bad := func(in *insn, why string) { errs = append(errs, fmt.Sprintf("%v: %s", in, why)) }
	stores, loads := map[string]*insn{}, map[string]bool{}
	for i := range f.insns {
		in := &f.insns[i]
		switch {
		case in.is("li a6,33"):
			if i != 0 || !f.mod.Funcs[f.fn].Entry {
				bad(in, "only an entry's first instruction sets the count")
			}
		case in.op == "ld" && in.args[0] == "a6":
			loads[in.args[1]] = true
			if f.holds[i] {
				bad(in, "a6 holds the count already")
			}
			if !f.live[i] {
				bad(in, "nothing reads it")
			}
		case in.op == "sd" && in.args[0] == "a6":
			if stores[in.args[1]] != nil || len(stores) > 0 {
				bad(in, "a second store")
			}
			stores[in.args[1]] = in
			if !f.holds[i] {
				bad(in, "a6 need not hold the count")
			}
		case in.mentions("a6") && in.op != "beqz" && !in.is("addi a6,a6,-1"):
			bad(in, "an unknown use of the count")
		}
	}
	for at, in := range stores {
		if !loads[at] {
			bad(in, "no load reads it")
		}
	}
	for at := range loads {
		if stores[at] == nil {
			errs = append(errs, fmt.Sprintf("the count is loaded from %s, but not stored there", at))
		}
	}
	return errs
}

// TestProperty5ChecksSee makes sure that the check sees what it is for: code of
// one module with the loads and stores that other cases need.
func TestProperty5ChecksSee(t *testing.T) {
	u, err := bpfasm.Assemble(`
		.map jump prog_array 4 4 8
		mov %r6, %r1
		call 7
		mov %r1, %r6
		lddw %r2, map(jump)
		mov %r3, 0
		call 12
		mov %r0, 1
		exit`)
	if err != nil {
		t.Fatal(err)
	}
	mod, err := u.Module()
	if err != nil {
		t.Fatal(err)
	}
	if checkModule(t, "as compiled", mod, "rv64gc", codeOptions(engine.Propagated, false)) != 1 {
		t.Error("more than one function")
	}
	good := []string{"li a6,33", "sd a6,0(sp)", "ecall", "ld a6,0(sp)", "beqz a6,0x40002a", "addi a6,a6,-1", "jr t0"}
	for want, change := range map[string]func([]string) []string{
		"a6 holds the count already": func(l []string) []string { return append(l[:2:2], l[3:]...) },
		"nothing reads it":           func(l []string) []string { return append(l[:4:4], "ret") },
		"no load reads it":           func(l []string) []string { return append(l[:3:3], "ret") },
		"but not stored there":       func(l []string) []string { return append(l[:1:1], l[2:]...) },
		"a second store":             func(l []string) []string { return append(l[:2:2], l[1:]...) },
		"only an entry's first":      func(l []string) []string { return append(l[:2:2], l[0:]...) },
		"an unknown use":             func(l []string) []string { return append(l[:2:2], "mv a0,a6", "ret") },
	} {
		c := text(change(good))
		c.mod, c.opts = mod, codeOptions(engine.Propagated, false)
		got := fmt.Sprint(checkCount([]*code{c}))
		if !strings.Contains(got, want) {
			t.Errorf("found %v, want %q", got, want)
		}
	}
}

// text makes code of a function of instructions in a row.
func text(lines []string) *code {
	c := &code{at: map[uint32]int{}, im: &compile.Image{Funcs: []compile.FuncCode{{Body: 4}}}}
	for i, l := range lines {
		op, args, _ := strings.Cut(l, " ")
		in := insn{pc: uint32(4 * i), next: uint32(4*i + 4), op: op, to: -1}
		if args != "" {
			in.args = strings.Split(args, ",")
		}
		c.at[in.pc] = i
		c.insns = append(c.insns, in)
	}
	return c
}
