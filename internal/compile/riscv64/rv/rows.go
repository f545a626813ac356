package rv

// row is all that the package knows of one instruction. Every packer, check
// and text line reads it; the bits stand nowhere else.
type row struct {
	name  string
	form  format
	match uint32 // every bit that is not an operand
	ext   Ext    // what must be present beyond RV64IMA; 0: nothing
}

// format says which operands an instruction has and where their bits are.
type format uint8

const (
	fmtNone   format = iota // no operand
	fmtR                    // rd, rs1, rs2
	fmtUnary                // rd, rs1; the field of rs2 belongs to the opcode
	fmtI                    // rd, rs1, imm[11:0]
	fmtShift6               // rd, rs1, shamt[5:0]
	fmtShift5               // rd, rs1, shamt[4:0]
	fmtLoad                 // rd, imm[11:0](rs1)
	fmtJALR                 // rd, imm[11:0](rs1)
	fmtS                    // rs2, imm[11:0](rs1)
	fmtB                    // rs1, rs2, imm[12:1]
	fmtU                    // rd, imm[31:12]
	fmtJ                    // rd, imm[20:1]
	fmtAMO                  // rd, rs2, (rs1); imm is aq<<1 | rl
	fmtLR                   // rd, (rs1); imm is aq<<1 | rl
	fmtCSR                  // rd, csr, rs1; imm is the number of the csr
	fmtFence                // imm is pred<<4 | succ, each a set of PI=8 PO=4 PR=2 PW=1
	numFormats
)

// limits are the operands of a format: which registers it has, and what its
// immediate may be.
type limits struct {
	rd, rs1, rs2 bool
	lo, hi       int32
	align        int32  // the immediate is a multiple of it
	bits         uint32 // where the immediate is
}

var formats = [numFormats]limits{
	fmtNone:   {},
	fmtR:      {rd: true, rs1: true, rs2: true},
	fmtUnary:  {rd: true, rs1: true},
	fmtI:      {rd: true, rs1: true, lo: -2048, hi: 2047, bits: 0xfff00000},
	fmtShift6: {rd: true, rs1: true, hi: 63, bits: 0x03f00000},
	fmtShift5: {rd: true, rs1: true, hi: 31, bits: 0x01f00000},
	fmtLoad:   {rd: true, rs1: true, lo: -2048, hi: 2047, bits: 0xfff00000},
	fmtJALR:   {rd: true, rs1: true, lo: -2048, hi: 2047, bits: 0xfff00000},
	fmtS:      {rs1: true, rs2: true, lo: -2048, hi: 2047, bits: 0xfe000f80},
	fmtB:      {rs1: true, rs2: true, lo: -4096, hi: 4094, align: 2, bits: 0xfe000f80},
	// Assemblers write the upper immediate unsigned, code generators shift a
	// signed constant: both name the same 20 bits.
	fmtU:     {rd: true, lo: -1 << 19, hi: 1<<20 - 1, bits: 0xfffff000},
	fmtJ:     {rd: true, lo: -1 << 20, hi: 1<<20 - 2, align: 2, bits: 0xfffff000},
	fmtAMO:   {rd: true, rs1: true, rs2: true, hi: 3, bits: 0x06000000},
	fmtLR:    {rd: true, rs1: true, hi: 3, bits: 0x06000000},
	fmtCSR:   {rd: true, rs1: true, hi: 4095, bits: 0xfff00000},
	fmtFence: {hi: 255, bits: 0x0ff00000},
}

// mask is the bits of an instruction that are not operands.
func (r *row) mask() uint32 {
	l := &formats[r.form]
	m := ^l.bits
	if l.rd {
		m &^= 31 << 7
	}
	if l.rs1 {
		m &^= 31 << 15
	}
	if l.rs2 {
		m &^= 31 << 20
	}
	return m
}

