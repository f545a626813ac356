package riscv64

import (
	"math/bits"

	"github.com/rivetbpf/rivet/internal/compile"
	"github.com/rivetbpf/rivet/internal/compile/riscv64/rv"
	"github.com/rivetbpf/rivet/internal/engine"
	"github.com/rivetbpf/rivet/internal/ir"
)

// end lowers the end of a block.
func (l *lower) end(in *ir.Instr) {
	blk := &l.f.Blocks[l.block]
	if blk.Backward && !l.u.NoChecks {
		l.burn(in)
	}
	switch in.Op {
	case ir.OpExit:
		l.exit(in)
		return
	case ir.OpBr:
		if l.landing[blk.Succs[0]] != l.landing[blk.Succs[1]] {
			l.branch(in, l.labels+compile.Label(blk.Succs[1]))
		}
	case ir.OpMayGoto:
		l.mayGoto(l.labels + compile.Label(blk.Succs[1]))
	}
	if next := l.block + 1; next == len(l.f.Blocks) || l.landing[blk.Succs[0]] != l.landing[next] {
		l.jump(l.labels + compile.Label(blk.Succs[0]))
	}
}

// mayGoto counts one loop of the frame, and jumps where there are none left.
func (l *lower) mayGoto(to compile.Label) {
	l.i(rv.LD, rv.T0, rv.SP, l.frame.loops)
	l.br(rv.BEQ, rv.T0, rv.Zero, to)
	l.i(rv.ADDI, rv.T0, rv.T0, -1)
	l.st(rv.SD, rv.T0, rv.SP, l.frame.loops)
}

// findLandings works out where control is once it has come to a block: at the
// first one from there on that has code. Jumps to what follows anyway are left
// out.
func (l *lower) findLandings() {
	n := len(l.f.Blocks)
	l.landing = resize(l.landing, n)
	for i := n - 1; i >= 0; i-- {
		l.landing[i] = int32(i)
		if i+1 < n && l.silent(i) {
			l.landing[i] = l.landing[i+1]
		}
	}
}

// silent reports whether block i has no code; those behind it are known.
func (l *lower) silent(i int) bool {
	blk := &l.f.Blocks[i]
	for _, s := range blk.Succs[:blk.NumSuccs] {
		if int(s) <= i || l.landing[s] != l.landing[i+1] {
			return false
		}
	}
	for _, v := range blk.Instrs {
		in := &l.f.Instrs[v]
		switch {
		case in.Op == ir.OpMayGoto:
			return false
		case in.Op == ir.OpPhi, in.Op == ir.OpParam, in.Op == ir.OpJump, in.Op == ir.OpBr, l.stays(in):
		case l.uses[v] > 0, in.Op.HasEffect():
			return false
		}
	}
	return true
}

// stays reports whether an operation leaves its register as it is.
func (l *lower) stays(in *ir.Instr) bool {
	if in.A == 0 || in.Home == ir.NoHome || l.f.Instrs[in.A].Home != in.Home {
		return false
	}
	switch u := l.upper[in.A]; in.Op {
	case ir.OpCopy:
		return true
	case ir.OpZext:
		return u.zext()
	case ir.OpSext32:
		return u.sext()
	}
	return false
}

// burn takes one unit of fuel. Where it was the last of a slice the engine may
// give another, and the code goes on behind the check with all its registers.
func (l *lower) burn(in *ir.Instr) {
	l.i(rv.ADDI, RegFuel, RegFuel, -1)
	l.br(rv.BLT, RegFuel, rv.Zero, l.faultStub(in, engine.FaultFuel, 0))
	back := l.b.NewLabel()
	l.b.Bind(back)
	l.stubs[len(l.stubs)-1].back = back
}

// condRow says how a condition becomes a branch: its operation, with the
// operands swapped or not.
type condRow struct {
	op     rv.Op
	swap   bool
	signed bool
}

