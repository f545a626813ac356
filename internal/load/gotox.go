package load

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet/internal/bpf"
)

// Jumps through tables. Since version 22 clang makes of a switch a load from a table in section .jumptables, and
// gotox, which jumps to what was loaded. An entry here is a slot, counted in its function (package objfile makes it that);
// programs can do nothing else with it than jump. The jump becomes comparisons with the entries of the tables that the
// function refers to, so that engines know nothing of it, and a value that is in none of them faults.
const (
	opGotoX           = bpf.ClassJMP | bpf.SrcX // BPF_JMP | BPF_JA | BPF_X
	jumpTablesSection = ".jumptables"
	maxTargets        = 4096
)

// jumpTables are an object's tables.
type jumpTables struct {
	m       int               // index of their map
	entries map[uint32][]byte // by offset in the section
	data    []byte
}

// jumpTablesOf finds the tables of a spec, nil when it has none.
func (c *collection) jumpTablesOf(spec *ebpf.CollectionSpec) *jumpTables {
	m := spec.Maps[jumpTablesSection]
	if m == nil || len(m.Contents) != 1 {
		return nil
	}
	data, ok := m.Contents[0].Value.([]byte)
	if !ok {
		return nil
	}
	t := &jumpTables{m: c.info.MapIndex[jumpTablesSection], entries: map[uint32][]byte{}, data: data}
	for _, v := range spec.Variables {
		if end := uint64(v.Offset) + uint64(v.Size()); v.SectionName == jumpTablesSection && end <= uint64(len(data)) {
			t.entries[v.Offset] = data[v.Offset:end]
		}
	}
	return t
}

// targets returns the slots, counted in the function, to which the tables that slots start to end refer to lead.
func (u *unit) targets(start, end int) []int32 {
	var slots []int32
	seen := map[uint32]bool{}
	for pc := start; pc+1 < end; pc++ {
		in := u.insns[pc]
		if !in.IsLDDW() {
			continue
		}
		pc++
		off := uint32(u.insns[pc].Imm)
		if in.Src != bpf.LoadMapValue || int(in.Imm) != u.tables.m || seen[off] {
			continue
		}
		seen[off] = true
		table, ok := u.tables.entries[off]
		if !ok && uint64(off) <= uint64(len(u.tables.data)) {
			table = u.tables.data[off:]
		}
		for ; len(table) >= 8; table = table[8:] {
			slot := binary.LittleEndian.Uint64(table)
			if slot < uint64(end-start) && (slot == 0 || !u.insns[start+int(slot)-1].IsLDDW()) {
				slots = append(slots, int32(slot))
			}
		}
	}
	slices.Sort(slots)
	return slices.Compact(slots)
}

// throughTable returns what gotox becomes.
func (u *unit) throughTable(pc int, in bpf.Insn) (*lowered, error) {
	if in.Src != 0 || in.Off != 0 || in.Imm != 0 || in.Dst > bpf.R10 {
		return nil, fmt.Errorf("indirect jump (gotox): reserved fields must be 0")
	}
	start, end := u.bounds(pc)
	targets := u.targets(start, end)
	if len(targets) == 0 || len(targets) > maxTargets {
		return nil, fmt.Errorf("indirect jump (gotox): the function's jump tables have %d targets, must be between 1 and %d", len(targets), maxTargets)
	}
	l := &lowered{}
	l.search(in.Dst, start, targets)
	return l, nil
}

// search compares reg with the targets: by halves, and with the last few one by one.
func (l *lowered) search(reg uint8, start int, targets []int32) {
	const few = 6
	if len(targets) > few {
		half := len(targets) / 2
		jump := len(l.insns)
		l.add(here, bpf.Insn{Op: bpf.ClassJMP | bpf.JmpJGT, Dst: reg, Imm: targets[half-1]})
		l.search(reg, start, targets[:half])
		l.insns[jump].Off = int16(len(l.insns) - jump - 1)
		l.search(reg, start, targets[half:])
		return
	}
	for _, t := range targets {
		l.add(start+int(t), bpf.Insn{Op: bpf.ClassJMP | bpf.JmpJEQ, Dst: reg, Imm: t})
	}
	l.add(here,
		bpf.Insn{Op: bpf.OpMovX, Dst: bpf.R1, Src: reg},
		bpf.Insn{Op: bpf.OpCall, Imm: bpf.HelperNoTarget},
		bpf.Insn{Op: bpf.OpMovK, Dst: bpf.R0},
		bpf.Insn{Op: bpf.OpExit})
}

// bounds returns the first slot of the function that slot pc is in, and the one behind its last.
func (u *unit) bounds(pc int) (start, end int) {
	end = len(u.insns)
	note := func(at int) {
		if at <= pc {
			start = max(start, at)
		} else {
			end = min(end, at)
		}
	}
	for at := range u.insns {
		if in := &u.insns[at]; isFuncRef(in) && (at == 0 || !u.insns[at-1].IsLDDW()) {
			if t := int64(at) + 1 + int64(in.Imm); t >= 0 && t < int64(len(u.insns)) {
				note(int(t))
			}
		}
	}
	return start, end
}
