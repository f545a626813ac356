package load

import (
	"errors"
	"fmt"
	"math"

	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"

	"github.com/rivetbpf/rivet/internal/bpf"
)

// converter turns cilium/ebpf's instructions into slots. It goes field by
// field: asm.Instruction.Marshal forgets the offset of a register move.
type converter struct {
	c       *collection
	u       *unit
	symbols map[string]int // slot of each symbol
	labels  []label
	file    string // of the line before, to share the string
}

// label is an instruction that names the symbol it goes to.
type label struct {
	slot int
	name string
}

func (c *collection) convert(u *unit, insns asm.Instructions) error {
	v := &converter{c: c, u: u, symbols: map[string]int{}}
	u.insns = make([]bpf.Insn, 0, len(insns)+len(insns)/16)
	for i := range insns {
		if err := v.insn(&insns[i]); err != nil {
			return fmt.Errorf("insn %d (%v): %w", len(u.insns), opcode(insns[i].OpCode), err)
		}
	}
	u.kfuncs = len(c.kfuncs)
	if err := v.link(); err != nil {
		return err
	}
	u.names = make(map[int]string, len(v.symbols))
	for name, slot := range v.symbols {
		u.names[slot] = name
	}
	return nil
}

// opcode prints an opcode that need not be valid.
func opcode(op asm.OpCode) string { return fmt.Sprintf("opcode %#x", uint32(op)) }

func (v *converter) insn(in *asm.Instruction) error {
	slot := len(v.u.insns)
	if name := in.Symbol(); name != "" {
		if _, twice := v.symbols[name]; twice {
			return fmt.Errorf("symbol %q is defined twice", name)
		}
		v.symbols[name] = slot
	}
	v.line(slot, in)
	lo, hi, err := fields(in)
	if err != nil {
		return err
	}
	if poisoned(in) {
		lo = bpf.Insn{Op: bpf.OpCall, Imm: PoisonHelper}
		v.u.insns = append(v.u.insns, lo)
		if in.OpCode.IsDWordLoad() {
			v.u.insns = append(v.u.insns, lo)
		}
		return nil
	}
	switch {
	case in.OpCode.IsDWordLoad():
		if err := v.load64(in, &lo, &hi); err != nil {
			return err
		}
		v.u.insns = append(v.u.insns, lo, hi)
		return nil
	case in.IsKfuncCall():
		if err := v.kfunc(in, &lo); err != nil {
			return err
		}
	case in.Reference() != "" && in.OpCode.Class().IsJump():
		v.labels = append(v.labels, label{slot, in.Reference()})
	}
	v.u.insns = append(v.u.insns, lo)
	return nil
}

// line records the source line of the instruction at slot.
func (v *converter) line(slot int, in *asm.Instruction) {
	src, ok := in.Source().(*btf.Line)
	if !ok || src == nil {
		return
	}
	l := bpf.Line{Insn: slot, File: src.FileName(), Num: int(src.LineNumber()), Text: src.Line()}
	v.u.lines = append(v.u.lines, l)
}

// fields splits an instruction into slots. The upper bits of cilium/ebpf's
// opcodes hold what the instruction set keeps in the offset (signed division,
// sign-extending moves) or in the immediate (atomic operations).
func fields(in *asm.Instruction) (lo, hi bpf.Insn, err error) {
	lo = bpf.Insn{Op: uint8(in.OpCode), Dst: uint8(in.Dst), Src: uint8(in.Src), Off: in.Offset}
	if in.OpCode.IsDWordLoad() {
		lo.Imm, hi.Imm = int32(in.Constant), int32(in.Constant>>32)
		return lo, hi, nil
	}
	if in.Constant < math.MinInt32 || in.Constant > math.MaxUint32 {
		return lo, hi, fmt.Errorf("immediate %#x does not fit 32 bits", in.Constant)
	}
	lo.Imm = int32(in.Constant)
	high := uint32(in.OpCode) >> 8
	if high == 0 {
		return lo, hi, nil
	}
	switch class := in.OpCode.Class(); {
	case class.IsALU():
		off, ok := aluOffset(in.OpCode.ALUOp())
		if !ok {
			return lo, hi, errors.New("unknown operation")
		}
		if lo.Off != 0 {
			return lo, hi, fmt.Errorf("offset is %d, must be 0", lo.Off)
		}
		lo.Off = off
	case class == asm.StXClass && in.OpCode.Mode() == asm.AtomicMode && high <= 0x1ff:
		lo.Imm |= int32(high)
	default:
		return lo, hi, errors.New("unknown operation")
	}
	return lo, hi, nil
}

func aluOffset(op asm.ALUOp) (off int16, ok bool) {
	switch op {
	case asm.SDiv, asm.SMod:
		return 1, true
	case asm.MovSX8:
		return 8, true
	case asm.MovSX16:
		return 16, true
	case asm.MovSX32:
		return 32, true
	}
	return 0, false
}

// load64 resolves what a 64-bit immediate load names.
func (v *converter) load64(in *asm.Instruction, lo, hi *bpf.Insn) error {
	if in.Map() != nil {
		return errors.New("it refers to a map of the kernel (Instruction.AssociateMap): only maps of the collection can be used")
	}
	ref := in.Reference()
	switch in.Src {
	case asm.PseudoMapFD, asm.PseudoMapValue:
		if ref == "" {
			return v.kconfig(in, lo, hi)
		}
		i, ok := v.c.info.MapIndex[ref]
		if !ok {
			return fmt.Errorf("there is no map %q", ref)
		}
		lo.Imm = int32(i)
	case asm.PseudoFunc:
		if ref != "" {
			hi.Imm = 0
			v.labels = append(v.labels, label{len(v.u.insns), ref})
		}
	case asm.R0:
		if ref != "" {
			return v.externAddress(in, ref, lo, hi)
		}
	}
	return nil
}

// kfunc gives the kfunc that is called its index in the module.
func (v *converter) kfunc(in *asm.Instruction, lo *bpf.Insn) error {
	name := in.Reference()
	if name == "" {
		return errors.New("call of a kfunc by number: load it from an ELF file, which has its name")
	}
	if !v.c.extern.haveKfunc(name) && weak(in) {
		*lo = bpf.Insn{Op: bpf.OpCall, Imm: PoisonHelper}
		return nil
	}
	i, ok := v.c.kfuncs[name]
	if !ok {
		i = len(v.c.kfuncs)
		v.c.kfuncs[name] = i
	}
	lo.Imm, lo.Off = int32(i), 0
	return nil
}

// link fills in the distance to each symbol that an instruction names.
func (v *converter) link() error {
	for _, l := range v.labels {
		in := &v.u.insns[l.slot]
		t, ok := v.symbols[l.name]
		if !ok {
			if in.Op == bpf.OpCall || in.Op == bpf.OpLDDW {
				return fmt.Errorf("insn %d: function %q is declared but has no body in this object", l.slot, l.name)
			}
			return fmt.Errorf("insn %d: there is no symbol %q", l.slot, l.name)
		}
		d := t - l.slot - 1
		switch {
		case in.Op == bpf.OpCall || in.Op == bpf.OpLDDW || in.Op == bpf.OpGotol:
			if in.Imm == -1 {
				in.Imm = int32(d)
			}
		case in.Off == -1:
			if d != int(int16(d)) {
				return fmt.Errorf("insn %d: jump to %q, %d slots away, does not fit 16 bits", l.slot, l.name, d)
			}
			in.Off = int16(d)
		}
	}
	return nil
}
