// Package classic translates classic BPF, the filters of tcpdump and of SO_ATTACH_FILTER, to eBPF. What a filter means is
// what Linux makes of it (bpf_check_classic and bpf_convert_filter, net/core/filter.c).
package classic

import (
	"fmt"
	"math"

	"golang.org/x/net/bpf"

	ebpf "github.com/rivetbpf/rivet/internal/bpf"
)

// MaxInsns is BPF_MAXINSNS.
const MaxInsns = 4096

// Registers of a translated filter. The context is where packet loads look for it.
const (
	regA   = ebpf.R0
	regTmp = ebpf.R2
	regCtx = ebpf.R6
	regX   = ebpf.R7
	words  = 16 // of the scratch memory, which lies on the stack
)

// Opcodes of classic BPF: class, size, mode, operation, source (include/uapi/linux/bpf_common.h).
const (
	classLD, classLDX, classST, classSTX, classALU, classJMP, classRET, classMISC = 0, 1, 2, 3, 4, 5, 6, 7

	sizeW, sizeH, sizeB                                  = 0x00, 0x08, 0x10
	modeIMM, modeABS, modeIND, modeMEM, modeLEN, modeMSH = 0x00, 0x20, 0x40, 0x60, 0x80, 0xa0
	srcX, retA, miscTXA                                  = 0x08, 0x10, 0x80
	aluDiv, aluLsh, aluRsh, aluNeg, aluMod, aluXor       = 0x30, 0x60, 0x70, 0x80, 0x90, 0xa0
	jmpJA, jmpJSET                                       = 0x00, 0x40

	ancillary    = -0x1000 // SKF_AD_OFF: loads from here on are no loads from the packet
	ancillaryEnd = 64      // SKF_AD_MAX
)

// Translate translates a filter. The program gets a struct __sk_buff and returns how many bytes of the packet pass.
func Translate(filter []bpf.RawInstruction) ([]ebpf.Insn, error) {
	if err := check(filter); err != nil {
		return nil, err
	}
	t := &translation{filter: filter, at: make([]int, len(filter)+1)}
	t.emit(ebpf.Insn{Op: ebpf.OpMovX, Dst: regCtx, Src: ebpf.R1})
	t.mov(regA, 0)
	t.mov(regX, 0)
	for i := range filter {
		t.at[i] = len(t.code)
		t.one(i, filter[i])
	}
	t.at[len(filter)] = len(t.code)
	for _, j := range t.jumps {
		d := t.at[j.to] - j.pc - 1
		if d > math.MaxInt16 {
			return nil, fmt.Errorf("instruction %d: a jump over %d eBPF instructions: at most %d are possible", j.from, d, math.MaxInt16)
		}
		t.code[j.pc].Off = int16(d)
	}
	return t.code, nil
}

type translation struct {
	filter []bpf.RawInstruction
	code   []ebpf.Insn
	at     []int // where the code of each instruction begins
	jumps  []jump
}

type jump struct{ pc, from, to int }

func (t *translation) emit(in ...ebpf.Insn) { t.code = append(t.code, in...) }

func (t *translation) mov(dst uint8, k uint32) {
	t.emit(ebpf.Insn{Op: ebpf.ClassALU | ebpf.ALUMov, Dst: dst, Imm: int32(k)})
}

func (t *translation) copy(dst, src uint8) {
	t.emit(ebpf.Insn{Op: ebpf.ClassALU | ebpf.ALUMov | ebpf.SrcX, Dst: dst, Src: src})
}

// one translates one instruction.
func (t *translation) one(i int, in bpf.RawInstruction) {
	reg := uint8(regA)
	switch in.Op & 7 {
	case classLDX:
		reg = regX
		fallthrough
	case classLD:
		t.load(in, reg)
	case classST:
		t.emit(ebpf.Insn{Op: ebpf.ClassSTX | ebpf.ModeMEM, Dst: ebpf.R10, Src: regA, Off: word(in.K)})
	case classSTX:
		t.emit(ebpf.Insn{Op: ebpf.ClassSTX | ebpf.ModeMEM, Dst: ebpf.R10, Src: regX, Off: word(in.K)})
	case classALU:
		t.alu(in)
	case classJMP:
		t.jump(i, in)
	case classRET:
		if in.Op&retA == 0 {
			t.mov(regA, in.K)
		}
		t.emit(ebpf.Insn{Op: ebpf.OpExit})
	case classMISC:
		if in.Op&miscTXA != 0 {
			t.copy(regA, regX)
		} else {
			t.copy(regX, regA)
		}
	}
}

