// Package bpf is the program model that every later stage works on: decoded
// instructions (RFC 9669), and a [Module] in which every reference to a map, a
// function or a helper is an index into the module.
package bpf

// Insn is one 8-byte slot of eBPF bytecode, decoded (RFC 9669, section 3).
//
//	 63          32 31     16 15 12 11  8 7      0
//	+--------------+---------+-----+-----+--------+
//	|     imm      | offset  | src | dst | opcode |
//	+--------------+---------+-----+-----+--------+
//
// A 64-bit immediate load takes two slots; the second has opcode 0 and carries
// the upper 32 bits in Imm. Instruction numbers are slot numbers throughout, so
// jump offsets need no translation.
type Insn struct {
	Op  uint8
	Dst uint8
	Src uint8
	Off int16
	Imm int32
}

// Instruction classes: the low three bits of an opcode (RFC 9669, table 3).
const (
	ClassLD    = 0x00
	ClassLDX   = 0x01
	ClassST    = 0x02
	ClassSTX   = 0x03
	ClassALU   = 0x04
	ClassJMP   = 0x05
	ClassJMP32 = 0x06
	ClassALU64 = 0x07
)

// SrcX marks an arithmetic or jump opcode whose second operand is a register.
const SrcX = 0x08

// Arithmetic operations: the high four bits of an ALU opcode (RFC 9669, table 5).
const (
	ALUAdd  = 0x00
	ALUSub  = 0x10
	ALUMul  = 0x20
	ALUDiv  = 0x30 // offset 1: signed
	ALUOr   = 0x40
	ALUAnd  = 0x50
	ALULsh  = 0x60
	ALURsh  = 0x70
	ALUNeg  = 0x80
	ALUMod  = 0x90 // offset 1: signed
	ALUXor  = 0xa0
	ALUMov  = 0xb0 // offset 8, 16, 32: sign-extending
	ALUArsh = 0xc0
	ALUEnd  = 0xd0 // byte order; in ClassALU64: unconditional swap
)

// Jump operations: the high four bits of a JMP or JMP32 opcode (RFC 9669, table 8).
const (
	JmpJA   = 0x00 // in ClassJMP32: gotol, the offset is in Imm
	JmpJEQ  = 0x10
	JmpJGT  = 0x20
	JmpJGE  = 0x30
	JmpJSET = 0x40
	JmpJNE  = 0x50
	JmpJSGT = 0x60
	JmpJSGE = 0x70
	JmpCall = 0x80
	JmpExit = 0x90
	JmpJLT  = 0xa0
	JmpJLE  = 0xb0
	JmpJSLT = 0xc0
	JmpJSLE = 0xd0
	JmpCond = 0xe0 // may_goto (Linux 6.9): taken when the frame's loops are spent
)

// Modes: the high three bits of a load or store opcode (RFC 9669, table 10).
const (
	ModeIMM    = 0x00
	ModeABS    = 0x20
	ModeIND    = 0x40
	ModeMEM    = 0x60
	ModeMEMSX  = 0x80
	ModeAtomic = 0xc0
)

// Sizes: bits 3 and 4 of a load or store opcode (RFC 9669, table 11).
const (
	SizeW  = 0x00
	SizeH  = 0x08
	SizeB  = 0x10
	SizeDW = 0x18
)

// Whole opcodes that other packages name.
const (
	OpLDDW   = ClassLD | ModeIMM | SizeDW     // 0x18
	OpCall   = ClassJMP | JmpCall             // 0x85
	OpCallX  = ClassJMP | JmpCall | SrcX      // 0x8d, clang's indirect call
	OpExit   = ClassJMP | JmpExit             // 0x95
	OpJA     = ClassJMP | JmpJA               // 0x05
	OpGotol  = ClassJMP32 | JmpJA             // 0x06
	OpMayGo  = ClassJMP | JmpCond             // 0xe5
	OpMovX   = ClassALU64 | ALUMov | SrcX     // 0xbf
	OpMovK   = ClassALU64 | ALUMov            // 0xb7
	OpAtomDW = ClassSTX | ModeAtomic | SizeDW // 0xdb
	OpAtomW  = ClassSTX | ModeAtomic | SizeW  // 0xc3
)

