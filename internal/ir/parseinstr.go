package ir

import "strconv"

// instr reads one instruction into block n.
func (p *parser) instr(n int) {
	in := Instr{Home: NoHome}
	number := int32(0)
	b := &p.f.Blocks[n]
	p.blanks()
	line, col := p.line, p.col()
	if p.atValue() {
		number = p.numbered("v", "a value", p.maxValues())
		p.want(":")
		in.Type = lookup(p, typeByName, "a type: i32 or i64")
		if in.Type == Void {
			p.fail(line, col, "a value has type i32 or i64")
		}
		if !p.accept("=") {
			in.Home = uint8(p.numbered("r", `a home (r0 to r10) or "="`, 11))
			p.want("=")
		}
		p.define(number, line, col)
	}
	p.blanks()
	opCol := p.col()
	in.Op = lookup(p, opByName, "an operation")
	p.operands(b, &in)
	in.Pos = p.slot()
	if p.err != nil {
		return
	}
	if in.defines() != (number != 0) {
		p.fail(line, opCol, "%v gives no value: it stands alone on its line", in.Op)
		return
	}
	if number != 0 {
		p.f.Instrs[number] = in
	} else {
		p.unnamed = append(p.unnamed, pendingRef{n, len(b.Instrs), in})
	}
	b.Instrs = append(b.Instrs, Value(number))
}

func (p *parser) atValue() bool {
	rest := p.src[p.pos:]
	return len(rest) > 1 && rest[0] == 'v' && isDigits(rest[1:2])
}

// define makes room for value n.
func (p *parser) define(n int32, line, col int) {
	if p.err != nil {
		return
	}
	if n == 0 {
		p.fail(line, col, "v0 is no value: numbers start at v1")
		return
	}
	for int(n) >= len(p.f.Instrs) {
		p.f.Instrs = append(p.f.Instrs, Instr{})
		p.defined = append(p.defined, false)
	}
	if p.defined[n] {
		p.fail(line, col, "v%d is defined twice", n)
	}
	p.defined[n] = true
}

// lookup reads a word that is a key of m.
func lookup[T any](p *parser, m map[string]T, what string) T {
	p.blanks()
	from := p.pos
	t, ok := m[p.word()]
	if p.err == nil && !ok {
		p.pos = from
		p.expected(what)
	}
	return t
}

// operands reads what follows the operation's name.
func (p *parser) operands(b *Block, in *Instr) {
	switch rows[in.Op].shape {
	case shapeImm:
		in.Imm = p.number()
	case shapeMapRef:
		in.Imm = p.number()
		in.N = p.numbered("map", "a map: map0, map1, …", 1<<30)
	case shapeFuncRef:
		in.Imm = p.number()
		in.N = p.numbered("func", "a function: func0, func1, …", 1<<30)
	case shapePhi:
		p.phi(b, in)
	case shapeBin:
		in.A = p.value()
		p.want(",")
		p.valueOrImm(in)
	case shapeUn:
		in.A = p.value()
	case shapeLoad, shapeStore, shapeStoreImm, shapeAtomic, shapeCmpXchg:
		p.memory(in)
	case shapeCall:
		in.Imm = int64(p.numbered("func", "a function: func0, func1, …", 1<<30))
		p.args(in, 0, 5)
	case shapeCallX:
		in.A = p.value()
		p.args(in, 0, 5)
	case shapeNumCall:
		in.Imm = int64(p.number32())
		p.args(in, 0, 5)
	case shapeTailCall:
		in.Imm = -1
		if !p.accept("any") {
			in.Imm = int64(p.numbered("map", `a map (map0, map1, …) or "any"`, 1<<30))
		}
		p.args(in, 3, 3)
		in.Aux = 0 // always three
	case shapeJump:
		b.Succs[0], b.NumSuccs = p.blockRef(), 1
	case shapeMayGoto:
		b.Succs[1] = p.blockRef()
		p.want(",")
		b.Succs[0], b.NumSuccs = p.blockRef(), 2
	case shapeBr:
		p.branch(b, in)
	}
}

func (p *parser) phi(b *Block, in *Instr) {
	p.blanks()
	col := p.col()
	in.N = int32(len(p.f.Extra))
	for n := 0; p.err == nil; n++ {
		if p.accept("@") {
			p.pos--
			if n != len(b.Preds) {
				p.fail(p.line, col, "the phi has %d operands, its block %d predecessors", n, len(b.Preds))
			}
			in.Imm = int64(n)
			return
		}
		if n > 0 {
			p.want(",")
		}
		p.f.Extra = append(p.f.Extra, p.value())
	}
}

func (p *parser) valueOrImm(in *Instr) {
	p.blanks()
	if p.atValue() {
		in.B = p.value()
	} else {
		in.Imm = p.number()
	}
}

func (p *parser) memory(in *Instr) {
	if in.Op == OpAtomic {
		p.want(".")
		in.N = lookup(p, atomicByName, "add, or, and, xor or xchg")
	}
	p.want(".")
	in.Aux = lookup(p, sizeByName, "a size: u8, u16, u32, u64, s8, s16 or s32")
	in.A = p.value()
	p.blanks()
	if p.err == nil && (p.pos == len(p.src) || p.src[p.pos] != '+' && p.src[p.pos] != '-') {
		p.expected("an offset: +0, -8, …")
	}
	in.Imm = p.number()
	switch rows[in.Op].shape {
	case shapeStore, shapeAtomic:
		p.want(",")
		in.B = p.value()
	case shapeStoreImm:
		p.want(",")
		in.N = p.number32()
	case shapeCmpXchg:
		p.want(",")
		in.N = int32(p.value())
		p.want(",")
		in.B = p.value()
	}
}

// args reads a call's operands, between least and most of them.
func (p *parser) args(in *Instr, least, most int) {
	in.N = int32(len(p.f.Extra))
	p.want("(")
	n := 0
	for ; p.err == nil && !p.accept(")"); n++ {
		if n > 0 {
			p.want(",")
		}
		if n == most {
			p.expected(`")": a call has at most ` + strconv.Itoa(most) + " operands here")
		}
		p.f.Extra = append(p.f.Extra, p.value())
	}
	if n < least {
		p.expected(strconv.Itoa(least) + " operands before the parenthesis")
	}
	in.Aux = uint8(n)
}

func (p *parser) branch(b *Block, in *Instr) {
	p.want(".")
	in.Type = lookup(p, typeByName, "a type: i32 or i64")
	in.Aux = uint8(lookup(p, condByName, "a condition: eq, ne, ult, …"))
	in.A = p.value()
	p.want(",")
	p.valueOrImm(in)
	p.want(",")
	b.Succs[1] = p.blockRef()
	p.want(",")
	b.Succs[0] = p.blockRef()
	b.NumSuccs = 2
}
