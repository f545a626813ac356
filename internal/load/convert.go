package load

import (
	"cmp"
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
	starts  []label // where functions start, as far as symbols tell, for errors
}

// noMetadata is what an instruction has that is nothing but its fields.
var noMetadata asm.Metadata

// label is an instruction that names the symbol it goes to.
type label struct {
	slot int
	name string
}

func (c *collection) convert(u *unit, insns asm.Instructions) (err error) {
	defer recovered("convert", &err)
	v := &converter{c: c, u: u, symbols: map[string]int{}}
	called := calledNames(insns)
	u.insns = make([]bpf.Insn, 0, len(insns)+len(insns)/16)
	for i := range insns {
		in := &insns[i]
		if i == 0 || in.Metadata != noMetadata {
			if name := in.Symbol(); name != "" && called[name] || i == 0 {
				v.starts = append(v.starts, label{len(u.insns), cmp.Or(name, u.name)})
			}
		}
		if err := v.insn(in); err != nil {
			lo, hi, _ := fields(in)
			return v.fail(len(u.insns), lo, hi, err)
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

// calledNames returns the symbols that are functions. Others are labels.
func calledNames(insns asm.Instructions) map[string]bool {
	names := map[string]bool{}
	for i := range insns {
		if in := &insns[i]; in.Metadata != noMetadata && in.IsFunctionReference() {
			if ref := in.Reference(); ref != "" {
				names[ref] = true
			}
		}
	}
	return names
}

// fail blames the instruction at slot, whose fields may not have been stored yet.
func (v *converter) fail(slot int, lo, hi bpf.Insn, err error) error {
	f := v.starts[0]
	for _, s := range v.starts {
		if s.slot <= slot {
			f = s
		}
	}
	e := &InsnError{Func: f.name, Insn: slot - f.slot, Bytes: appendInsn(nil, lo), Reason: err.Error()}
	if lo.IsLDDW() {
		e.Bytes = appendInsn(e.Bytes, hi)
	}
	e.Line, _ = (&bpf.Func{Lines: v.u.lines}).LineAt(slot)
	return e
}

func (v *converter) insn(in *asm.Instruction) error {
	slot := len(v.u.insns)
	if in.Metadata == noMetadata && !in.OpCode.IsDWordLoad() && in.OpCode.Class() != asm.JumpClass {
		lo, _, err := fields(in)
		if err == nil {
			v.u.insns = append(v.u.insns, lo)
		}
		return err
	}
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
	l := bpf.Line{Insn: slot, File: src.FileName(), Num: int(src.LineNumber()), Col: int(src.LineColumn()), Text: src.Line()}
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
		if err := v.linkOne(in, l); err != nil {
			return v.fail(l.slot, *in, bpf.Insn{}, err)
		}
	}
	return nil
}

func (v *converter) linkOne(in *bpf.Insn, l label) error {
	isFunc := in.Op == bpf.OpCall || in.Op == bpf.OpLDDW
	t, ok := v.symbols[l.name]
	switch {
	case !ok && isFunc:
		return fmt.Errorf("function %q is declared but has no body in this object", l.name)
	case !ok:
		return fmt.Errorf("there is no symbol %q", l.name)
	}
	d := t - l.slot - 1
	switch {
	case isFunc || in.Op == bpf.OpGotol:
		if in.Imm == -1 {
			in.Imm = int32(d)
		}
	case in.Off == -1:
		if d != int(int16(d)) {
			return fmt.Errorf("jump to %q, %d slots away, does not fit 16 bits", l.name, d)
		}
		in.Off = int16(d)
	}
	return nil
}