// rows is the instruction table, grouped by the sections of the RISC-V
// unprivileged ISA manual (version 20240411) and its ratified extensions.
var rows = [numOps]row{
	// RV32I and RV64I, 2.4: integer register-immediate.
	ADDI:  {"addi", fmtI, 0x00000013, 0},
	SLTI:  {"slti", fmtI, 0x00002013, 0},
	SLTIU: {"sltiu", fmtI, 0x00003013, 0},
	XORI:  {"xori", fmtI, 0x00004013, 0},
	ORI:   {"ori", fmtI, 0x00006013, 0},
	ANDI:  {"andi", fmtI, 0x00007013, 0},
	SLLI:  {"slli", fmtShift6, 0x00001013, 0},
	SRLI:  {"srli", fmtShift6, 0x00005013, 0},
	SRAI:  {"srai", fmtShift6, 0x40005013, 0},
	LUI:   {"lui", fmtU, 0x00000037, 0},
	AUIPC: {"auipc", fmtU, 0x00000017, 0},

	// 2.4: integer register-register.
	ADD:  {"add", fmtR, 0x00000033, 0},
	SUB:  {"sub", fmtR, 0x40000033, 0},
	SLL:  {"sll", fmtR, 0x00001033, 0},
	SLT:  {"slt", fmtR, 0x00002033, 0},
	SLTU: {"sltu", fmtR, 0x00003033, 0},
	XOR:  {"xor", fmtR, 0x00004033, 0},
	SRL:  {"srl", fmtR, 0x00005033, 0},
	SRA:  {"sra", fmtR, 0x40005033, 0},
	OR:   {"or", fmtR, 0x00006033, 0},
	AND:  {"and", fmtR, 0x00007033, 0},

	// 2.5: control transfer.
	JAL:  {"jal", fmtJ, 0x0000006f, 0},
	JALR: {"jalr", fmtJALR, 0x00000067, 0},
	BEQ:  {"beq", fmtB, 0x00000063, 0},
	BNE:  {"bne", fmtB, 0x00001063, 0},
	BLT:  {"blt", fmtB, 0x00004063, 0},
	BGE:  {"bge", fmtB, 0x00005063, 0},
	BLTU: {"bltu", fmtB, 0x00006063, 0},
	BGEU: {"bgeu", fmtB, 0x00007063, 0},

	// 2.6: loads and stores.
	LB:  {"lb", fmtLoad, 0x00000003, 0},
	LH:  {"lh", fmtLoad, 0x00001003, 0},
	LW:  {"lw", fmtLoad, 0x00002003, 0},
	LD:  {"ld", fmtLoad, 0x00003003, 0},
	LBU: {"lbu", fmtLoad, 0x00004003, 0},
	LHU: {"lhu", fmtLoad, 0x00005003, 0},
	LWU: {"lwu", fmtLoad, 0x00006003, 0},
	SB:  {"sb", fmtS, 0x00000023, 0},
	SH:  {"sh", fmtS, 0x00001023, 0},
	SW:  {"sw", fmtS, 0x00002023, 0},
	SD:  {"sd", fmtS, 0x00003023, 0},

	// 2.7 and 2.8: memory ordering, environment.
	FENCE:    {"fence", fmtFence, 0x0000000f, 0},
	FENCETSO: {"fence.tso", fmtNone, 0x8330000f, 0},
	ECALL:    {"ecall", fmtNone, 0x00000073, 0},
	EBREAK:   {"ebreak", fmtNone, 0x00100073, 0},

	// RV64I, 4.2: 32-bit operations.
	ADDIW: {"addiw", fmtI, 0x0000001b, 0},
	SLLIW: {"slliw", fmtShift5, 0x0000101b, 0},
	SRLIW: {"srliw", fmtShift5, 0x0000501b, 0},
	SRAIW: {"sraiw", fmtShift5, 0x4000501b, 0},
	ADDW:  {"addw", fmtR, 0x0000003b, 0},
	SUBW:  {"subw", fmtR, 0x4000003b, 0},
	SLLW:  {"sllw", fmtR, 0x0000103b, 0},
	SRLW:  {"srlw", fmtR, 0x0000503b, 0},
	SRAW:  {"sraw", fmtR, 0x4000503b, 0},

	// Zicsr: the counters are read with csrrs rd, csr, x0.
	CSRRS: {"csrrs", fmtCSR, 0x00002073, 0},

	// M: multiplication and division.
	MUL:    {"mul", fmtR, 0x02000033, 0},
	MULH:   {"mulh", fmtR, 0x02001033, 0},
	MULHSU: {"mulhsu", fmtR, 0x02002033, 0},
	MULHU:  {"mulhu", fmtR, 0x02003033, 0},
	DIV:    {"div", fmtR, 0x02004033, 0},
	DIVU:   {"divu", fmtR, 0x02005033, 0},
	REM:    {"rem", fmtR, 0x02006033, 0},
	REMU:   {"remu", fmtR, 0x02007033, 0},
	MULW:   {"mulw", fmtR, 0x0200003b, 0},
	DIVW:   {"divw", fmtR, 0x0200403b, 0},
	DIVUW:  {"divuw", fmtR, 0x0200503b, 0},
	REMW:   {"remw", fmtR, 0x0200603b, 0},
	REMUW:  {"remuw", fmtR, 0x0200703b, 0},

	// A, Zalrsc: load-reserved, store-conditional.
	LRW: {"lr.w", fmtLR, 0x1000202f, 0},
	LRD: {"lr.d", fmtLR, 0x1000302f, 0},
	SCW: {"sc.w", fmtAMO, 0x1800202f, 0},
	SCD: {"sc.d", fmtAMO, 0x1800302f, 0},

	// A, Zaamo: atomic memory operations.
	AMOSWAPW: {"amoswap.w", fmtAMO, 0x0800202f, 0},
	AMOSWAPD: {"amoswap.d", fmtAMO, 0x0800302f, 0},
	AMOADDW:  {"amoadd.w", fmtAMO, 0x0000202f, 0},
	AMOADDD:  {"amoadd.d", fmtAMO, 0x0000302f, 0},
	AMOXORW:  {"amoxor.w", fmtAMO, 0x2000202f, 0},
	AMOXORD:  {"amoxor.d", fmtAMO, 0x2000302f, 0},
	AMOANDW:  {"amoand.w", fmtAMO, 0x6000202f, 0},
	AMOANDD:  {"amoand.d", fmtAMO, 0x6000302f, 0},
	AMOORW:   {"amoor.w", fmtAMO, 0x4000202f, 0},
	AMOORD:   {"amoor.d", fmtAMO, 0x4000302f, 0},
	AMOMINW:  {"amomin.w", fmtAMO, 0x8000202f, 0},
	AMOMIND:  {"amomin.d", fmtAMO, 0x8000302f, 0},
	AMOMAXW:  {"amomax.w", fmtAMO, 0xa000202f, 0},
	AMOMAXD:  {"amomax.d", fmtAMO, 0xa000302f, 0},
	AMOMINUW: {"amominu.w", fmtAMO, 0xc000202f, 0},
	AMOMINUD: {"amominu.d", fmtAMO, 0xc000302f, 0},
	AMOMAXUW: {"amomaxu.w", fmtAMO, 0xe000202f, 0},
	AMOMAXUD: {"amomaxu.d", fmtAMO, 0xe000302f, 0},

	// Zacas: compare and swap; rd is compared, and then takes what memory held.
	AMOCASW: {"amocas.w", fmtAMO, 0x2800202f, ExtZacas},
	AMOCASD: {"amocas.d", fmtAMO, 0x2800302f, ExtZacas},

	// Zba: address generation.
	ADDUW:    {"add.uw", fmtR, 0x0800003b, ExtZba},
	SH1ADD:   {"sh1add", fmtR, 0x20002033, ExtZba},
	SH2ADD:   {"sh2add", fmtR, 0x20004033, ExtZba},
	SH3ADD:   {"sh3add", fmtR, 0x20006033, ExtZba},
	SH1ADDUW: {"sh1add.uw", fmtR, 0x2000203b, ExtZba},
	SH2ADDUW: {"sh2add.uw", fmtR, 0x2000403b, ExtZba},
	SH3ADDUW: {"sh3add.uw", fmtR, 0x2000603b, ExtZba},
	SLLIUW:   {"slli.uw", fmtShift6, 0x0800101b, ExtZba},

	// Zbb: basic bit manipulation.
	ANDN:  {"andn", fmtR, 0x40007033, ExtZbb},
	ORN:   {"orn", fmtR, 0x40006033, ExtZbb},
	XNOR:  {"xnor", fmtR, 0x40004033, ExtZbb},
	CLZ:   {"clz", fmtUnary, 0x60001013, ExtZbb},
	CTZ:   {"ctz", fmtUnary, 0x60101013, ExtZbb},
	CPOP:  {"cpop", fmtUnary, 0x60201013, ExtZbb},
	CLZW:  {"clzw", fmtUnary, 0x6000101b, ExtZbb},
	CTZW:  {"ctzw", fmtUnary, 0x6010101b, ExtZbb},
	CPOPW: {"cpopw", fmtUnary, 0x6020101b, ExtZbb},
	MIN:   {"min", fmtR, 0x0a004033, ExtZbb},
	MINU:  {"minu", fmtR, 0x0a005033, ExtZbb},
	MAX:   {"max", fmtR, 0x0a006033, ExtZbb},
	MAXU:  {"maxu", fmtR, 0x0a007033, ExtZbb},
	SEXTB: {"sext.b", fmtUnary, 0x60401013, ExtZbb},
	SEXTH: {"sext.h", fmtUnary, 0x60501013, ExtZbb},
	ZEXTH: {"zext.h", fmtUnary, 0x0800403b, ExtZbb},
	ROL:   {"rol", fmtR, 0x60001033, ExtZbb},
	ROR:   {"ror", fmtR, 0x60005033, ExtZbb},
	ROLW:  {"rolw", fmtR, 0x6000103b, ExtZbb},
	RORW:  {"rorw", fmtR, 0x6000503b, ExtZbb},
	RORI:  {"rori", fmtShift6, 0x60005013, ExtZbb},
	RORIW: {"roriw", fmtShift5, 0x6000501b, ExtZbb},
	ORCB:  {"orc.b", fmtUnary, 0x28705013, ExtZbb},
	REV8:  {"rev8", fmtUnary, 0x6b805013, ExtZbb},

	// Zbs: single bits.
	BCLR:  {"bclr", fmtR, 0x48001033, ExtZbs},
	BCLRI: {"bclri", fmtShift6, 0x48001013, ExtZbs},
	BEXT:  {"bext", fmtR, 0x48005033, ExtZbs},
	BEXTI: {"bexti", fmtShift6, 0x48005013, ExtZbs},
	BINV:  {"binv", fmtR, 0x68001033, ExtZbs},
	BINVI: {"binvi", fmtShift6, 0x68001013, ExtZbs},
	BSET:  {"bset", fmtR, 0x28001033, ExtZbs},
	BSETI: {"bseti", fmtShift6, 0x28001013, ExtZbs},

	// Zicond: conditional zeroing.
	CZEROEQZ: {"czero.eqz", fmtR, 0x0e005033, ExtZicond},
	CZERONEZ: {"czero.nez", fmtR, 0x0e007033, ExtZicond},
}

// String returns the mnemonic of op.
func (op Op) String() string {
	if op < numOps {
		return rows[op].name
	}
	return "op(" + itoa(int64(op)) + ")"
}

// Ext returns the extension that op needs beyond RV64IMA, 0 for none.
func (op Op) Ext() Ext {
	if op < numOps {
		return rows[op].ext
	}
	return 0
}
