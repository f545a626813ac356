package bpfasm

import (
	"fmt"

	"github.com/rivetbpf/rivet/internal/bpf"
)

// form says which operands a mnemonic takes and which fields they fill.
type form uint8

const (
	formNone     form = iota
	formALU           // dst, src or immediate
	formUnary         // dst
	formMovSX         // dst, src
	formLoad          // dst, [src+off]
	formStoreImm      // [dst+off], immediate
	formStoreReg      // [dst+off], src
	formJump          // dst, src or immediate, target
	formJA            // target, in the offset
	formGotol         // target, in the immediate
	formLDDW          // dst, 64-bit immediate or reference
)

// row is a mnemonic: the instruction with all that the operands do not say.
type row struct {
	form form
	insn bpf.Insn
}

// rows holds every mnemonic but call, callx and lock, which parse words of
// their own. One line of addRows per family.
var rows = map[string]row{}

// widths are the suffixes of arithmetic and conditional jumps.
var widths = []struct {
	suffix   string
	alu, jmp uint8
}{
	{"", bpf.ClassALU64, bpf.ClassJMP},
	{"64", bpf.ClassALU64, bpf.ClassJMP},
	{"32", bpf.ClassALU, bpf.ClassJMP32},
}

// sizes are the suffixes of loads and stores.
var sizes = []struct {
	suffix string
	bits   int
	op     uint8
}{
	{"b", 8, bpf.SizeB}, {"h", 16, bpf.SizeH}, {"w", 32, bpf.SizeW}, {"dw", 64, bpf.SizeDW},
}

var aluOps = map[string]uint8{"add": bpf.ALUAdd, "sub": bpf.ALUSub, "mul": bpf.ALUMul, "div": bpf.ALUDiv,
	"or": bpf.ALUOr, "and": bpf.ALUAnd, "lsh": bpf.ALULsh, "rsh": bpf.ALURsh, "mod": bpf.ALUMod,
	"xor": bpf.ALUXor, "mov": bpf.ALUMov, "arsh": bpf.ALUArsh}

var jumpOps = map[string]uint8{"jeq": bpf.JmpJEQ, "jgt": bpf.JmpJGT, "jge": bpf.JmpJGE, "jset": bpf.JmpJSET,
	"jne": bpf.JmpJNE, "jsgt": bpf.JmpJSGT, "jsge": bpf.JmpJSGE, "jlt": bpf.JmpJLT, "jle": bpf.JmpJLE,
	"jslt": bpf.JmpJSLT, "jsle": bpf.JmpJSLE}

// atomicOps are the words after lock; 32 may follow each.
var atomicOps = map[string]int32{"add": bpf.AtomicAdd, "or": bpf.AtomicOr, "and": bpf.AtomicAnd,
	"xor": bpf.AtomicXor, "xchg": bpf.AtomicXchg, "cmpxchg": bpf.AtomicCmpXchg}

func add(name string, f form, in bpf.Insn) { rows[name] = row{f, in} }

func init() {
	for _, w := range widths {
		for name, op := range aluOps {
			add(name+w.suffix, formALU, bpf.Insn{Op: w.alu | op})
		}
		for name, op := range jumpOps {
			add(name+w.suffix, formJump, bpf.Insn{Op: w.jmp | op})
		}
		add("sdiv"+w.suffix, formALU, bpf.Insn{Op: w.alu | bpf.ALUDiv, Off: 1})
		add("smod"+w.suffix, formALU, bpf.Insn{Op: w.alu | bpf.ALUMod, Off: 1})
		add("neg"+w.suffix, formUnary, bpf.Insn{Op: w.alu | bpf.ALUNeg})
	}
	for _, bits := range []int16{8, 16, 32} {
		for _, w := range widths {
			if bits < 32 || w.alu == bpf.ClassALU64 {
				add(fmt.Sprintf("movsx%d%s", bits, w.suffix), formMovSX, bpf.Insn{Op: w.alu | bpf.ALUMov | bpf.SrcX, Off: bits})
			}
		}
	}
	for _, bits := range []int32{16, 32, 64} {
		add(fmt.Sprintf("le%d", bits), formUnary, bpf.Insn{Op: bpf.ClassALU | bpf.ALUEnd, Imm: bits})
		add(fmt.Sprintf("be%d", bits), formUnary, bpf.Insn{Op: bpf.ClassALU | bpf.ALUEnd | bpf.SrcX, Imm: bits})
		add(fmt.Sprintf("bswap%d", bits), formUnary, bpf.Insn{Op: bpf.ClassALU64 | bpf.ALUEnd, Imm: bits})
		add(fmt.Sprintf("swap%d", bits), formUnary, bpf.Insn{Op: bpf.ClassALU64 | bpf.ALUEnd, Imm: bits})
	}
	for _, s := range sizes {
		add("ldx"+s.suffix, formLoad, bpf.Insn{Op: bpf.ClassLDX | bpf.ModeMEM | s.op})
		add("st"+s.suffix, formStoreImm, bpf.Insn{Op: bpf.ClassST | bpf.ModeMEM | s.op})
		add("stx"+s.suffix, formStoreReg, bpf.Insn{Op: bpf.ClassSTX | bpf.ModeMEM | s.op})
		add(fmt.Sprintf("load_acquire%d", s.bits), formLoad, bpf.Insn{Op: bpf.ClassSTX | bpf.ModeAtomic | s.op, Imm: bpf.AtomicLoadAcq})
		add(fmt.Sprintf("store_release%d", s.bits), formStoreReg, bpf.Insn{Op: bpf.ClassSTX | bpf.ModeAtomic | s.op, Imm: bpf.AtomicStoreRel})
		if s.bits < 64 {
			add("ldxs"+s.suffix, formLoad, bpf.Insn{Op: bpf.ClassLDX | bpf.ModeMEMSX | s.op})
		}
	}
	add("ja", formJA, bpf.Insn{Op: bpf.OpJA})
	add("may_goto", formJA, bpf.Insn{Op: bpf.OpMayGo})
	add("ja32", formGotol, bpf.Insn{Op: bpf.OpGotol})
	add("gotol", formGotol, bpf.Insn{Op: bpf.OpGotol})
	add("lddw", formLDDW, bpf.Insn{Op: bpf.OpLDDW})
	add("exit", formNone, bpf.Insn{Op: bpf.OpExit})
}
