package load

import (
	"fmt"
	"slices"

	"github.com/rivetbpf/rivet/internal/bpf"
)

// Src of a 64-bit immediate load as programs arrive (enum of BPF_PSEUDO_* in
// Linux's uapi/linux/bpf.h; RFC 9669, section 5.4). The four others have the
// values that a [bpf.Module] uses.
const (
	pseudoBTFID       = 3
	pseudoMapIdx      = 5
	pseudoMapIdxValue = 6
)

// unit is one program on its way into a module: its functions one after the
// other, calls relative as Linux takes them, maps and kfuncs already by index.
type unit struct {
	name, typ, section string
	insns              []bpf.Insn
	names              map[int]string // function names by slot
	lines              []bpf.Line     // sorted, slots of the whole program
	maps               []*bpf.Map
	kfuncs             int // how many kfuncs there are
	tables             *jumpTables

	funcs []fn
	refs  []int32 // slots of calls and loads that resolve has work with
	jumps []int32 // slots of jumps, counted in their function
	// mark holds -1 at the second slot of a 64-bit immediate load, i+1 where
	// function i begins, and 0 elsewhere.
	mark []int32
}

// fn is one function of a unit.
type fn struct {
	name    string
	start   int // slot in the unit
	insns   []bpf.Insn
	lines   []bpf.Line
	refs    []int32 // part of the unit's
	jumps   []int32 // part of the unit's
	callees []int   // indices into the unit's functions
	addr    bool    // its address is taken

	facts
}

// prepare takes a unit from raw instructions to functions that are valid,
// resolved against each other and analysed.
func (u *unit) prepare() error {
	if err := u.lower(); err != nil {
		return err
	}
	if err := u.split(); err != nil {
		return err
	}
	for i := range u.funcs {
		if err := u.validate(&u.funcs[i]); err != nil {
			return err
		}
	}
	for i := range u.funcs {
		u.resolve(&u.funcs[i])
	}
	order, err := u.order()
	if err != nil {
		return err
	}
	u.analyse(order)
	return u.checkDepth(order)
}

// split finds the functions: each begins at slot 0 or where a call or a
// function reference points, and ends where the next one begins.
func (u *unit) split() error {
	switch n := len(u.insns); {
	case n == 0:
		return fmt.Errorf("there are no instructions")
	case n > bpf.MaxInsns:
		return fmt.Errorf("%d instructions, with all functions that it calls: at most %d are allowed", n, bpf.MaxInsns)
	}
	u.mark = make([]int32, len(u.insns))
	starts := u.markStarts()
	if len(starts) > bpf.MaxFuncs {
		return fmt.Errorf("%d functions: at most %d are allowed in a program", len(starts), bpf.MaxFuncs)
	}
	u.funcs = make([]fn, len(starts))
	lines, refs := u.lines, u.refs
	for i, start := range starts {
		end := len(u.insns)
		if i+1 < len(starts) {
			end = int(starts[i+1])
		}
		u.mark[start] = int32(i + 1)
		f := &u.funcs[i]
		f.name, f.start = u.nameAt(int(start)), int(start)
		f.insns = u.insns[start:end:end]
		f.lines, lines = takeLines(lines, f.start, end)
		n := 0
		for n < len(refs) && int(refs[n]) < end {
			n++
		}
		f.refs, refs = refs[:n:n], refs[n:]
	}
	return nil
}

// markStarts marks second slots, and returns where functions start, in order.
// Targets out of range or inside an immediate are left to validation, which
// can name them.
func (u *unit) markStarts() (starts []int32) {
	for pc := 0; pc < len(u.insns); pc++ {
		in := &u.insns[pc]
		switch in.Op {
		case bpf.OpCall:
			if in.Src == bpf.CallSubprog || in.IsTailCall() {
				u.refs = append(u.refs, int32(pc))
			}
		case bpf.OpCallX:
			u.refs = append(u.refs, int32(pc))
		case bpf.OpLDDW:
			if in.Src >= bpf.LoadFunc {
				u.refs = append(u.refs, int32(pc))
			}
			if pc++; pc < len(u.insns) {
				u.mark[pc] = -1
			}
		}
	}
	starts = append(starts, 0)
	u.mark[0] = 1
	for _, pc := range u.refs {
		in := &u.insns[pc]
		if !isFuncRef(in) {
			continue
		}
		if t := int64(pc) + 1 + int64(in.Imm); t >= 0 && t < int64(len(u.insns)) && u.mark[t] == 0 {
			u.mark[t] = 1
			starts = append(starts, int32(t))
		}
	}
	slices.Sort(starts)
	return starts
}

func (u *unit) nameAt(pc int) string {
	if n := u.names[pc]; n != "" {
		return n
	}
	if pc == 0 {
		return u.name
	}
	return fmt.Sprintf("sub_%d", pc)
}

// takeLines cuts the lines of slots start to end off the front of lines and
// makes them relative to start.
func takeLines(lines []bpf.Line, start, end int) (mine, rest []bpf.Line) {
	n := 0
	for n < len(lines) && lines[n].Insn < end {
		lines[n].Insn -= start
		n++
	}
	return lines[:n:n], lines[n:]
}

// funcAt returns the index of the function that begins delta slots after slot
// pc's successor, both counted in the unit; ok is false when none does.
func (u *unit) funcAt(pc int, delta int32) (i int, ok bool) {
	t := int64(pc) + 1 + int64(delta)
	if t < 0 || t >= int64(len(u.mark)) || u.mark[t] <= 0 {
		return 0, false
	}
	return int(u.mark[t]) - 1, true
}

// isFuncRef reports whether in calls a function or loads a reference to one.
func isFuncRef(in *bpf.Insn) bool {
	return in.Op == bpf.OpCall && in.Src == bpf.CallSubprog || in.Op == bpf.OpLDDW && in.Src == bpf.LoadFunc
}

// resolve turns relative calls and function references of f into indices, and
// collects its callees. The older spellings of one thing become the newer.
func (u *unit) resolve(f *fn) {
	for _, pc := range f.refs {
		in := &u.insns[pc]
		switch {
		case isFuncRef(in):
			t, _ := u.funcAt(int(pc), in.Imm)
			in.Imm = int32(t)
			f.callees = append(f.callees, t)
			u.funcs[t].addr = u.funcs[t].addr || in.Op == bpf.OpLDDW
		case in.Op == bpf.OpCall:
			f.tailCall = true
		case in.Op == bpf.OpCallX:
			f.callX = true
			if in.Imm != 0 { // clang before version 19
				in.Dst, in.Imm = uint8(in.Imm), 0
			}
		case in.Src == pseudoMapIdx:
			in.Src = bpf.LoadMap
		case in.Src == pseudoMapIdxValue:
			in.Src = bpf.LoadMapValue
		}
	}
}
