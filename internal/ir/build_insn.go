package ir

import "github.com/rivetbpf/rivet/internal/bpf"

// insn builds one BPF instruction; jumps are left to Builder.end.
func (b *Builder) insn(in *bpf.Insn) {
	switch in.Class() {
	case bpf.ClassALU64:
		b.alu64(in)
	case bpf.ClassALU:
		b.alu32(in)
	case bpf.ClassLD:
		b.lddw(in)
	case bpf.ClassLDX:
		b.load(in)
	case bpf.ClassST:
		b.add(Instr{Op: OpStoreImm, Home: NoHome, Aux: uint8(in.Size()), A: b.use(in.Dst), Imm: int64(in.Off), N: in.Imm})
	case bpf.ClassSTX:
		b.stx(in)
	case bpf.ClassJMP, bpf.ClassJMP32:
		switch in.JmpOp() {
		case bpf.JmpCall:
			b.call(in)
		case bpf.JmpExit:
			b.add(Instr{Op: OpExit, Home: NoHome, A: b.use(bpf.R0)})
		}
	}
}

var aluOps = [16]Op{
	bpf.ALUAdd >> 4: OpAdd, bpf.ALUSub >> 4: OpSub, bpf.ALUMul >> 4: OpMul, bpf.ALUDiv >> 4: OpUDiv,
	bpf.ALUOr >> 4: OpOr, bpf.ALUAnd >> 4: OpAnd, bpf.ALULsh >> 4: OpShl, bpf.ALURsh >> 4: OpLShr,
	bpf.ALUMod >> 4: OpUMod, bpf.ALUXor >> 4: OpXor, bpf.ALUArsh >> 4: OpAShr,
}

// aluOp returns the IR operation; a division with offset 1 is signed (RFC 9669, section 4.1).
func aluOp(in *bpf.Insn) Op {
	op := aluOps[in.ALUOp()>>4]
	if in.Off == 1 {
		switch op {
		case OpUDiv:
			return OpSDiv
		case OpUMod:
			return OpSMod
		}
	}
	return op
}

func (b *Builder) alu64(in *bpf.Insn) {
	d := Instr{Type: I64, Home: in.Dst}
	switch in.ALUOp() {
	case bpf.ALUMov:
		b.mov64(in)
		return
	case bpf.ALUNeg:
		d.Op, d.A = OpNeg, b.use(in.Dst)
	case bpf.ALUEnd:
		b.bswap(in)
		return
	default:
		d.Op, d.A = aluOp(in), b.use(in.Dst)
		if in.Op&bpf.SrcX != 0 {
			d.B = b.use(in.Src)
		} else {
			d.Imm = int64(in.Imm)
		}
	}
	b.def(d)
}

func (b *Builder) mov64(in *bpf.Insn) {
	d := Instr{Type: b.width(), Home: in.Dst}
	switch {
	case in.Op&bpf.SrcX == 0:
		d.Op, d.Imm = OpConst, int64(in.Imm)
	case in.Src == bpf.R10 && in.Off == 0:
		d.Op, d.Type = OpFrame, I64
	case in.Off == 8:
		d.Op, d.A = OpSext8, b.use(in.Src)
	case in.Off == 16:
		d.Op, d.A = OpSext16, b.use(in.Src)
	case in.Off == 32:
		d.Op, d.A = OpSext32, b.use(in.Src)
		d.Type = I64
	default:
		d.Op, d.A = OpCopy, b.use(in.Src)
	}
	b.def(d)
}

func (b *Builder) alu32(in *bpf.Insn) {
	switch in.ALUOp() {
	case bpf.ALUMov:
		b.mov32(in)
	case bpf.ALUNeg:
		b.def32(Instr{Op: OpNeg, Home: in.Dst, A: b.use(in.Dst)})
	case bpf.ALUEnd:
		if in.Op&bpf.SrcX != 0 {
			b.bswap(in)
		} else {
			b.truncate(in)
		}
	default:
		d := Instr{Op: aluOp(in), Home: in.Dst, A: b.use(in.Dst)}
		if in.Op&bpf.SrcX != 0 {
			d.B = b.use(in.Src)
		} else {
			d.Imm = int64(in.Imm)
		}
		b.def32(d)
	}
}

func (b *Builder) mov32(in *bpf.Insn) {
	high := b.live.High[b.pc]
	switch {
	case in.Op&bpf.SrcX == 0 && high:
		b.def(Instr{Op: OpConst, Type: I64, Home: in.Dst, Imm: int64(uint32(in.Imm))})
	case in.Op&bpf.SrcX == 0:
		b.def(Instr{Op: OpConst, Type: I32, Home: in.Dst, Imm: int64(in.Imm)})
	case in.Off == 8:
		b.def32(Instr{Op: OpSext8, Home: in.Dst, A: b.use(in.Src)})
	case in.Off == 16:
		b.def32(Instr{Op: OpSext16, Home: in.Dst, A: b.use(in.Src)})
	case high:
		b.def(Instr{Op: OpZext, Type: I64, Home: in.Dst, A: b.use(in.Src)})
	default:
		b.def(Instr{Op: OpCopy, Type: I32, Home: in.Dst, A: b.use(in.Src)})
	}
}

