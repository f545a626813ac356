// Package progen makes random programs for differential tests. They have the
// shape that Linux's verifier accepts: registers are written before they are
// read, R1 to R5 are dead after calls, loops are counted, accesses lie in
// memory that exists. So every result is defined and engines must agree on
// it. A chosen share of the programs also does what the verifier cannot refuse
// in an unverified world: accesses outside memory, misaligned atomics, calls of
// what is no function; there engines must agree on the fault.
package progen

import (
	"fmt"
	"slices"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/load"
)

// ArenaSize is the size of the arena that programs are made for: they probe its end.
const ArenaSize = 256 << 10

// StackSize is enough for 34 chains of 8 frames of 512 bytes each.
const StackSize = 34 * bpf.MaxFrames * bpf.MaxStack

// MemSize is the size of the buffer that R1 of every program points to.
const MemSize = 128

// Stmt is a kind of statement, to weigh it with.
type Stmt int

const (
	StmtALU     Stmt = iota
	StmtLoad         // plain load from the stack, the buffer, a map's value
	StmtStore        // plain store to it
	StmtAtomic       // atomic operations, load-acquire, store-release
	StmtPointer      // makes a pointer, perhaps with a variable offset
	StmtIf
	StmtLoop
	StmtBreak // conditional jump out of blocks and loops
	StmtExit  // conditional exit
	StmtSkip  // jump over unreachable code, jump to the next instruction
	StmtCall
	StmtCallX
	StmtHelper
	StmtMap // lookup or update
	StmtTailCall
	StmtFault // in programs that may fault
	numStmts
)

// Config says what programs look like.
type Config struct {
	Statements int // of the whole module, about
	Programs   int // at most
	Funcs      int // subprograms, at most
	Faulty     int // percent of modules that may fault
	Cost       int // instructions that a run executes at most, about, not counting tail calls
	Fuel       int // of modules that are not to run out of it
	Weights    [numStmts]int
}

// Default is a good mixture.
func Default() Config {
	return Config{Statements: 40, Programs: 3, Funcs: 6, Faulty: 20, Cost: 2500, Fuel: 20_000, Weights: [numStmts]int{
		StmtALU: 40, StmtLoad: 10, StmtStore: 12, StmtAtomic: 8, StmtPointer: 6, StmtIf: 9, StmtLoop: 4,
		StmtBreak: 3, StmtExit: 1, StmtSkip: 1, StmtCall: 5, StmtCallX: 3, StmtHelper: 4, StmtMap: 3, StmtTailCall: 4,
		StmtFault: 3,
	}}
}

// Mixtures are configurations that lay weight on different things, Default among them.
func Mixtures() map[string]Config {
	large, faulty, calls, mem := Default(), Default(), Default(), Default()
	large.Statements, large.Programs, large.Funcs, large.Cost = 400, 5, 15, 20_000
	faulty.Faulty = 100
	faulty.Weights[StmtFault] = 15
	calls.Fuel = 2000
	calls.Weights[StmtTailCall], calls.Weights[StmtCall], calls.Weights[StmtCallX] = 20, 15, 10
	mem.Weights[StmtAtomic], mem.Weights[StmtPointer], mem.Weights[StmtLoad] = 40, 30, 30
	return map[string]Config{"default": Default(), "large": large, "faulty": faulty, "calls": calls, "memory": mem}
}

// Slot says which program a slot of a program array holds.
type Slot struct {
	Map, Index, Program int
}

// Program is a generated module, ready to be loaded and run: program 0, with
// R1 pointing to Mem and its length in R2.
type Program struct {
	Raw    []load.RawProgram
	Maps   []bpf.Map
	Init   [][]byte // by map: the values' first contents; nil for program arrays
	Slots  []Slot
	Kfuncs []string
	Mem    []byte
	Fuel   int64
}

// Module loads the program.
func (p *Program) Module() (*bpf.Module, error) {
	maps := make([]*bpf.Map, len(p.Maps))
	for i := range p.Maps {
		m := p.Maps[i]
		maps[i] = &m
	}
	return load.Programs(p.Raw, maps, p.Kfuncs)
}

// Insns returns how many instruction slots the program has.
func (p *Program) Insns() int {
	n := 0
	for i := range p.Raw {
		n += len(p.Raw[i].Insns)
	}
	return n
}

// Stride is the distance between two values of an array map.
func Stride(m *bpf.Map) int { return (int(m.ValueSize) + 7) &^ 7 }