// word is the place of a word of scratch memory.
func word(k uint32) int16 { return -int16(words-k) * 4 }

func (t *translation) load(in bpf.RawInstruction, reg uint8) {
	size := uint8(in.Op & 0x18)
	switch in.Op & 0xe0 {
	case modeIMM:
		t.mov(reg, in.K)
	case modeMEM:
		t.emit(ebpf.Insn{Op: ebpf.ClassLDX | ebpf.ModeMEM, Dst: reg, Src: ebpf.R10, Off: word(in.K)})
	case modeLEN:
		t.emit(ebpf.Insn{Op: ebpf.ClassLDX | ebpf.ModeMEM, Dst: reg, Src: regCtx}) // skb->len
	case modeMSH:
		t.copy(regX, regA)
		t.emit(ebpf.Insn{Op: ebpf.ClassLD | ebpf.ModeABS | ebpf.SizeB, Imm: int32(in.K)})
		t.emit(ebpf.Insn{Op: ebpf.ClassALU | ebpf.ALUAnd, Dst: regA, Imm: 15}, ebpf.Insn{Op: ebpf.ClassALU | ebpf.ALULsh, Dst: regA, Imm: 2})
		t.copy(regTmp, regX)
		t.copy(regX, regA)
		t.copy(regA, regTmp)
	case modeIND:
		t.emit(ebpf.Insn{Op: ebpf.ClassLD | ebpf.ModeIND | size, Src: regX, Imm: int32(in.K)})
	case modeABS:
		if n := int32(in.K) - ancillary; n >= 0 && n < ancillaryEnd {
			t.copy(ebpf.R2, regA)
			t.copy(ebpf.R3, regX)
			t.mov(ebpf.R1, uint32(n))
			t.emit(ebpf.Insn{Op: ebpf.OpCall, Imm: ebpf.HelperAncillary})
			return
		}
		t.emit(ebpf.Insn{Op: ebpf.ClassLD | ebpf.ModeABS | size, Imm: int32(in.K)})
	}
}

func (t *translation) alu(in bpf.RawInstruction) {
	op := uint8(in.Op & 0xf0)
	if op == aluNeg {
		t.emit(ebpf.Insn{Op: ebpf.ClassALU | ebpf.ALUNeg, Dst: regA})
		return
	}
	if in.Op&srcX == 0 {
		t.emit(ebpf.Insn{Op: ebpf.ClassALU | op, Dst: regA, Imm: int32(in.K)})
		return
	}
	if op == aluDiv || op == aluMod { // by 0 the packet does not pass
		t.emit(ebpf.Insn{Op: ebpf.ClassJMP32 | ebpf.JmpJNE, Dst: regX, Off: 2})
		t.mov(regA, 0)
		t.emit(ebpf.Insn{Op: ebpf.OpExit})
	}
	t.emit(ebpf.Insn{Op: ebpf.ClassALU | ebpf.SrcX | op, Dst: regA, Src: regX})
}

// jump translates a jump. The numbers of its conditions are those of eBPF.
func (t *translation) jump(i int, in bpf.RawInstruction) {
	to := func(target int) { t.jumps = append(t.jumps, jump{len(t.code), i, target}) }
	op := uint8(in.Op & 0xf0)
	if op == jmpJA {
		to(i + 1 + int(in.K))
		t.emit(ebpf.Insn{Op: ebpf.OpJA})
		return
	}
	cond := ebpf.Insn{Op: ebpf.ClassJMP32 | op, Dst: regA, Imm: int32(in.K)}
	if in.Op&srcX != 0 {
		cond = ebpf.Insn{Op: cond.Op | ebpf.SrcX, Dst: regA, Src: regX}
	}
	to(i + 1 + int(in.Jt))
	t.emit(cond)
	if in.Jf != 0 {
		to(i + 1 + int(in.Jf))
		t.emit(ebpf.Insn{Op: ebpf.OpJA})
	}
}
