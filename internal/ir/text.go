package ir

import (
	"strconv"
	"strings"
)

// The text form, one instruction a line:
//
//	func "classifier" #3 {
//	b0: @0
//	  v1:i64 r1 = param @0
//	  v2:i64 r2 = load.u32 v1+16 @1
//	  br.i32 ult v2, 14, b2, b1 @2
//	b1: <- b0, b1 @3 backward
//	  …
//	}
//
// A value shows its number, type and home (none for NoHome); @ is the slot of
// the BPF instruction, after a block's predecessors the block's first slot. A
// branch names the block of its taken edge, Succs[1], first. Package ir reads
// the form back with Parse.

// String returns the text form.
func (f *Func) String() string {
	p := printer{f: f}
	p.str("func ").str(strconv.Quote(f.Name)).str(" #").num(int64(f.Index)).str(" {\n")
	for i := range f.Blocks {
		p.block(i)
	}
	p.str("}\n")
	return p.sb.String()
}

// InstrString returns the line of one instruction of block b, for messages.
func (f *Func) InstrString(b *Block, v Value) string {
	if v <= 0 || int(v) >= len(f.Instrs) {
		return "no instruction v" + strconv.Itoa(int(v))
	}
	p := printer{f: f}
	p.instr(b, v)
	return p.sb.String()
}

// printer asks of a function only that its indices are in range, so that a
// function that Verify refuses can be looked at.
type printer struct {
	f  *Func
	sb strings.Builder
}

func (p *printer) str(s string) *printer { p.sb.WriteString(s); return p }

func (p *printer) num(n int64) *printer {
	var buf [24]byte
	p.sb.Write(strconv.AppendInt(buf[:0], n, 10))
	return p
}

func (p *printer) val(v Value) *printer  { return p.str("v").num(int64(v)) }
func (p *printer) blk(b int32) *printer  { return p.str("b").num(int64(b)) }
func (p *printer) pos(at int32) *printer { return p.str(" @").num(int64(at)) }

func (p *printer) hex(n int64) *printer {
	p.sb.WriteString("0x" + strconv.FormatUint(uint64(n), 16))
	return p
}

func (p *printer) block(i int) {
	b := &p.f.Blocks[i]
	p.blk(int32(i)).str(":")
	for j, pred := range b.Preds {
		if j == 0 {
			p.str(" <- ")
		} else {
			p.str(", ")
		}
		p.blk(pred)
	}
	p.pos(b.Start)
	if b.Backward {
		p.str(" backward")
	}
	p.str("\n")
	for _, v := range b.Instrs {
		p.str("  ")
		p.instr(b, v)
		p.str("\n")
	}
}

func (p *printer) instr(b *Block, v Value) {
	in := &p.f.Instrs[v]
	if in.defines() {
		p.val(v).str(":").str(in.Type.String())
		if in.Home != NoHome {
			p.str(" r").num(int64(in.Home))
		}
		p.str(" = ")
	}
	p.str(in.Op.String())
	if in.Op < NumOps {
		p.operands(b, v, in)
	}
	p.pos(in.Pos)
}

func (p *printer) operands(b *Block, v Value, in *Instr) {
	switch rows[in.Op].shape {
	case shapeImm:
		p.str(" ").num(in.Imm)
	case shapeMapRef:
		p.str(" ").hex(in.Imm).str(" map").num(int64(in.N))
	case shapeFuncRef:
		p.str(" ").hex(in.Imm).str(" func").num(int64(in.N))
	case shapePhi:
		p.str(" ").vals(p.f.Operands(v))
	case shapeBin:
		p.str(" ").val(in.A).str(", ").valOrImm(in)
	case shapeUn:
		p.str(" ").val(in.A)
	case shapeLoad, shapeStore, shapeStoreImm, shapeAtomic, shapeCmpXchg:
		p.memory(in)
	case shapeCall:
		p.str(" func").num(in.Imm).args(b, v)
	case shapeCallX:
		p.str(" ").val(in.A).args(b, v)
	case shapeNumCall:
		p.str(" ").num(in.Imm).args(b, v)
	case shapeTailCall:
		if in.Imm < 0 {
			p.str(" any").args(b, v)
		} else {
			p.str(" map").num(in.Imm).args(b, v)
		}
	case shapeJump:
		p.str(" ").blk(b.Succs[0])
	case shapeMayGoto:
		p.str(" ").blk(b.Succs[1]).str(", ").blk(b.Succs[0])
	case shapeBr:
		p.str(".").str(in.Type.String()).str(" ").str(Cond(in.Aux).String()).str(" ")
		p.val(in.A).str(", ").valOrImm(in).str(", ").blk(b.Succs[1]).str(", ").blk(b.Succs[0])
	}
}

func (p *printer) memory(in *Instr) {
	if in.Op == OpAtomic {
		p.str(".").str(atomicName(in.N))
	}
	p.str(".").str(sizeName(in.Aux)).str(" ").val(in.A)
	if in.Imm >= 0 {
		p.str("+")
	}
	p.num(in.Imm)
	switch rows[in.Op].shape {
	case shapeStore, shapeAtomic:
		p.str(", ").val(in.B)
	case shapeStoreImm:
		p.str(", ").num(int64(in.N))
	case shapeCmpXchg:
		p.str(", ").val(Value(in.N)).str(", ").val(in.B)
	}
}

func (p *printer) valOrImm(in *Instr) *printer {
	if in.B == 0 {
		return p.num(in.Imm)
	}
	return p.val(in.B)
}

func (p *printer) args(b *Block, v Value) *printer { return p.str("(").vals(p.f.Operands(v)).str(")") }

func (p *printer) vals(vs []Value) *printer {
	for i, v := range vs {
		if i > 0 {
			p.str(", ")
		}
		p.val(v)
	}
	return p
}

func sizeName(aux uint8) string {
	if aux&SignBit != 0 {
		return nameOf(signedSizeNames[:], int(aux&^SignBit))
	}
	return nameOf(sizeNames[:], int(aux))
}

func atomicName(n int32) string {
	for _, a := range atomicNames {
		if a.n == n {
			return a.name
		}
	}
	return "?"
}
