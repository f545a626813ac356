package ctxaccess

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rivetbpf/rivet/internal/bpf"
)

// insns are instructions as bpf.Insn has them: opcode, destination, source, offset, immediate.
func insns(text ...[5]int) (list []bpf.Insn) {
	for _, in := range text {
		list = append(list, bpf.Insn{Op: uint8(in[0]), Dst: uint8(in[1]), Src: uint8(in[2]), Off: int16(in[3]), Imm: int32(in[4])})
	}
	return list
}

const (
	ldxw, ldxdw, stxw, stxdw, stw, mov, addk, addx, call, jeq, ja, exit = 0x61, 0x79, 0x63, 0x7b, 0x62, 0xbf, 0x07, 0x0f, 0x85, 0x15, 0x05, 0x95
)

func TestRefuse(t *testing.T) {
	for name, test := range map[string]struct {
		code []bpf.Insn
		want []string // "insn: what"
	}{
		"direct":        {insns([5]int{ldxw, 0, 1, 4, 0}, [5]int{stw, 1, 0, 4, 7}, [5]int{exit}), []string{"1: write to read-only field data_end"}},
		"unknown":       {insns([5]int{ldxw, 0, 1, 24, 0}, [5]int{ldxw, 0, 1, -4, 0}, [5]int{ldxdw, 0, 1, 0, 0}, [5]int{exit}), []string{"0: no field", "1: no field", "2: beyond field data"}},
		"moved":         {insns([5]int{mov, 6, 1}, [5]int{addk, 6, 0, 0, 8}, [5]int{stxw, 6, 0, -4, 0}, [5]int{exit}), []string{"2: data_end"}},
		"spilled":       {insns([5]int{stxdw, 10, 1, -8, 0}, [5]int{call, 0, 0, 0, 5}, [5]int{ldxdw, 1, 10, -8, 0}, [5]int{stw, 1, 0, 0, 0}, [5]int{exit}), []string{"3: field data"}},
		"overwritten":   {insns([5]int{stxdw, 10, 1, -8, 0}, [5]int{stw, 10, 0, -4, 0}, [5]int{ldxdw, 1, 10, -8, 0}, [5]int{stw, 1, 0, 0, 0}, [5]int{exit}), nil},
		"exposed":       {insns([5]int{stxdw, 10, 1, -8, 0}, [5]int{mov, 2, 10}, [5]int{addk, 2, 0, 0, -16}, [5]int{call, 0, 0, 0, 5}, [5]int{ldxdw, 1, 10, -8, 0}, [5]int{stw, 1, 0, 0, 0}, [5]int{exit}), nil},
		"below":         {insns([5]int{stxdw, 10, 1, -24, 0}, [5]int{mov, 2, 10}, [5]int{addk, 2, 0, 0, -16}, [5]int{call, 0, 0, 0, 5}, [5]int{ldxdw, 1, 10, -24, 0}, [5]int{stw, 1, 0, 0, 0}, [5]int{exit}), []string{"5: field data"}},
		"clobbered":     {insns([5]int{call, 0, 0, 0, 5}, [5]int{stw, 1, 0, 0, 0}, [5]int{exit}), nil},
		"variable":      {insns([5]int{addx, 1, 2}, [5]int{stw, 1, 0, 0, 0}, [5]int{exit}), nil},
		"both ways":     {insns([5]int{mov, 6, 1}, [5]int{jeq, 2, 0, 1, 0}, [5]int{addk, 6, 0, 0, 4}, [5]int{stw, 6, 0, 0, 0}, [5]int{exit}), nil},
		"same ways":     {insns([5]int{jeq, 2, 0, 1, 0}, [5]int{mov, 6, 1}, [5]int{mov, 6, 1}, [5]int{stw, 6, 0, 0, 0}, [5]int{exit}), []string{"3: field data"}},
		"unreached":     {insns([5]int{ja, 0, 0, 1, 0}, [5]int{stw, 1, 0, 0, 0}, [5]int{exit}), nil},
		"loop":          {insns([5]int{mov, 6, 1}, [5]int{addk, 6, 0, 0, 4}, [5]int{stw, 6, 0, 0, 0}, [5]int{jeq, 2, 0, -3, 0}, [5]int{exit}), nil},
		"loop, steady":  {insns([5]int{mov, 6, 1}, [5]int{stw, 6, 0, 0, 0}, [5]int{jeq, 2, 0, -2, 0}, [5]int{exit}), []string{"1: field data"}},
		"jump register": {insns([5]int{stw, 1, 0, 0, 0}, [5]int{0x0d, 1}, [5]int{exit}), nil},
	} {
		f := &bpf.Func{Name: "f", Insns: test.code}
		m := &bpf.Module{Funcs: []*bpf.Func{f}, Programs: []*bpf.Program{{Name: "f", Type: "XDP"}}}
		Refuse(m)
		ok := len(m.Traps) == len(test.want)
		for i := 0; ok && i < len(test.want); i++ {
			at, why, _ := strings.Cut(test.want[i], ": ")
			tr := m.Traps[i]
			ok = fmt.Sprint(tr.Insn) == at && strings.Contains(tr.Why, why) && f.Insns[tr.Insn] == bpf.Insn{Op: bpf.OpCall, Imm: bpf.HelperTrap + int32(i)}
		}
		if !ok {
			t.Errorf("%s: %+v, want %q", name, m.Traps, test.want)
		}
	}
}

// A function's argument is a context where all that call it say so, and of the same type.
func TestRefuseInSubprograms(t *testing.T) {
	callSub := func() []bpf.Insn { return insns([5]int{call, 0, 1, 0, 2}, [5]int{exit}) }
	sub := func() []bpf.Insn { return insns([5]int{stw, 1, 0, 0, 0}, [5]int{exit}) }
	for _, test := range []struct {
		types [2]string
		taken bool
		want  int
	}{{[2]string{"XDP", "XDP"}, false, 1}, {[2]string{"XDP", "SchedCLS"}, false, 0}, {[2]string{"XDP", "XDP"}, true, 0}, {[2]string{"Kprobe", "Kprobe"}, false, 0}} {
		m := &bpf.Module{Funcs: []*bpf.Func{{Index: 0, Insns: callSub(), Callees: []int{2}}, {Index: 1, Insns: callSub(), Callees: []int{2}}, {Index: 2, Insns: sub(), AddrTaken: test.taken}},
			Programs: []*bpf.Program{{Type: test.types[0], Func: 0}, {Type: test.types[1], Func: 1}}}
		Refuse(m)
		if len(m.Traps) != test.want {
			t.Errorf("%+v: %+v", test, m.Traps)
		}
	}
}
