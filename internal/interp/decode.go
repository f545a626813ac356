package interp

import (
	"fmt"

	"github.com/rivetbpf/rivet/internal/bpf"
)

// numRegs is the register file's size, a power of two so that masking an index
// replaces the bounds check.
const numRegs = 16

// op is one decoded instruction slot.
type op struct {
	code uint16 // the opcode byte, or one of the codes below
	dst  uint8
	src  uint8
	off  int32  // jumps: target slot; stores of an immediate: offset; atomics: offset; backward jumps: see back
	imm  uint64 // sign-extended immediate; register loads and stores: offset minus the arena's base
}

// code is a decoded function.
type code struct {
	index int
	ops   []op // one per slot, and one after the last
	frame uint64
	burn  bool // bpf.Func.CallsBurn
	// counts, if not nil, is how often each slot was executed.
	counts []uint64
}

// Codes for what the opcode byte alone does not tell. Everything else keeps its
// opcode byte, which already is operation × width × operand kind.
const (
	opSDiv64K = 256 + iota
	opSDiv64X
	opSMod64K
	opSMod64X
	opSDiv32K
	opSDiv32X
	opSMod32K
	opSMod32X
	opMovSX8
	opMovSX16
	opMovSX32
	opMovSX8W
	opMovSX16W
	opLE16
	opLE32
	opLE64
	opSwap16
	opSwap32
	opSwap64
	opAtomic
	opLDDW
	opHelper
	opKfunc
	opSubprog
	opTailCall
	opMayGoto
	opNotCode // second half of a 64-bit immediate, end of the function
	opBack    // added to the code of a jump that does not go forward
)

// opCount is added to the code of an instruction whose executions are counted.
const opCount = 1 << 15

func decodeFunc(mod *bpf.Module, f *bpf.Func, base uint64) (*code, error) {
	c := &code{index: f.Index, frame: uint64(f.FrameSize), burn: f.CallsBurn, ops: make([]op, len(f.Insns)+1)}
	for pc := 0; pc < len(f.Insns); pc++ {
		o, err := decode(mod, f, pc, base)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", mod.Where(f.Index, pc), err)
		}
		c.ops[pc] = o
		if o.code == opLDDW {
			pc++
			c.ops[pc].code = opNotCode
		}
	}
	c.ops[len(f.Insns)].code = opNotCode
	return c, nil
}

func decode(mod *bpf.Module, f *bpf.Func, pc int, base uint64) (op, error) {
	in := f.Insns[pc]
	o := op{code: uint16(in.Op), dst: in.Dst, src: in.Src, off: int32(in.Off), imm: uint64(int64(in.Imm))}
	if in.Dst >= bpf.NumRegs || (in.Src >= bpf.NumRegs && in.Class() != bpf.ClassLD) {
		return o, fmt.Errorf("no such register: dst %d, src %d", in.Dst, in.Src)
	}
	switch in.Class() {
	case bpf.ClassALU, bpf.ClassALU64:
		return decodeALU(in, o)
	case bpf.ClassJMP, bpf.ClassJMP32:
		return decodeJump(mod, f, pc, o)
	case bpf.ClassLD:
		return decodeLDDW(mod, f, pc, o)
	}
	switch in.Mode() {
	case bpf.ModeAtomic:
		o.code = opAtomic
		return o, checkAtomic(in)
	case bpf.ModeMEM:
		if in.Class() != bpf.ClassST {
			o.imm = uint64(int64(in.Off)) - base
		}
		return o, nil
	case bpf.ModeMEMSX:
		if in.Class() == bpf.ClassLDX && in.Size() < 8 {
			o.imm = uint64(int64(in.Off)) - base
			return o, nil
		}
	}
	return o, unknown(in)
}

func unknown(in bpf.Insn) error {
	return fmt.Errorf("unknown instruction: opcode %#02x, src %d, offset %d, imm %d", in.Op, in.Src, in.Off, in.Imm)
}

// aluVariants gives the codes of arithmetic instructions that the offset field
// modifies (RFC 9669, section 4.1): by opcode, then offset.
var aluVariants = map[uint8]map[int16]uint16{
	bpf.ClassALU64 | bpf.ALUDiv:            {1: opSDiv64K},
	bpf.ClassALU64 | bpf.ALUDiv | bpf.SrcX: {1: opSDiv64X},
	bpf.ClassALU64 | bpf.ALUMod:            {1: opSMod64K},
	bpf.ClassALU64 | bpf.ALUMod | bpf.SrcX: {1: opSMod64X},
	bpf.ClassALU64 | bpf.ALUMov | bpf.SrcX: {8: opMovSX8, 16: opMovSX16, 32: opMovSX32},
	bpf.ClassALU | bpf.ALUDiv:              {1: opSDiv32K},
	bpf.ClassALU | bpf.ALUDiv | bpf.SrcX:   {1: opSDiv32X},
	bpf.ClassALU | bpf.ALUMod:              {1: opSMod32K},
	bpf.ClassALU | bpf.ALUMod | bpf.SrcX:   {1: opSMod32X},
	bpf.ClassALU | bpf.ALUMov | bpf.SrcX:   {8: opMovSX8W, 16: opMovSX16W},
}

