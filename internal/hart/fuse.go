package hart

// Instructions that often follow each other are executed as one op, which saves
// a turn of the main loop and hands the first one's result on in a host
// register. The fused op stands in the first one's place and takes the second
// one's operands from where that stands, unchanged, so that a jump to the
// second still finds it. Stepping and code with breakpoints do without.

// handOn says which operand of the second op must be the first one's result.
type handOn uint8

const (
	toNone handOn = iota
	toRs1
	toRs2
)

type pair struct{ first, second code }

type fusion struct {
	fused code
	to    handOn
}

// fusions are chosen by how often pairs ran in the programs of bench/, as
// compiled by rivet and by clang.
var fusions = map[pair]fusion{
	{opSlli, opXor}: {opSlliXor, toRs2}, {opSlli, opOr}: {opSlliOr, toRs2}, {opSlli, opAdd}: {opSlliAdd, toRs2},
	{opSrli, opXor}: {opSrliXor, toRs2}, {opSrli, opOr}: {opSrliOr, toRs2}, {opSrli, opAdd}: {opSrliAdd, toRs2},
	{opSlli, opSrli}: {opSlliSrli, toRs1},
	{opXor, opSlli}:  {opXorSlli, toRs1}, {opXor, opSrli}: {opXorSrli, toRs1}, {opXor, opAndi}: {opXorAndi, toRs1}, {opXor, opMul}: {opXorMul, toRs2},
	{opAdd, opSub}: {opAddSub, toRs1}, {opAdd, opSrli}: {opAddSrli, toRs1}, {opAdd, opAdd}: {opAddAdd, toNone},
	{opAdd, opLbu}: {opAddLbu, toRs1}, {opAdd, opLd}: {opAddLd, toRs1},
	{opSub, opBgeu}: {opSubBgeu, toRs1},
	{opAddi, opBne}: {opAddiBne, toRs1}, {opAddi, opBlt}: {opAddiBlt, toRs1},
	{opAddiw, opBne}: {opAddiwBne, toRs1}, {opAdd, opBne}: {opAddBne, toRs1},
	{opAndi, opBne}: {opAndiBne, toRs1}, {opAndi, opBeq}: {opAndiBeq, toRs1}, {opAndi, opAdd}: {opAndiAdd, toRs2}, {opAndi, opXor}: {opAndiXor, toRs2},
	{opLi, opBne}: {opLiBne, toRs2}, {opLi, opBeq}: {opLiBeq, toRs2}, {opLi, opBltu}: {opLiBltu, toRs2},
	{opMv, opMv}: {opMvMv, toNone}, {opMv, opAddi}: {opMvAddi, toNone}, {opMv, opLi}: {opMvLi, toNone}, {opLi, opMv}: {opLiMv, toNone},
	{opAddi, opAdd}: {opAddiAdd, toRs2}, {opAddi, opAddi}: {opAddiAddi, toNone}, {opAddiw, opAdd}: {opAddiwAdd, toRs2},
	{opAddiw, opMv}: {opAddiwMv, toNone}, {opMul, opAddiw}: {opMulAddiw, toRs1}, {opMul, opAdd}: {opMulAdd, toRs2},
	{opLd, opAdd}: {opLdAdd, toRs2}, {opLbu, opXor}: {opLbuXor, toRs2},
	{opLd, opLd}: {opLdLd, toNone}, {opSd, opSd}: {opSdSd, toNone},
}

// fusionOf is fusions as a table: code is prepared faster with it.
var fusionOf = func() (t [numCodes][numCodes]fusion) {
	for p, f := range fusions {
		t[p.first][p.second] = f
	}
	return t
}()

// fuse replaces ops among the first n. It may exchange the operands of a second
// op that does not care.
func (c *Code) fuse(n int) {
	c.fold(n)
	for i := range n - 1 {
		a, b := &c.ops[i], &c.ops[i+1]
		f := fusionOf[a.code][b.code]
		if f.fused == opIllegal {
			continue
		}
		if commutes(b.code) && (f.to == toRs1 && b.rs1 != a.rd || f.to == toRs2 && b.rs2 != a.rd) {
			b.rs1, b.rs2 = b.rs2, b.rs1
		}
		if f.to == toNone || f.to == toRs1 && b.rs1 == a.rd || f.to == toRs2 && b.rs2 == a.rd {
			a.code = f.fused
		}
	}
}

func commutes(c code) bool {
	switch c {
	case opXor, opOr, opAdd, opAnd, opMul, opBeq, opBne:
		return true
	}
	return false
}

// fold makes one op of the sequences that build a constant in one register.
func (c *Code) fold(n int) {
	for i := range n {
		a := &c.ops[i]
		if a.code != opLi || a.rd == sink {
			continue
		}
		v, j := a.imm, i+1
		for ; j < n; j++ {
			b := &c.ops[j]
			if b.rd != a.rd || b.rs1 != a.rd {
				break
			}
			w, ok := constant(b, v)
			if !ok {
				break
			}
			v = w
		}
		if j > i+1 {
			a.code, a.imm, a.aux = opLis, v, int32(j-i)*opSize
		}
	}
}

// constant computes an op of a register that holds v and an immediate.
func constant(o *op, v int64) (int64, bool) {
	switch o.code {
	case opAddi:
		return v + o.imm, true
	case opAddiw:
		return int64(int32(v + o.imm)), true
	case opSlli:
		return v << (o.imm & 63), true
	}
	return 0, false
}

// firstOf maps the fused ops whose first part the main loop may leave to cold.
func firstOf(c code) code {
	switch c {
	case opLdLd, opLdAdd:
		return opLd
	case opLbuXor:
		return opLbu
	case opSdSd:
		return opSd
	}
	return c
}
