package load

import (
	"fmt"
	"math"

	"github.com/rivetbpf/rivet/internal/bpf"
)

// lowered is what one instruction becomes. to holds, for each, the slot of the unit that its jump goes to, or
// here where Off is right already.
type lowered struct {
	insns []bpf.Insn
	to    []int
}

const here = -1

func (l *lowered) add(to int, insns ...bpf.Insn) {
	for _, in := range insns {
		l.insns, l.to = append(l.insns, in), append(l.to, to)
	}
}

// lower puts several instructions in place of some that engines do not know: loads from a packet, and jumps
// through tables. What lies behind moves, and jumps, calls and lines with it.
func (u *unit) lower() error {
	becomes := map[int]*lowered{}
	for pc, in := range u.insns {
		if pc > 0 && u.insns[pc-1].IsLDDW() {
			continue
		}
		l, err := u.lowerInsn(pc, in)
		if err != nil {
			return fmt.Errorf("insn %d: %w", pc, err)
		}
		if l != nil {
			becomes[pc] = l
		}
	}
	if len(becomes) == 0 {
		return nil
	}
	at := make([]int32, len(u.insns)+1) // where each slot goes
	for pc := range u.insns {
		at[pc+1] = at[pc] + 1
		if l := becomes[pc]; l != nil {
			at[pc+1] = at[pc] + int32(len(l.insns))
		}
	}
	insns := make([]bpf.Insn, 0, at[len(u.insns)])
	for pc, in := range u.insns {
		var err error
		if l := becomes[pc]; l != nil {
			err = l.place(pc, at)
			insns = append(insns, l.insns...)
		} else {
			err = u.moveTarget(pc, &in, at)
			insns = append(insns, in)
		}
		if err != nil {
			return err
		}
	}
	u.insns = insns
	u.moveNames(at)
	return nil
}

// lowerInsn returns what an instruction becomes, nil for one that stays.
func (u *unit) lowerInsn(pc int, in bpf.Insn) (*lowered, error) {
	switch {
	case isPacketLoad(in):
		if err := checkPacketLoad(in); err != nil {
			return nil, err
		}
		l := &lowered{}
		l.add(here, packetLoad(in)...)
		return l, nil
	case in.Op == opGotoX && u.tables != nil:
		return u.throughTable(pc, in)
	}
	return nil, nil
}

// place gives the jumps of what stands for slot pc their distances.
func (l *lowered) place(pc int, at []int32) error {
	for i, to := range l.to {
		if to == here {
			continue
		}
		d := int(at[to]) - (int(at[pc]) + i) - 1
		if d != int(int16(d)) {
			return tooFar(pc, int64(d))
		}
		l.insns[i].Off = int16(d)
	}
	return nil
}

func tooFar(pc int, d int64) error {
	return fmt.Errorf("insn %d: a jump of %d instructions, between which others became several: at most %d are possible", pc, d, math.MaxInt16)
}

// moveNames moves the names of functions and the source lines.
func (u *unit) moveNames(at []int32) {
	names := make(map[int]string, len(u.names))
	for pc, name := range u.names {
		if pc >= 0 && pc < len(at) {
			names[int(at[pc])] = name
		}
	}
	u.names = names
	for i := range u.lines {
		if pc := u.lines[i].Insn; pc >= 0 && pc < len(at) {
			u.lines[i].Insn = int(at[pc])
		}
	}
}

// moveTarget changes the distance of a jump, a call or a function reference. One that leads nowhere is left to
// validation.
func (u *unit) moveTarget(pc int, in *bpf.Insn, at []int32) error {
	moved := func(d int64) int64 {
		t := int64(pc) + 1 + d
		if t < 0 || t > int64(len(u.insns)) {
			return d
		}
		return int64(at[t]) - int64(at[pc]) - 1
	}
	long := isFuncRef(in) || in.Op == bpf.OpGotol
	switch c := in.Class(); {
	case pc > 0 && u.insns[pc-1].IsLDDW():
	case long:
		in.Imm = int32(moved(int64(in.Imm)))
	case (c == bpf.ClassJMP || c == bpf.ClassJMP32) && in.JmpOp() != bpf.JmpCall && in.JmpOp() != bpf.JmpExit:
		d := moved(int64(in.Off))
		if d != int64(int16(d)) {
			return tooFar(pc, d)
		}
		in.Off = int16(d)
	}
	return nil
}