// CPUs is how many processors per-CPU arrays have values for, and CPU the one that runs are on.
const (
	CPUs = 3
	CPU  = 1
)

// Span is how far the values of two processors are apart in a per-CPU array.
func Span(m *bpf.Map) int { return (Stride(m)*int(m.MaxEntries) + 63) &^ 63 }

// Generate makes the program of a seed: the same one for ever, as long as this package stays the same.
func Generate(seed uint64, cfg Config) *Program {
	return generate(&source{state: mix(seed)}, cfg)
}

// FromBytes lets a fuzzer's bytes take the decisions.
func FromBytes(data []byte, cfg Config) *Program {
	return generate(&source{data: data}, cfg)
}

// Helpers and kfuncs that programs call besides the first three of Linux.
const (
	HelperScalar = 1000 // + n: takes n scalars (0 to 5)
	HelperFill   = 1010 // writes R2 bytes at R1
	HelperSum    = 1011 // reads R2 bytes at R1
	HelperFail   = 1020 // fails
	HelperUnwind = 1021 // ends the run
)

// kfuncArgs is how many arguments each kfunc takes.
var kfuncArgs = []int{1, 4}

var kfuncNames = []string{"progen_one", "progen_four"}

// HelperArgs returns how many of R1 to R5 a helper or kfunc reads.
func HelperArgs(kind uint8, id int32) int {
	switch {
	case kind == bpf.CallKfunc:
		if id >= 0 && int(id) < len(kfuncArgs) {
			return kfuncArgs[id]
		}
		return 5
	case id >= HelperScalar && id <= HelperScalar+5:
		return int(id - HelperScalar)
	}
	switch id {
	case 1, 3, HelperFill, HelperSum:
		return 2
	case 2:
		return 4
	case HelperFail, HelperUnwind:
		return 1
	}
	return 5
}

// arg is what a subprogram gets in a register.
type arg int

const (
	argScalar arg = iota
	argCtx        // the buffer
	argMem        // pointer to argMemSize bytes, aligned to 8
)

const argMemSize = 16

// function is one function of the module being made.
type function struct {
	name    string
	entry   bool
	level   int // calls go to higher levels only, so the call graph has no cycle
	args    []arg
	stack   int  // bytes it may use
	taken   bool // its address may be taken
	tail    bool // it may tail-call
	insns   []bpf.Insn
	refs    []ref
	cost    int // instructions executed at most
	emitted bool
}

// ref is a call or an address of a function, to be resolved by link.
type ref struct {
	slot   int
	callee *function
}

func (f *function) has(a arg) bool {
	for _, x := range f.args {
		if x == a {
			return true
		}
	}
	return false
}

// gen makes one module.
type gen struct {
	*source
	cfg      Config
	p        *Program
	faulty   bool
	programs []*function
	subs     []*function // by falling level
	data     []int       // maps with one value whose address instructions hold
	arrays   []int       // maps to look values up in
	tables   []int       // program arrays
	last     int         // highest level of a function
}

func generate(s *source, cfg Config) *Program {
	g := &gen{source: s, cfg: cfg, p: &Program{Kfuncs: kfuncNames, Fuel: int64(cfg.Fuel)}}
	g.faulty = g.chance(cfg.Faulty)
	if g.faulty && g.chance(20) {
		g.p.Fuel = int64(g.between(1, 60))
	}
	g.maps()
	g.plan()
	share := max(3, cfg.Statements/(len(g.programs)+len(g.subs)))
	for _, f := range g.subs {
		g.body(f, share)
	}
	for _, f := range g.programs {
		g.body(f, share)
	}
	for i, f := range g.programs {
		g.p.Raw = append(g.p.Raw, g.link(i, f))
	}
	g.p.Mem = g.bytes(MemSize)
	return g.p
}

func (g *gen) bytes(n int) []byte {
	b := make([]byte, n)
	s := source{state: g.u64()}
	for i := range b {
		b[i] = byte(s.next())
	}
	return b
}

