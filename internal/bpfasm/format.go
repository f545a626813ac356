package bpfasm

import (
	"fmt"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/helpers"
)

// Format prints the instruction at slot pc as llvm-objdump does (for -mcpu=v4,
// with decimal immediates), and by name what it refers to in its module. The
// second slot of a 64-bit immediate prints as "".
func Format(mod *bpf.Module, fn *bpf.Func, pc int) string {
	if pc > 0 && fn.Insns[pc].Op == 0 && fn.Insns[pc-1].IsLDDW() {
		return ""
	}
	in := fn.Insns[pc]
	s := ""
	switch in.Class() {
	case bpf.ClassALU, bpf.ClassALU64:
		s = formatALU(in)
	case bpf.ClassJMP, bpf.ClassJMP32:
		s = formatJump(mod, in)
	case bpf.ClassLD:
		if in.IsLDDW() && pc+1 < len(fn.Insns) {
			s = formatLDDW(mod, in, fn.Insns[pc+1])
		}
	default:
		s = formatMemory(in)
	}
	if s == "" {
		return "<unknown>"
	}
	return s
}

// reg names a register, by its lower half in 32-bit instructions.
func reg(r uint8, half bool) string {
	if half {
		return fmt.Sprintf("w%d", r)
	}
	return fmt.Sprintf("r%d", r)
}

// aluSigns are the operators between destination and source.
var aluSigns = map[uint8]string{bpf.ALUAdd: "+=", bpf.ALUSub: "-=", bpf.ALUMul: "*=", bpf.ALUDiv: "/=",
	bpf.ALUOr: "|=", bpf.ALUAnd: "&=", bpf.ALULsh: "<<=", bpf.ALURsh: ">>=", bpf.ALUMod: "%=",
	bpf.ALUXor: "^=", bpf.ALUMov: "=", bpf.ALUArsh: "s>>="}

func formatALU(in bpf.Insn) string {
	half := in.Class() == bpf.ClassALU
	dst := reg(in.Dst, half)
	sign, ok := aluSigns[in.ALUOp()]
	switch {
	case in.ALUOp() == bpf.ALUEnd:
		return formatSwap(in)
	case in.ALUOp() == bpf.ALUNeg && in.Op&bpf.SrcX != 0:
		return ""
	case in.ALUOp() == bpf.ALUNeg:
		return fmt.Sprintf("%s = -%s", dst, dst)
	case !ok:
		return ""
	case in.Op&bpf.SrcX == 0:
		return fmt.Sprintf("%s %s %d", dst, signed(in, sign), in.Imm)
	case in.ALUOp() == bpf.ALUMov && in.Off != 0:
		return fmt.Sprintf("%s = (s%d)%s", dst, in.Off, reg(in.Src, half))
	}
	return fmt.Sprintf("%s %s %s", dst, signed(in, sign), reg(in.Src, half))
}

// signed marks the operator of signed division and remainder.
func signed(in bpf.Insn, sign string) string {
	if op := in.ALUOp(); in.Off == 1 && (op == bpf.ALUDiv || op == bpf.ALUMod) {
		return "s" + sign
	}
	return sign
}

func formatSwap(in bpf.Insn) string {
	name := map[uint8]string{bpf.ClassALU | bpf.ALUEnd: "le", bpf.ClassALU | bpf.ALUEnd | bpf.SrcX: "be",
		bpf.ClassALU64 | bpf.ALUEnd: "bswap"}[in.Op]
	if name == "" {
		return ""
	}
	return fmt.Sprintf("r%d = %s%d r%d", in.Dst, name, in.Imm, in.Dst)
}

var jumpSigns = map[uint8]string{bpf.JmpJEQ: "==", bpf.JmpJGT: ">", bpf.JmpJGE: ">=", bpf.JmpJSET: "&",
	bpf.JmpJNE: "!=", bpf.JmpJSGT: "s>", bpf.JmpJSGE: "s>=", bpf.JmpJLT: "<", bpf.JmpJLE: "<=",
	bpf.JmpJSLT: "s<", bpf.JmpJSLE: "s<="}

func formatJump(mod *bpf.Module, in bpf.Insn) string {
	switch in.Op {
	case bpf.OpJA:
		return fmt.Sprintf("goto %+d", in.Off)
	case bpf.OpMayGo:
		return fmt.Sprintf("may_goto %+d", in.Off)
	case bpf.OpGotol:
		return fmt.Sprintf("gotol %+d", in.Imm)
	case bpf.OpExit:
		return "exit"
	case bpf.OpCallX:
		return fmt.Sprintf("callx r%d", in.Dst)
	case bpf.OpCall:
		return "call " + callee(mod, in)
	}
	half := in.Class() == bpf.ClassJMP32
	sign, ok := jumpSigns[in.JmpOp()]
	if !ok {
		return ""
	}
	if in.Op&bpf.SrcX == 0 {
		return fmt.Sprintf("if %s %s %d goto %+d", reg(in.Dst, half), sign, in.Imm, in.Off)
	}
	return fmt.Sprintf("if %s %s %s goto %+d", reg(in.Dst, half), sign, reg(in.Src, half), in.Off)
}

