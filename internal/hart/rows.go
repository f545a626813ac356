package hart

// format says where an instruction's operands are (RISC-V ISA manual, volume I,
// 2.3 "Immediate Encoding Variants").
type format uint8

const (
	fmtNone  format = iota
	fmtR            // rd, rs1, rs2
	fmtUnary        // rd, rs1
	fmtI            // rd, rs1, 12-bit signed immediate
	fmtSh6          // rd, rs1, 6-bit shift amount
	fmtSh5          // rd, rs1, 5-bit shift amount
	fmtS            // rs1, rs2, 12-bit signed immediate
	fmtB            // rs1, rs2, 13-bit signed displacement
	fmtU            // rd, upper 20 bits
	fmtJ            // rd, 21-bit signed displacement
	fmtAmo          // rd, rs1, rs2, funct5
	fmtCsr          // rd, counter
	fmtFence        // predecessor and successor set
)

// row describes one 32-bit instruction: a word w is it when w&mask == match.
type row struct {
	name        string
	match, mask uint32
	format      format
	code        code
	ext         Ext // needed, all of it
}

// Masks that say which fields are fixed.
const (
	mOp   = 0x0000007f // major opcode
	mF3   = 0x0000707f // and funct3
	mF6   = 0xfc00707f // and the six bits over a 6-bit shift amount
	mF7   = 0xfe00707f // and funct7
	mF12  = 0xfff0707f // and the whole of imm[11:0]
	mAmo  = 0xf800707f // funct5 and funct3; aq and rl are free
	mLr   = 0xf9f0707f // and rs2
	mAll  = 0xffffffff
	mCntr = 0xffcff07f // rs1 and all of the csr number but its low two bits
)