// byteOrder gives the codes of byte-order instructions (RFC 9669, section 4.2)
// for a little-endian guest: by opcode, then width.
var byteOrder = map[uint8]map[int32]uint16{
	bpf.ClassALU | bpf.ALUEnd:            {16: opLE16, 32: opLE32, 64: opLE64},
	bpf.ClassALU | bpf.ALUEnd | bpf.SrcX: {16: opSwap16, 32: opSwap32, 64: opSwap64},
	bpf.ClassALU64 | bpf.ALUEnd:          {16: opSwap16, 32: opSwap32, 64: opSwap64},
}

func decodeALU(in bpf.Insn, o op) (op, error) {
	known := true
	switch {
	case in.ALUOp() == bpf.ALUEnd:
		o.code, known = byteOrder[in.Op][in.Imm]
	case in.Off != 0:
		o.code, known = aluVariants[in.Op][in.Off]
	case in.ALUOp() > bpf.ALUEnd, in.ALUOp() == bpf.ALUNeg && in.Op&bpf.SrcX != 0:
		known = false
	}
	if !known {
		return o, unknown(in)
	}
	return o, nil
}

func decodeJump(mod *bpf.Module, f *bpf.Func, pc int, o op) (op, error) {
	in := f.Insns[pc]
	switch in.Op {
	case bpf.OpExit, bpf.OpCallX:
		return o, nil
	case bpf.OpCall:
		return decodeCall(mod, in, o)
	case bpf.OpGotol:
		o.code = bpf.OpJA
	case bpf.OpJA:
	case bpf.OpMayGo:
		if o.code = opMayGoto; in.Off == 0 {
			o.code = bpf.OpJA // to what follows: nothing is counted
		}
	default:
		if op := in.JmpOp(); op == bpf.JmpJA || op == bpf.JmpCall || op == bpf.JmpExit || op > bpf.JmpJSLE {
			return o, unknown(in)
		}
	}
	target := in.JumpTarget(pc)
	if target < 0 || target >= len(f.Insns) {
		return o, fmt.Errorf("jump to slot %d of a function of %d", target, len(f.Insns))
	}
	o.off = int32(target)
	if target <= pc {
		o.code += opBack
	}
	return o, nil
}

func decodeCall(mod *bpf.Module, in bpf.Insn, o op) (op, error) {
	switch {
	case in.IsTailCall():
		o.code = opTailCall
	case in.Src == bpf.CallHelper:
		o.code = opHelper
	case in.Src == bpf.CallKfunc:
		o.code = opKfunc
	case in.Src == bpf.CallSubprog:
		o.code = opSubprog
		if in.Imm < 0 || int(in.Imm) >= len(mod.Funcs) {
			return o, fmt.Errorf("call of function %d of a module of %d", in.Imm, len(mod.Funcs))
		}
	default:
		return o, unknown(in)
	}
	return o, nil
}

func decodeLDDW(mod *bpf.Module, f *bpf.Func, pc int, o op) (op, error) {
	in := f.Insns[pc]
	if !in.IsLDDW() || pc+1 >= len(f.Insns) {
		return o, unknown(in)
	}
	o.code = opLDDW
	hi := f.Insns[pc+1]
	switch i := int(in.Imm); {
	case in.Src == bpf.LoadImm64:
		o.imm = bpf.Imm64(in, hi)
	case in.Src == bpf.LoadFunc && i >= 0 && i < len(mod.Funcs):
		o.imm = bpf.FuncHandle(i)
	case in.Src == bpf.LoadMap && i >= 0 && i < len(mod.Maps):
		o.imm = bpf.MapHandle(i)
	case in.Src == bpf.LoadMapValue && i >= 0 && i < len(mod.Maps):
		if mod.Maps[i].Values == 0 {
			return o, fmt.Errorf("address of a value of map %s, whose values have none", mod.Maps[i].Name)
		}
		o.imm = mod.Maps[i].Values + uint64(uint32(hi.Imm))
	default:
		return o, unknown(in)
	}
	return o, nil
}
