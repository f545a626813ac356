package hart

// code says what an op does.
type code uint8

// The codes. One that has no row in [rows] is made from others while code is
// prepared (see prepare.go).
const (
	opIllegal code = iota

	// RV64I
	opLui
	opAuipc
	opJal
	opJalr
	opBeq
	opBne
	opBlt
	opBge
	opBltu
	opBgeu
	opLb
	opLh
	opLw
	opLd
	opLbu
	opLhu
	opLwu
	opSb
	opSh
	opSw
	opSd
	opAddi
	opSlti
	opSltiu
	opXori
	opOri
	opAndi
	opSlli
	opSrli
	opSrai
	opAdd
	opSub
	opSll
	opSlt
	opSltu
	opXor
	opSrl
	opSra
	opOr
	opAnd
	opAddiw
	opSlliw
	opSrliw
	opSraiw
	opAddw
	opSubw
	opSllw
	opSrlw
	opSraw
	opFence
	opFenceI
	opEcall
	opEbreak
	opCsr // a counter: imm 0 cycle, 1 time, 2 instret

	// M
	opMul
	opMulh
	opMulhsu
	opMulhu
	opDiv
	opDivu
	opRem
	opRemu
	opMulw
	opDivw
	opDivuw
	opRemw
	opRemuw

	// A and Zacas; imm is funct5
	opLrW
	opLrD
	opScW
	opScD
	opAmoW
	opAmoD

	// Zba
	opAddUw
	opSh1add
	opSh2add
	opSh3add
	opSh1addUw
	opSh2addUw
	opSh3addUw
	opSlliUw

	// Zbb
	opAndn
	opOrn
	opXnor
	opClz
	opCtz
	opCpop
	opClzw
	opCtzw
	opCpopw
	opMax
	opMaxu
	opMin
	opMinu
	opSextB
	opSextH
	opZextH
	opRol
	opRor
	opRori
	opRolw
	opRorw
	opRoriw
	opOrcB
	opRev8

	// Zbs
	opBclr
	opBclri
	opBext
	opBexti
	opBinv
	opBinvi
	opBset
	opBseti

	// Zicond
	opCzeroEqz
	opCzeroNez

	// Made while code is prepared.
	opGoto  // leave for imm; not an instruction
	opBreak // breakpoint; not an instruction
	opFetch // half of a 32-bit instruction, at the end of the text
	opNop
	opLi // rd = imm
	opMv
	opJ   // jump without link
	opJr  // indirect jump without link
	opRet // jalr x0, 0(rs1)
	opLis // rd = imm, for the instructions in aux bytes of ops

	// Pairs, see fuse.go
	opSlliXor
	opSlliOr
	opSlliAdd
	opSrliXor
	opSrliOr
	opSrliAdd
	opSlliSrli
	opXorSlli
	opXorSrli
	opXorAndi
	opXorMul
	opAddSub
	opAddSrli
	opAddAdd
	opAddLbu
	opAddLd
	opSubBgeu
	opAddiBne
	opAddiBlt
	opAddiwBne
	opAddBne
	opAndiBne
	opAndiBeq
	opAndiAdd
	opAndiXor
	opLiBne
	opLiBeq
	opLiBltu
	opMvMv
	opMvAddi
	opMvLi
	opLiMv
	opAddiAdd
	opAddiAddi
	opAddiwAdd
	opAddiwMv
	opMulAddiw
	opMulAdd
	opLdAdd
	opLbuXor
	opLdLd
	opSdSd

	numCodes
)

// op is one prepared instruction.
type op struct {
	code code
	rd   uint8 // never 0: x0 is written to the register [sink]
	rs1  uint8
	rs2  uint8
	// Jumps and branches: distance from this op to the target, in bytes of ops.
	// Jalr: distance of the return address from the start of the code.
	aux int32
	imm int64 // lui, auipc: the finished value; jal: the return address
}

// opSize is the size of an op in memory.
const opSize = 16

// sink is the register that swallows writes to x0.
const sink = 32

// insn is one decoded instruction, wherever it stands.
type insn struct {
	code         code
	rd, rs1, rs2 uint8
	size         uint8 // 2 or 4 bytes
	name         string
	imm          int64
}
