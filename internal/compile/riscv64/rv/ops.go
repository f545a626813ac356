package rv

// Op names one instruction. Its bits, operands and text are in its row (rows.go).
type Op uint16

// The instructions, in the order of the ISA manual.
const (
	// RV32I and RV64I, 2.4: integer register-immediate.
	ADDI Op = iota
	SLTI
	SLTIU
	XORI
	ORI
	ANDI
	SLLI
	SRLI
	SRAI
	LUI
	AUIPC

	// 2.4: integer register-register.
	ADD
	SUB
	SLL
	SLT
	SLTU
	XOR
	SRL
	SRA
	OR
	AND

	// 2.5: control transfer.
	JAL
	JALR
	BEQ
	BNE
	BLT
	BGE
	BLTU
	BGEU

	// 2.6: loads and stores.
	LB
	LH
	LW
	LD
	LBU
	LHU
	LWU
	SB
	SH
	SW
	SD

	// 2.7 and 2.8: memory ordering, environment.
	FENCE
	FENCETSO
	ECALL
	EBREAK

	// RV64I, 4.2: 32-bit operations.
	ADDIW
	SLLIW
	SRLIW
	SRAIW
	ADDW
	SUBW
	SLLW
	SRLW
	SRAW

	// Zicsr: the counters are read with csrrs rd, csr, x0.
	CSRRS

	// M: multiplication and division.
	MUL
	MULH
	MULHSU
	MULHU
	DIV
	DIVU
	REM
	REMU
	MULW
	DIVW
	DIVUW
	REMW
	REMUW

	// A, Zalrsc: load-reserved, store-conditional.
	LRW
	LRD
	SCW
	SCD

	// A, Zaamo: atomic memory operations.
	AMOSWAPW
	AMOSWAPD
	AMOADDW
	AMOADDD
	AMOXORW
	AMOXORD
	AMOANDW
	AMOANDD
	AMOORW
	AMOORD
	AMOMINW
	AMOMIND
	AMOMAXW
	AMOMAXD
	AMOMINUW
	AMOMINUD
	AMOMAXUW
	AMOMAXUD

	// Zacas: compare and swap; rd is compared, and then takes what memory held.
	AMOCASW
	AMOCASD

	// Zba: address generation.
	ADDUW
	SH1ADD
	SH2ADD
	SH3ADD
	SH1ADDUW
	SH2ADDUW
	SH3ADDUW
	SLLIUW

	// Zbb: basic bit manipulation.
	ANDN
	ORN
	XNOR
	CLZ
	CTZ
	CPOP
	CLZW
	CTZW
	CPOPW
	MIN
	MINU
	MAX
	MAXU
	SEXTB
	SEXTH
	ZEXTH
	ROL
	ROR
	ROLW
	RORW
	RORI
	RORIW
	ORCB
	REV8

	// Zbs: single bits.
	BCLR
	BCLRI
	BEXT
	BEXTI
	BINV
	BINVI
	BSET
	BSETI

	// Zicond: conditional zeroing.
	CZEROEQZ
	CZERONEZ

	numOps
)
