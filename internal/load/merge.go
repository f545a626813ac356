package load

import (
	"fmt"
	"slices"

	"github.com/rivetbpf/rivet/internal/bpf"
)

// maxIndices is how many maps or functions handles can name.
const maxIndices = 1 << 20

// merger joins units into a module. A function that came with several programs
// (cilium/ebpf gives each program its own copy of every subprogram) is kept
// once. Entry points are never merged with subprograms: an entry point is
// never called, so it alone needs what a run or a tail call starts with.
type merger struct {
	module *bpf.Module
	byName map[string][]int // subprograms
	facts  []fn             // by function: name, callees and facts
}

func newMerger(maps []*bpf.Map) *merger {
	return &merger{module: &bpf.Module{Maps: maps}, byName: map[string][]int{}}
}

// add moves the functions of a prepared unit into the module.
func (m *merger) add(u *unit) {
	index := make([]int, len(u.funcs))
	order, _ := u.order() // was checked before; callees come last
	for _, i := range slices.Backward(order) {
		f := &u.funcs[i]
		for _, pc := range f.refs {
			if in := &u.insns[pc]; isFuncRef(in) {
				in.Imm = int32(index[in.Imm])
			}
		}
		for n, c := range f.callees {
			f.callees[n] = index[c]
		}
		slices.Sort(f.callees)
		if i == 0 {
			index[i] = m.append(f, true)
		} else {
			index[i] = m.subprogram(f)
		}
	}
	m.module.Programs = append(m.module.Programs, &bpf.Program{
		Name: u.name, Type: u.typ, Section: u.section, Func: index[0]})
}

// subprogram returns the index of f in the module, where an equal function may be already.
func (m *merger) subprogram(f *fn) int {
	for _, i := range m.byName[f.name] {
		if slices.Equal(m.module.Funcs[i].Insns, f.insns) {
			m.facts[i].addr = m.facts[i].addr || f.addr
			return i
		}
	}
	i := m.append(f, false)
	m.byName[f.name] = append(m.byName[f.name], i)
	return i
}

func (m *merger) append(f *fn, entry bool) int {
	i := len(m.module.Funcs)
	m.module.Funcs = append(m.module.Funcs, &bpf.Func{
		Name: f.name, Index: i, Insns: f.insns, Lines: f.lines, Entry: entry,
		HasTailCall: f.tailCall, StackUsed: f.stackUsed, FrameSize: f.frameSize, NumArgs: f.numArgs})
	m.facts = append(m.facts, *f)
	return i
}

// finish completes what the whole module decides: an indirect call can reach
// functions of other programs, whose addresses a map may hold.
func (m *merger) finish() (*bpf.Module, error) {
	if n := max(len(m.module.Funcs), len(m.module.Maps)); n > maxIndices {
		return nil, fmt.Errorf("%d functions or maps: at most %d are allowed", n, maxIndices)
	}
	all := &unit{name: "all programs", funcs: m.facts}
	order, err := all.order()
	if err != nil {
		return nil, fmt.Errorf("over all programs, whose indirect calls may reach each other's functions: %w", err)
	}
	if err := all.checkDepth(order); err != nil {
		return nil, fmt.Errorf("over all programs, whose indirect calls may reach each other's functions: %w", err)
	}
	taken := int64(0)
	for _, i := range slices.Backward(order) {
		f, g := &m.facts[i], m.module.Funcs[i]
		f.reachTail = f.tailCall
		for _, c := range f.callees {
			f.reachTail = f.reachTail || m.facts[c].reachTail
		}
		g.Callees, g.ReachTailCall = f.callees, f.reachTail
		g.AddrTaken = f.addr
		if m.setWork(i, taken); f.addr {
			taken = max(taken, g.Work)
		}
	}
	return m.module, nil
}