func (g *gen) maps() {
	add := func(kind string, m bpf.Map) int {
		i := len(g.p.Maps)
		m.Name, m.KeySize = fmt.Sprintf("%s%d", kind, i), 4
		g.p.Maps = append(g.p.Maps, m)
		var init []byte
		switch m.Type {
		case bpf.MapTypeArray:
			init = g.bytes(Stride(&m) * int(m.MaxEntries))
		case bpf.MapTypePerCPUArray:
			init = g.bytes(CPUs * Span(&m))
		}
		g.p.Init = append(g.p.Init, init)
		return i
	}
	for range g.between(1, 2) {
		g.data = append(g.data, add("data", bpf.Map{Type: bpf.MapTypeArray, ValueSize: uint32(g.between(4, 32) * 8), MaxEntries: 1}))
	}
	for range g.between(1, 2) {
		g.arrays = append(g.arrays, add("array", bpf.Map{Type: bpf.MapTypeArray, ValueSize: uint32(g.between(4, 48)), MaxEntries: uint32(g.between(1, 6))}))
	}
	if g.chance(50) {
		g.arrays = append(g.arrays, add("percpu", bpf.Map{Type: bpf.MapTypePerCPUArray, ValueSize: uint32(g.between(4, 48)), MaxEntries: uint32(g.between(1, 6))}))
	}
	for range g.between(1, 2) {
		g.tables = append(g.tables, add("jump", bpf.Map{Type: bpf.MapTypeProgArray, ValueSize: 4, MaxEntries: uint32(g.between(1, 6))}))
	}
}

// plan decides which functions there are, and divides the stack among the
// levels so that no chain of calls has more than Linux allows.
func (g *gen) plan() {
	levels := g.between(1, bpf.MaxFrames)
	budget := make([]int, levels)
	above := make([]int, levels)
	left := bpf.MaxStack / 16
	for l := range budget {
		above[l] = bpf.MaxStack - left*16
		n := left
		if rest := levels - l; rest > 1 {
			n = g.between(0, min(left, 2*left/rest))
		}
		budget[l] = n * 16
		left -= n
	}
	for i := range g.between(1, g.cfg.Programs) {
		g.programs = append(g.programs, &function{name: fmt.Sprintf("prog%d", i), entry: true,
			args: []arg{argCtx}, stack: budget[0], tail: g.chance(70)})
	}
	if levels > 1 {
		for i := range g.below(g.cfg.Funcs + 1) {
			l := g.between(1, levels-1)
			f := &function{name: fmt.Sprintf("f%d", i), level: l, stack: budget[l], tail: above[l] < bpf.MaxTailStack && g.chance(50)}
			for range g.below(6) {
				f.args = append(f.args, arg(g.below(3)))
			}
			if f.tail && !f.has(argCtx) {
				f.args = append(f.args[:min(len(f.args), 4)], argCtx)
			}
			g.subs = append(g.subs, f)
		}
	}
	g.takeAddresses()
	g.fillSlots()
}

// takeAddresses chooses the functions that indirect calls may reach: the ones
// of the last level, so that the graph with all those edges has no cycle.
func (g *gen) takeAddresses() {
	for _, f := range g.subs {
		g.last = max(g.last, f.level)
	}
	for _, f := range g.subs {
		f.taken = f.level == g.last
	}
	// Bodies are made callees first: what a call costs must be known.
	slices.SortStableFunc(g.subs, func(a, b *function) int { return b.level - a.level })
}

func (g *gen) fillSlots() {
	for _, t := range g.tables {
		for i := range int(g.p.Maps[t].MaxEntries) {
			if g.chance(75) {
				g.p.Slots = append(g.p.Slots, Slot{t, i, g.below(len(g.programs))})
			}
		}
	}
	// Program 0 gets the buffer's length when nothing can tail-call it.
	for _, s := range g.p.Slots {
		if s.Program == 0 {
			return
		}
	}
	g.programs[0].args = append(g.programs[0].args, argScalar)
}

// link puts a program and the subprograms that it reaches one after the other,
// as raw bytecode has them: calls and references are distances.
func (g *gen) link(i int, f *function) load.RawProgram {
	r := load.RawProgram{Name: f.name, Type: "XDP", Names: map[int]string{}}
	at := map[*function]int{f: 0}
	list := []*function{f}
	size := len(f.insns)
	for n := 0; n < len(list); n++ {
		for _, c := range list[n].refs {
			if _, ok := at[c.callee]; !ok {
				at[c.callee] = size
				r.Names[size] = c.callee.name
				size += len(c.callee.insns)
				list = append(list, c.callee)
			}
		}
	}
	for _, f := range list {
		start := len(r.Insns)
		r.Insns = append(r.Insns, f.insns...)
		for _, c := range f.refs {
			slot := start + c.slot
			r.Insns[slot].Imm = int32(at[c.callee] - slot - 1)
		}
	}
	return r
}