func callee(mod *bpf.Module, in bpf.Insn) string {
	switch {
	case in.Src == bpf.CallSubprog && mod != nil && in.Imm >= 0 && int(in.Imm) < len(mod.Funcs):
		return mod.Funcs[in.Imm].Name
	case in.Src == bpf.CallKfunc && mod != nil && in.Imm >= 0 && int(in.Imm) < len(mod.Kfuncs):
		return mod.Kfuncs[in.Imm]
	case in.Src == bpf.CallHelper && helpers.Name(in.Imm) != "":
		return "bpf_" + helpers.Name(in.Imm)
	}
	return fmt.Sprint(in.Imm)
}

func formatLDDW(mod *bpf.Module, lo, hi bpf.Insn) string {
	i := int(lo.Imm)
	switch {
	case lo.Src == bpf.LoadImm64:
		return fmt.Sprintf("r%d = %d ll", lo.Dst, int64(bpf.Imm64(lo, hi)))
	case mod == nil || i < 0:
	case lo.Src == bpf.LoadMap && i < len(mod.Maps):
		return fmt.Sprintf("r%d = map[%s] ll", lo.Dst, mod.Maps[i].Name)
	case lo.Src == bpf.LoadMapValue && i < len(mod.Maps):
		return fmt.Sprintf("r%d = map[%s][0]+%d ll", lo.Dst, mod.Maps[i].Name, uint32(hi.Imm))
	case lo.Src == bpf.LoadFunc && i < len(mod.Funcs):
		return fmt.Sprintf("r%d = subprog[%s] ll", lo.Dst, mod.Funcs[i].Name)
	}
	return fmt.Sprintf("ld_pseudo\tr%d, %d, %d", lo.Dst, lo.Src, lo.Imm)
}

// place prints a register with an offset.
func place(r uint8, off int16) string {
	if off < 0 {
		return fmt.Sprintf("r%d - %d", r, -int(off))
	}
	return fmt.Sprintf("r%d + %d", r, off)
}

func formatMemory(in bpf.Insn) string {
	bits := in.Size() * 8
	half := bits < 64
	switch in.Op & 0xe7 {
	case bpf.ClassLDX | bpf.ModeMEM:
		return fmt.Sprintf("%s = *(u%d *)(%s)", reg(in.Dst, half), bits, place(in.Src, in.Off))
	case bpf.ClassLDX | bpf.ModeMEMSX:
		if half {
			return fmt.Sprintf("r%d = *(s%d *)(%s)", in.Dst, bits, place(in.Src, in.Off))
		}
	case bpf.ClassST | bpf.ModeMEM:
		return fmt.Sprintf("*(u%d *)(%s) = %d", bits, place(in.Dst, in.Off), in.Imm)
	case bpf.ClassSTX | bpf.ModeMEM:
		return fmt.Sprintf("*(u%d *)(%s) = %s", bits, place(in.Dst, in.Off), reg(in.Src, half))
	case bpf.ClassSTX | bpf.ModeAtomic:
		return formatAtomic(in)
	}
	return ""
}

var atomicSigns = map[int32]string{bpf.AtomicAdd: "+=", bpf.AtomicOr: "|=", bpf.AtomicAnd: "&=", bpf.AtomicXor: "^="}

var fetchNames = map[int32]string{bpf.AtomicAdd | bpf.AtomicFetch: "add", bpf.AtomicOr | bpf.AtomicFetch: "or",
	bpf.AtomicAnd | bpf.AtomicFetch: "and", bpf.AtomicXor | bpf.AtomicFetch: "xor"}

func formatAtomic(in bpf.Insn) string {
	bits := in.Size() * 8
	half := bits < 64
	src := reg(in.Src, half)
	at := place(in.Dst, in.Off)
	switch in.Imm {
	case bpf.AtomicLoadAcq:
		return fmt.Sprintf("%s = load_acquire((u%d *)(%s))", reg(in.Dst, half), bits, place(in.Src, in.Off))
	case bpf.AtomicStoreRel:
		return fmt.Sprintf("store_release((u%d *)(%s), %s)", bits, at, src)
	}
	if bits < 32 {
		return ""
	}
	if sign, ok := atomicSigns[in.Imm]; ok {
		return fmt.Sprintf("lock *(u%d *)(%s) %s %s", bits, at, sign, src)
	}
	if name, ok := fetchNames[in.Imm]; ok {
		return fmt.Sprintf("%s = atomic_fetch_%s((u%d *)(%s), %s)", src, name, bits, at, src)
	}
	suffix := "_64"
	if half {
		suffix = "32_32"
	}
	switch in.Imm {
	case bpf.AtomicXchg:
		return fmt.Sprintf("%s = xchg%s(%s, %s)", src, suffix, at, src)
	case bpf.AtomicCmpXchg:
		r0 := reg(bpf.R0, half)
		return fmt.Sprintf("%s = cmpxchg%s(%s, %s, %s)", r0, suffix, at, r0, src)
	}
	return ""
}