// truncate builds a conversion to little-endian, which on a little-endian
// machine only truncates (RFC 9669, section 4.2).
func (b *Builder) truncate(in *bpf.Insn) {
	d := Instr{Type: b.width(), Home: in.Dst, A: b.use(in.Dst)}
	switch {
	case in.Imm == 16:
		d.Op = OpZext16
	case in.Imm == 32 && d.Type == I64:
		d.Op = OpZext
	default:
		d.Op = OpCopy
	}
	b.def(d)
}

// bswap builds a swap, whose result is zero-extended.
func (b *Builder) bswap(in *bpf.Insn) {
	d := Instr{Type: b.width(), Home: in.Dst, A: b.use(in.Dst)}
	switch in.Imm {
	case 16:
		d.Op = OpBswap16
	case 32:
		d.Op = OpBswap32
	default:
		d.Op, d.Type = OpBswap64, I64
	}
	b.def(d)
}

func (b *Builder) lddw(in *bpf.Insn) {
	hi := b.insns[b.pc+1]
	d := Instr{Type: I64, Home: in.Dst, N: in.Imm}
	switch in.Src {
	case bpf.LoadMap:
		d.Op, d.Imm = OpMapAddr, int64(bpf.MapHandle(int(in.Imm)))
	case bpf.LoadMapValue:
		d.Op, d.Imm = OpMapValue, int64(b.env.MapValue(int(in.Imm))+uint64(uint32(hi.Imm)))
	case bpf.LoadFunc:
		d.Op, d.Imm = OpFuncAddr, int64(bpf.FuncHandle(int(in.Imm)))
	default:
		d.Op, d.N, d.Imm = OpConst, 0, int64(bpf.Imm64(*in, hi))
	}
	b.def(d)
}

func (b *Builder) load(in *bpf.Insn) {
	d := Instr{Op: OpLoad, Type: b.width(), Home: in.Dst, Aux: uint8(in.Size()), A: b.use(in.Src), Imm: int64(in.Off)}
	if in.Mode() == bpf.ModeMEMSX {
		d.Aux |= SignBit
	}
	if in.Size() == 8 {
		d.Type = I64
	}
	b.def(d)
}

func (b *Builder) stx(in *bpf.Insn) {
	if in.Mode() == bpf.ModeAtomic {
		b.atomic(in)
		return
	}
	addr := b.use(in.Dst)
	b.add(Instr{Op: OpStore, Home: NoHome, Aux: uint8(in.Size()), A: addr, B: b.use(in.Src), Imm: int64(in.Off)})
}

func (b *Builder) atomic(in *bpf.Insn) {
	d := Instr{Home: NoHome, Aux: uint8(in.Size()), Imm: int64(in.Off)}
	if in.Imm == bpf.AtomicLoadAcq {
		d.Op, d.Type, d.Home, d.A = OpLoadAcq, b.width(), in.Dst, b.use(in.Src)
		if in.Size() == 8 {
			d.Type = I64
		}
		b.def(d)
		return
	}
	d.A, d.B = b.use(in.Dst), b.use(in.Src)
	switch {
	case in.Imm == bpf.AtomicStoreRel:
		d.Op = OpStoreRel
		b.add(d)
		return
	case in.Imm == bpf.AtomicCmpXchg:
		d.Op, d.N, d.Home = OpCmpXchg, int32(b.use(bpf.R0)), bpf.R0
	default:
		d.Op, d.N = OpAtomic, in.Imm&^bpf.AtomicFetch
		if in.Imm&bpf.AtomicFetch == 0 {
			b.add(d)
			return
		}
		d.Home = in.Src
	}
	if in.Size() == 4 {
		b.def32(d)
		return
	}
	d.Type = I64
	b.def(d)
}

func (b *Builder) call(in *bpf.Insn) {
	d := Instr{Type: I64, Home: bpf.R0, Imm: int64(in.Imm)}
	if in.IsTailCall() {
		b.tailCall(in)
		return
	}
	switch {
	case in.Op == bpf.OpCallX:
		d.Op, d.A = OpCallX, b.use(in.Dst)
	case in.Src == bpf.CallSubprog:
		d.Op = OpCall
	case in.Src == bpf.CallKfunc:
		d.Op = OpKfunc
	default:
		d.Op = OpHelper
	}
	n := b.env.NumArgs(in)
	var args [5]Value
	for i := range args[:n] {
		args[i] = b.use(uint8(bpf.R1 + i))
	}
	d.N, d.Aux = int32(len(b.fn.Extra)), uint8(n)
	b.fn.Extra = append(b.fn.Extra, args[:n]...)
	b.def(d)
	for r := bpf.R1; r <= bpf.R5; r++ {
		b.cur[r] = 0 // dead after a call (RFC 9669, section 2)
	}
}

func (b *Builder) tailCall(in *bpf.Insn) {
	d := Instr{Op: OpTailCall, Home: NoHome, Imm: -1}
	args := [3]Value{b.use(bpf.R1), b.use(bpf.R2), b.use(bpf.R3)}
	if m := &b.fn.Instrs[b.fn.Origin(args[1])]; m.Op == OpMapAddr && b.env.Module.Maps[m.N].Type == bpf.MapTypeProgArray {
		d.Imm = int64(m.N)
	}
	d.N = int32(len(b.fn.Extra))
	b.fn.Extra = append(b.fn.Extra, args[:]...)
	b.add(d)
}
