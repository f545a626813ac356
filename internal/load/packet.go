package load

import (
	"fmt"

	"github.com/rivetbpf/rivet/internal/bpf"
)

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

// packetLoad returns what one load becomes. As in Linux (bpf_gen_ld_abs) one beyond the packet ends the
// function with R0 = 0.
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
