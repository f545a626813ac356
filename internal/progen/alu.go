package progen

import "github.com/rivetbpf/rivet/internal/bpf"

// aluForm is one arithmetic instruction but for its registers and immediate.
type aluForm struct {
	op   uint8 // class and operation, without the source bit
	off  int16
	kind aluKind
}

type aluKind uint8

const (
	aluBinary aluKind = iota // dst and a register or immediate
	aluUnary
	aluMov   // does not read dst
	aluMovSX // a register only
	aluEnd   // imm is a width
	aluLDDW
)

// aluForms lists every arithmetic instruction (RFC 9669, sections 4.1 and 4.2).
var aluForms = makeALUForms()

func makeALUForms() []aluForm {
	var forms []aluForm
	for _, class := range []uint8{bpf.ClassALU, bpf.ClassALU64} {
		for _, op := range []uint8{bpf.ALUAdd, bpf.ALUSub, bpf.ALUMul, bpf.ALUDiv, bpf.ALUOr, bpf.ALUAnd,
			bpf.ALULsh, bpf.ALURsh, bpf.ALUMod, bpf.ALUXor, bpf.ALUArsh} {
			forms = append(forms, aluForm{op: class | op})
			if op == bpf.ALUDiv || op == bpf.ALUMod {
				forms = append(forms, aluForm{op: class | op, off: 1})
			}
		}
		forms = append(forms, aluForm{op: class | bpf.ALUNeg, kind: aluUnary}, aluForm{op: class | bpf.ALUMov, kind: aluMov},
			aluForm{op: class | bpf.ALUMov, off: 8, kind: aluMovSX}, aluForm{op: class | bpf.ALUMov, off: 16, kind: aluMovSX})
	}
	return append(forms,
		aluForm{op: bpf.ClassALU64 | bpf.ALUMov, off: 32, kind: aluMovSX},
		aluForm{op: bpf.ClassALU | bpf.ALUEnd, kind: aluEnd},
		aluForm{op: bpf.ClassALU | bpf.ALUEnd | bpf.SrcX, kind: aluEnd},
		aluForm{op: bpf.ClassALU64 | bpf.ALUEnd, kind: aluEnd},
		aluForm{op: bpf.OpLDDW, kind: aluLDDW})
}

func (e *emitter) alu() {
	form := pick(e.source, aluForms)
	in := bpf.Insn{Op: form.op, Off: form.off}
	switch form.kind {
	case aluLDDW:
		v := e.value()
		e.lddw(e.writable(), bpf.LoadImm64, int32(v), int32(v>>32))
		return
	case aluMov, aluMovSX:
		in.Dst = e.writable()
		if form.kind == aluMov && e.chance(50) {
			in.Imm = e.imm()
			break
		}
		in.Op |= bpf.SrcX
		if in.Src = e.readable(); in.Op == bpf.OpMovX && in.Off == 0 {
			e.mov(in.Dst, in.Src)
			return
		}
	case aluUnary:
		in.Dst = e.modifiable()
	case aluEnd:
		in.Dst, in.Imm = e.modifiable(), pick(e.source, []int32{16, 32, 64})
	case aluBinary:
		e.binary(in)
		return
	}
	e.emit(in)
	e.result(in.Dst, in.Op&bpf.SrcX != 0 && form.kind != aluEnd && e.tainted(in.Src))
}

func (e *emitter) binary(in bpf.Insn) {
	in.Dst = e.modifiable()
	taint := e.tainted(in.Dst)
	switch add := in.Op == bpf.ClassALU64|bpf.ALUAdd; {
	case e.chance(50):
		in.Op |= bpf.SrcX
		in.Src = e.readable()
		taint = taint || e.tainted(in.Src)
	case (add || in.Op == bpf.ClassALU64|bpf.ALUSub) && (taint || e.st.ptr[in.Dst].region != noRegion):
		e.step(in.Dst)
		return
	default:
		in.Imm = e.imm()
	}
	e.emit(in)
	e.result(in.Dst, taint)
}

// step moves a pointer within what it points into.
func (e *emitter) step(r uint8) {
	switch p := e.st.ptr[r]; {
	case p.region == ownStack && p.lo >= -e.f.stack && p.lo <= 0:
		e.addImm(r, int32(e.between(-e.f.stack-p.lo, -p.lo)))
	case p.region == memory && p.lo <= 0 && p.hi > 0:
		e.addImm(r, int32(e.between(p.lo, p.hi-1)))
	}
}

// result says that r was written, with something derived from R10 or not.
func (e *emitter) result(r uint8, taint bool) {
	e.set(r)
	if taint {
		e.st.taint |= bit(r)
	}
}
