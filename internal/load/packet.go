package load

import (
	"fmt"
	"math"

	"github.com/rivetbpf/rivet/internal/bpf"
)

// lowerPacketLoads puts calls in place of LD_ABS and LD_IND. As in Linux (bpf_gen_ld_abs) a load beyond the packet
// ends the function with R0 = 0. What lies behind moves, and jumps, calls and lines with it.
func (u *unit) lowerPacketLoads() error {
	grow, any := make([]int32, len(u.insns)+1), false
	for pc, in := range u.insns {
		n := int32(1)
		if isPacketLoad(in) && (pc == 0 || !u.insns[pc-1].IsLDDW()) {
			if err := checkPacketLoad(in); err != nil {
				return fmt.Errorf("insn %d: %w", pc, err)
			}
			n, any = int32(len(packetLoad(in))), true
		}
		grow[pc+1] = grow[pc] + n
	}
	if !any {
		return nil
	}
	insns := make([]bpf.Insn, 0, grow[len(u.insns)])
	for pc, in := range u.insns {
		if grow[pc+1]-grow[pc] > 1 {
			insns = append(insns, packetLoad(in)...)
			continue
		}
		if err := u.moveTarget(pc, &in, grow); err != nil {
			return err
		}
		insns = append(insns, in)
	}
	names := make(map[int]string, len(u.names))
	for pc, name := range u.names {
		if pc >= 0 && pc < len(grow) {
			names[int(grow[pc])] = name
		}
	}
	for i := range u.lines {
		if pc := u.lines[i].Insn; pc >= 0 && pc < len(grow) {
			u.lines[i].Insn = int(grow[pc])
		}
	}
	u.insns, u.names = insns, names
	return nil
}

func isPacketLoad(in bpf.Insn) bool {
	return in.Class() == bpf.ClassLD && (in.Mode() == bpf.ModeABS || in.Mode() == bpf.ModeIND)
}

func checkPacketLoad(in bpf.Insn) error {
	switch {
	case in.Size() == 8:
		return fmt.Errorf("packet load (BPF_ABS, BPF_IND) of 8 bytes: at most 4 are loaded")
	case in.Dst != 0 || in.Off != 0 || in.Mode() == bpf.ModeABS && in.Src != 0:
		return fmt.Errorf("packet load (BPF_ABS, BPF_IND): reserved fields must be 0")
	case in.Src > bpf.R10:
		return fmt.Errorf("packet load (BPF_IND): there is no register r%d", in.Src)
	}
	return nil
}

// packetLoad returns what one load becomes.
func packetLoad(in bpf.Insn) []bpf.Insn {
	helper := map[int]int32{1: bpf.HelperLoadByte, 2: bpf.HelperLoadHalf, 4: bpf.HelperLoadWord}[in.Size()]
	const mov32, add32 = bpf.ClassALU | bpf.ALUMov, bpf.ClassALU | bpf.ALUAdd
	code := []bpf.Insn{{Op: mov32, Dst: bpf.R1, Imm: in.Imm}}
	if in.Mode() == bpf.ModeIND {
		code = []bpf.Insn{{Op: mov32 | bpf.SrcX, Dst: bpf.R1, Src: in.Src}, {Op: add32, Dst: bpf.R1, Imm: in.Imm}}
	}
	return append(code,
		bpf.Insn{Op: bpf.OpCall, Imm: helper},
		bpf.Insn{Op: bpf.ClassJMP | bpf.JmpJSGE, Dst: bpf.R0, Off: 2},
		bpf.Insn{Op: bpf.OpMovK, Dst: bpf.R0},
		bpf.Insn{Op: bpf.OpExit})
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
			return fmt.Errorf("insn %d: a jump of %d instructions, with packet loads (BPF_ABS, BPF_IND) laid out: at most %d are possible", pc, d, math.MaxInt16)
		}
		in.Off = int16(d)
	}
	return nil
}