var rows = []row{
	// RV32/64G instruction set listings: RV32I
	{"lui", 0x00000037, mOp, fmtU, opLui, 0},
	{"auipc", 0x00000017, mOp, fmtU, opAuipc, 0},
	{"jal", 0x0000006f, mOp, fmtJ, opJal, 0},
	{"jalr", 0x00000067, mF3, fmtI, opJalr, 0},
	{"beq", 0x00000063, mF3, fmtB, opBeq, 0},
	{"bne", 0x00001063, mF3, fmtB, opBne, 0},
	{"blt", 0x00004063, mF3, fmtB, opBlt, 0},
	{"bge", 0x00005063, mF3, fmtB, opBge, 0},
	{"bltu", 0x00006063, mF3, fmtB, opBltu, 0},
	{"bgeu", 0x00007063, mF3, fmtB, opBgeu, 0},
	{"lb", 0x00000003, mF3, fmtI, opLb, 0},
	{"lh", 0x00001003, mF3, fmtI, opLh, 0},
	{"lw", 0x00002003, mF3, fmtI, opLw, 0},
	{"lbu", 0x00004003, mF3, fmtI, opLbu, 0},
	{"lhu", 0x00005003, mF3, fmtI, opLhu, 0},
	{"sb", 0x00000023, mF3, fmtS, opSb, 0},
	{"sh", 0x00001023, mF3, fmtS, opSh, 0},
	{"sw", 0x00002023, mF3, fmtS, opSw, 0},
	{"addi", 0x00000013, mF3, fmtI, opAddi, 0},
	{"slti", 0x00002013, mF3, fmtI, opSlti, 0},
	{"sltiu", 0x00003013, mF3, fmtI, opSltiu, 0},
	{"xori", 0x00004013, mF3, fmtI, opXori, 0},
	{"ori", 0x00006013, mF3, fmtI, opOri, 0},
	{"andi", 0x00007013, mF3, fmtI, opAndi, 0},
	{"add", 0x00000033, mF7, fmtR, opAdd, 0},
	{"sub", 0x40000033, mF7, fmtR, opSub, 0},
	{"sll", 0x00001033, mF7, fmtR, opSll, 0},
	{"slt", 0x00002033, mF7, fmtR, opSlt, 0},
	{"sltu", 0x00003033, mF7, fmtR, opSltu, 0},
	{"xor", 0x00004033, mF7, fmtR, opXor, 0},
	{"srl", 0x00005033, mF7, fmtR, opSrl, 0},
	{"sra", 0x40005033, mF7, fmtR, opSra, 0},
	{"or", 0x00006033, mF7, fmtR, opOr, 0},
	{"and", 0x00007033, mF7, fmtR, opAnd, 0},
	{"fence", 0x0000000f, mF3, fmtFence, opFence, 0},
	{"ecall", 0x00000073, mAll, fmtNone, opEcall, 0},
	{"ebreak", 0x00100073, mAll, fmtNone, opEbreak, 0},

	// RV64I
	{"lwu", 0x00006003, mF3, fmtI, opLwu, 0},
	{"ld", 0x00003003, mF3, fmtI, opLd, 0},
	{"sd", 0x00003023, mF3, fmtS, opSd, 0},
	{"slli", 0x00001013, mF6, fmtSh6, opSlli, 0},
	{"srli", 0x00005013, mF6, fmtSh6, opSrli, 0},
	{"srai", 0x40005013, mF6, fmtSh6, opSrai, 0},
	{"addiw", 0x0000001b, mF3, fmtI, opAddiw, 0},
	{"slliw", 0x0000101b, mF7, fmtSh5, opSlliw, 0},
	{"srliw", 0x0000501b, mF7, fmtSh5, opSrliw, 0},
	{"sraiw", 0x4000501b, mF7, fmtSh5, opSraiw, 0},
	{"addw", 0x0000003b, mF7, fmtR, opAddw, 0},
	{"subw", 0x4000003b, mF7, fmtR, opSubw, 0},
	{"sllw", 0x0000103b, mF7, fmtR, opSllw, 0},
	{"srlw", 0x0000503b, mF7, fmtR, opSrlw, 0},
	{"sraw", 0x4000503b, mF7, fmtR, opSraw, 0},

	// Zifencei; its other fields are reserved and ignored
	{"fence.i", 0x0000100f, mF3, fmtNone, opFenceI, 0},

	// Zicntr: the counters are read-only, so only the forms that write nothing are legal
	{"csrrs", 0xc0002073, mCntr, fmtCsr, opCsr, 0},
	{"csrrc", 0xc0003073, mCntr, fmtCsr, opCsr, 0},
	{"csrrsi", 0xc0006073, mCntr, fmtCsr, opCsr, 0},
	{"csrrci", 0xc0007073, mCntr, fmtCsr, opCsr, 0},

	// M
	{"mul", 0x02000033, mF7, fmtR, opMul, ExtM},
	{"mulh", 0x02001033, mF7, fmtR, opMulh, ExtM},
	{"mulhsu", 0x02002033, mF7, fmtR, opMulhsu, ExtM},
	{"mulhu", 0x02003033, mF7, fmtR, opMulhu, ExtM},
	{"div", 0x02004033, mF7, fmtR, opDiv, ExtM},
	{"divu", 0x02005033, mF7, fmtR, opDivu, ExtM},
	{"rem", 0x02006033, mF7, fmtR, opRem, ExtM},
	{"remu", 0x02007033, mF7, fmtR, opRemu, ExtM},
	{"mulw", 0x0200003b, mF7, fmtR, opMulw, ExtM},
	{"divw", 0x0200403b, mF7, fmtR, opDivw, ExtM},
	{"divuw", 0x0200503b, mF7, fmtR, opDivuw, ExtM},
	{"remw", 0x0200603b, mF7, fmtR, opRemw, ExtM},
	{"remuw", 0x0200703b, mF7, fmtR, opRemuw, ExtM},

	// A
	{"lr.w", 0x1000202f, mLr, fmtAmo, opLrW, ExtA},
	{"sc.w", 0x1800202f, mAmo, fmtAmo, opScW, ExtA},
	{"amoswap.w", 0x0800202f, mAmo, fmtAmo, opAmoW, ExtA},
	{"amoadd.w", 0x0000202f, mAmo, fmtAmo, opAmoW, ExtA},
	{"amoxor.w", 0x2000202f, mAmo, fmtAmo, opAmoW, ExtA},
	{"amoand.w", 0x6000202f, mAmo, fmtAmo, opAmoW, ExtA},
	{"amoor.w", 0x4000202f, mAmo, fmtAmo, opAmoW, ExtA},
	{"amomin.w", 0x8000202f, mAmo, fmtAmo, opAmoW, ExtA},
	{"amomax.w", 0xa000202f, mAmo, fmtAmo, opAmoW, ExtA},
	{"amominu.w", 0xc000202f, mAmo, fmtAmo, opAmoW, ExtA},
	{"amomaxu.w", 0xe000202f, mAmo, fmtAmo, opAmoW, ExtA},
	{"lr.d", 0x1000302f, mLr, fmtAmo, opLrD, ExtA},
	{"sc.d", 0x1800302f, mAmo, fmtAmo, opScD, ExtA},
	{"amoswap.d", 0x0800302f, mAmo, fmtAmo, opAmoD, ExtA},
	{"amoadd.d", 0x0000302f, mAmo, fmtAmo, opAmoD, ExtA},
	{"amoxor.d", 0x2000302f, mAmo, fmtAmo, opAmoD, ExtA},
	{"amoand.d", 0x6000302f, mAmo, fmtAmo, opAmoD, ExtA},
	{"amoor.d", 0x4000302f, mAmo, fmtAmo, opAmoD, ExtA},
	{"amomin.d", 0x8000302f, mAmo, fmtAmo, opAmoD, ExtA},
	{"amomax.d", 0xa000302f, mAmo, fmtAmo, opAmoD, ExtA},
	{"amominu.d", 0xc000302f, mAmo, fmtAmo, opAmoD, ExtA},
	{"amomaxu.d", 0xe000302f, mAmo, fmtAmo, opAmoD, ExtA},

	// Zacas; amocas.q stays illegal, since no host operation in Go swaps 16 bytes atomically
	{"amocas.w", 0x2800202f, mAmo, fmtAmo, opAmoW, ExtZacas},
	{"amocas.d", 0x2800302f, mAmo, fmtAmo, opAmoD, ExtZacas},

	// Zba
	{"add.uw", 0x0800003b, mF7, fmtR, opAddUw, ExtZba},
	{"sh1add", 0x20002033, mF7, fmtR, opSh1add, ExtZba},
	{"sh2add", 0x20004033, mF7, fmtR, opSh2add, ExtZba},
	{"sh3add", 0x20006033, mF7, fmtR, opSh3add, ExtZba},
	{"sh1add.uw", 0x2000203b, mF7, fmtR, opSh1addUw, ExtZba},
	{"sh2add.uw", 0x2000403b, mF7, fmtR, opSh2addUw, ExtZba},
	{"sh3add.uw", 0x2000603b, mF7, fmtR, opSh3addUw, ExtZba},
	{"slli.uw", 0x0800101b, mF6, fmtSh6, opSlliUw, ExtZba},

	// Zbb
	{"andn", 0x40007033, mF7, fmtR, opAndn, ExtZbb},
	{"orn", 0x40006033, mF7, fmtR, opOrn, ExtZbb},
	{"xnor", 0x40004033, mF7, fmtR, opXnor, ExtZbb},
	{"clz", 0x60001013, mF12, fmtUnary, opClz, ExtZbb},
	{"ctz", 0x60101013, mF12, fmtUnary, opCtz, ExtZbb},
	{"cpop", 0x60201013, mF12, fmtUnary, opCpop, ExtZbb},
	{"clzw", 0x6000101b, mF12, fmtUnary, opClzw, ExtZbb},
	{"ctzw", 0x6010101b, mF12, fmtUnary, opCtzw, ExtZbb},
	{"cpopw", 0x6020101b, mF12, fmtUnary, opCpopw, ExtZbb},
	{"max", 0x0a006033, mF7, fmtR, opMax, ExtZbb},
	{"maxu", 0x0a007033, mF7, fmtR, opMaxu, ExtZbb},
	{"min", 0x0a004033, mF7, fmtR, opMin, ExtZbb},
	{"minu", 0x0a005033, mF7, fmtR, opMinu, ExtZbb},
	{"sext.b", 0x60401013, mF12, fmtUnary, opSextB, ExtZbb},
	{"sext.h", 0x60501013, mF12, fmtUnary, opSextH, ExtZbb},
	{"zext.h", 0x0800403b, mF12, fmtUnary, opZextH, ExtZbb},
	{"rol", 0x60001033, mF7, fmtR, opRol, ExtZbb},
	{"ror", 0x60005033, mF7, fmtR, opRor, ExtZbb},
	{"rori", 0x60005013, mF6, fmtSh6, opRori, ExtZbb},
	{"rolw", 0x6000103b, mF7, fmtR, opRolw, ExtZbb},
	{"rorw", 0x6000503b, mF7, fmtR, opRorw, ExtZbb},
	{"roriw", 0x6000501b, mF7, fmtSh5, opRoriw, ExtZbb},
	{"orc.b", 0x28705013, mF12, fmtUnary, opOrcB, ExtZbb},
	{"rev8", 0x6b805013, mF12, fmtUnary, opRev8, ExtZbb},

	// Zbs
	{"bclr", 0x48001033, mF7, fmtR, opBclr, ExtZbs},
	{"bclri", 0x48001013, mF6, fmtSh6, opBclri, ExtZbs},
	{"bext", 0x48005033, mF7, fmtR, opBext, ExtZbs},
	{"bexti", 0x48005013, mF6, fmtSh6, opBexti, ExtZbs},
	{"binv", 0x68001033, mF7, fmtR, opBinv, ExtZbs},
	{"binvi", 0x68001013, mF6, fmtSh6, opBinvi, ExtZbs},
	{"bset", 0x28001033, mF7, fmtR, opBset, ExtZbs},
	{"bseti", 0x28001013, mF6, fmtSh6, opBseti, ExtZbs},

	// Zicond
	{"czero.eqz", 0x0e005033, mF7, fmtR, opCzeroEqz, ExtZicond},
	{"czero.nez", 0x0e007033, mF7, fmtR, opCzeroNez, ExtZicond},
}