var condRows = [...]condRow{
	ir.EQ: {op: rv.BEQ}, ir.NE: {op: rv.BNE},
	ir.ULT: {op: rv.BLTU}, ir.UGE: {op: rv.BGEU},
	ir.UGT: {op: rv.BLTU, swap: true}, ir.ULE: {op: rv.BGEU, swap: true},
	ir.SLT: {op: rv.BLT, signed: true}, ir.SGE: {op: rv.BGE, signed: true},
	ir.SGT: {op: rv.BLT, swap: true, signed: true}, ir.SLE: {op: rv.BGE, swap: true, signed: true},
}

func (l *lower) branch(in *ir.Instr, to compile.Label) {
	cond := ir.Cond(in.Aux)
	if cond == ir.SET {
		l.branchSet(in, to)
		return
	}
	cond, imm := simplify(cond, in)
	row := condRows[cond]
	var a, b rv.Reg
	if in.B != 0 {
		a, b = l.comparands(in, row.signed)
	} else {
		a, b = l.comparandImm(in, row.signed, imm)
	}
	if row.swap {
		a, b = b, a
	}
	l.br(row.op, a, b, to)
}

// simplify turns comparisons with 1 and -1 into comparisons with 0, which is a register.
func simplify(cond ir.Cond, in *ir.Instr) (ir.Cond, int64) {
	if in.B != 0 {
		return cond, 0
	}
	switch {
	case cond == ir.ULT && in.Imm == 1, cond == ir.ULE && in.Imm == 0:
		return ir.EQ, 0
	case cond == ir.UGE && in.Imm == 1, cond == ir.UGT && in.Imm == 0:
		return ir.NE, 0
	case cond == ir.SGE && in.Imm == 1:
		return ir.SGT, 0
	case cond == ir.SLT && in.Imm == 1:
		return ir.SLE, 0
	case cond == ir.SGT && in.Imm == -1:
		return ir.SGE, 0
	case cond == ir.SLE && in.Imm == -1:
		return ir.SLT, 0
	}
	return cond, in.Imm
}

// comparands returns two registers that compare as the operands of in do. For
// a 32-bit comparison both must be sign-extended, which keeps every order, or
// both zero-extended, which keeps the unsigned one.
func (l *lower) comparands(in *ir.Instr, signed bool) (a, b rv.Reg) {
	a, b = l.reg(in.A, rv.T0), l.reg(in.B, rv.T1)
	if in.Type == ir.I64 {
		return a, b
	}
	ua, ub := l.upper[in.A], l.upper[in.B]
	if !signed && ua.zext() && ub.zext() {
		return a, b
	}
	return l.sext32(a, ua, rv.T0), l.sext32(b, ub, rv.T1)
}

func (l *lower) comparandImm(in *ir.Instr, signed bool, imm int64) (a, b rv.Reg) {
	a = l.reg(in.A, rv.T0)
	if in.Type == ir.I32 {
		switch u := l.upper[in.A]; {
		case u.sext():
		case !signed && u.zext():
			imm = int64(uint32(imm))
		default:
			a = l.sext32(a, u, rv.T0)
		}
	}
	if imm == 0 {
		return a, rv.Zero
	}
	l.li(rv.T1, imm)
	return a, rv.T1
}

// branchSet jumps if the operands have a bit in common.
func (l *lower) branchSet(in *ir.Instr, to compile.Label) {
	a := l.reg(in.A, rv.T0)
	ua, ub := l.operands(in)
	switch {
	case in.B != 0:
		l.r(rv.AND, rv.T0, a, l.reg(in.B, rv.T1))
	case fits12(in.Imm):
		l.i(rv.ANDI, rv.T0, a, int32(in.Imm))
	case in.Imm > 0 && in.Imm&(in.Imm-1) == 0 && l.ext.Has(rv.ExtZbs):
		l.i(rv.BEXTI, rv.T0, a, int32(bits.TrailingZeros64(uint64(in.Imm))))
	default:
		l.li(rv.T1, in.Imm)
		l.r(rv.AND, rv.T0, a, rv.T1)
	}
	if u := bitwiseUpper(ir.OpAnd, ua, ub); in.Type == ir.I32 && !u.sext() && !u.zext() {
		l.i(rv.ADDIW, rv.T0, rv.T0, 0)
	}
	l.br(rv.BNE, rv.T0, rv.Zero, to)
}