// Atomic operations, in Imm (RFC 9669, section 5.3; Linux 6.14 for the last two).
const (
	AtomicFetch    = 0x01 // modifier
	AtomicAdd      = 0x00
	AtomicOr       = 0x40
	AtomicAnd      = 0x50
	AtomicXor      = 0xa0
	AtomicXchg     = 0xe0 | AtomicFetch
	AtomicCmpXchg  = 0xf0 | AtomicFetch
	AtomicLoadAcq  = 0x100
	AtomicStoreRel = 0x110
)

// Src of a 64-bit immediate load in a [Module]: what Imm names.
const (
	LoadImm64    = 0 // Imm and the second slot's Imm: the constant's halves
	LoadMap      = 1 // Imm: index into Module.Maps
	LoadMapValue = 2 // Imm: index into Module.Maps; second slot's Imm: byte offset
	LoadFunc     = 4 // Imm: index into Module.Funcs
)

// Src of a call in a [Module]: what Imm names.
const (
	CallHelper  = 0 // Imm: helper number (enum bpf_func_id)
	CallSubprog = 1 // Imm: index into Module.Funcs
	CallKfunc   = 2 // Imm: index into Module.Kfuncs
)

// Registers.
const (
	R0 = iota
	R1
	R2
	R3
	R4
	R5
	R6
	R7
	R8
	R9
	R10
	NumRegs
)

// Limits (Linux: BPF_COMPLEXITY_LIMIT_INSNS, BPF_MAX_SUBPROGS, MAX_BPF_STACK,
// MAX_CALL_FRAMES, MAX_TAIL_CALL_CNT).
const (
	MaxInsns     = 1_000_000
	MaxFuncs     = 256 // of one program; indirect calls make edges between all of them
	MaxStack     = 512
	MaxTailStack = 256 // a chain in which a subprogram tail-calls
	MaxFrames    = 8
	MaxTailCalls = 33
	MaxLoops     = 8 << 20 // that a may_goto of one frame lets go on (BPF_MAX_LOOPS)
)

// HelperTailCall is the number of bpf_tail_call, which engines compile inline.
const HelperTailCall = 12

// Class returns the instruction class.
func (i Insn) Class() uint8 { return i.Op & 7 }

// ALUOp returns the operation of an arithmetic instruction.
func (i Insn) ALUOp() uint8 { return i.Op & 0xf0 }

// JmpOp returns the operation of a jump instruction.
func (i Insn) JmpOp() uint8 { return i.Op & 0xf0 }

// Mode returns the addressing mode of a load or store.
func (i Insn) Mode() uint8 { return i.Op & 0xe0 }

// Size returns the number of bytes that a load or store moves.
func (i Insn) Size() int {
	switch i.Op & 0x18 {
	case SizeB:
		return 1
	case SizeH:
		return 2
	case SizeW:
		return 4
	}
	return 8
}

// IsLDDW reports whether the instruction is the first half of a 64-bit immediate load.
func (i Insn) IsLDDW() bool { return i.Op == OpLDDW }

// IsTailCall reports whether the instruction calls bpf_tail_call.
func (i Insn) IsTailCall() bool {
	return i.Op == OpCall && i.Src == CallHelper && i.Imm == HelperTailCall
}

// JumpTarget returns the slot that a jump at slot pc goes to when it is taken.
func (i Insn) JumpTarget(pc int) int {
	if i.Op == OpGotol {
		return pc + 1 + int(i.Imm)
	}
	return pc + 1 + int(i.Off)
}

// Imm64 joins the two halves of a plain 64-bit immediate.
func Imm64(lo, hi Insn) uint64 { return uint64(uint32(lo.Imm)) | uint64(uint32(hi.Imm))<<32 }
