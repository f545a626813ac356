package rv

import "math/bits"

// LoadImm appends to buf the instructions that set rd to v, as few as it
// finds; they read no other register. ext says what they may use beyond
// RV64IMA.
func LoadImm(buf []uint32, rd Reg, v int64, ext Ext) []uint32 {
	if simm12(v) {
		return append(buf, I(ADDI, rd, Zero, int32(v)))
	}
	if simm32(v) {
		return loadImm32(buf, rd, v, ext)
	}
	s := immSearch{ext: ext}
	s.run(v)
	for _, st := range s.steps[:s.n] {
		buf = append(buf, st.word(rd))
	}
	return buf
}

func simm12(v int64) bool { return uint64(v+0x800) < 0x1000 }
func simm32(v int64) bool { return int64(int32(v)) == v }

// low12 is what ADDI adds below a multiple of 4096: the immediate is
// sign-extended (ISA manual, 2.4), so that the upper part may be one higher.
func low12(v int64) int64 { return v << 52 >> 52 }

// loadImm32 sets rd to a sign-extended 32-bit constant in one or two
// instructions. ADDIW, not ADDI: near 2^31, LUI alone has already wrapped.
func loadImm32(buf []uint32, rd Reg, v int64, ext Ext) []uint32 {
	lo := low12(v)
	hi := int32(v-lo) >> 12
	if lo == 0 {
		return append(buf, U(LUI, rd, hi))
	}
	switch tz := bits.TrailingZeros64(uint64(v)); {
	case ext.Has(ExtZbs) && v == 1<<tz:
		return append(buf, I(BSETI, rd, Zero, int32(tz)))
	case tz > 0 && fits6(int32(v>>tz)): // two instructions as well, but both have 16-bit forms
		return append(buf, I(ADDI, rd, Zero, int32(v>>tz)), I(SLLI, rd, rd, int32(tz)))
	}
	return append(buf, U(LUI, rd, hi), I(ADDIW, rd, rd, int32(lo)))
}

// immStep is one instruction on the constant so far. The first step reads x0.
type immStep struct {
	op  Op
	src immSource
	imm int32
}

type immSource uint8

const (
	fromZero immSource = iota // op rd, zero, imm
	fromRD                    // op rd, rd, imm
	fromBoth                  // op rd, rd, rd
)

func (st immStep) word(rd Reg) uint32 {
	switch {
	case st.op == LUI:
		return U(LUI, rd, st.imm)
	case st.src == fromZero:
		return I(st.op, rd, Zero, st.imm)
	case st.src == fromBoth:
		return R(st.op, rd, rd, rd)
	}
	return I(st.op, rd, rd, st.imm)
}

// maxSteps is the longest sequence that any constant needs: LUI, ADDIW and
// three times SLLI, ADDI.
const maxSteps = 8

// immSearch looks for a short sequence backwards: from the constant to a
// constant from which one instruction leads to it, and on until one
// instruction makes the constant out of x0.
type immSearch struct {
	ext   Ext
	n     int
	steps [maxSteps]immStep
	wide  int // with as many instructions left, every kind of step is tried
}

func (s *immSearch) push(op Op, src immSource, imm int64) {
	s.steps[s.n] = immStep{op, src, int32(imm)}
	s.n++
}

// run fills steps. v is no sign-extended 32-bit constant.
//
// Up to four instructions, the search tries every step everywhere. Longer
// sequences get one step of any kind, the last, after a plain sequence: more
// costs microseconds and saves an instruction in one of a hundred constants.
// A constant without structure is not searched for four instructions either.
func (s *immSearch) run(v int64) {
	bound := s.chainLen(v)
	n := 1
	s.wide = 3
	for most := min(bound-1, 4); n <= most; n++ {
		if n == 4 && bound >= 7 && edges(v) > maxEdges2 {
			break
		}
		if s.find(v, n, true) {
			return
		}
	}
	s.wide = 0
	s.chain(v)
	for best := *s; best.n > n; best = *s {
		s.n = 0
		if !s.find(v, best.n-1, true) {
			*s = best
			return
		}
	}
}

// peel is the last shift and addition of a plain sequence: v is p shifted left
// by by bits, plus lo. With uw, the upper half of p is dropped before the shift.
func (s *immSearch) peel(v int64) (p int64, by int, uw bool, lo int64) {
	lo = low12(v)
	hi := v - lo
	if simm32(hi) {
		return hi, 0, false, lo
	}
	by = bits.TrailingZeros64(uint64(hi))
	p = hi >> by
	switch {
	case simm12(p):
	case p>>19 == p>>63: // twenty bits: leave twelve zeros below them, for LUI alone
		return p << 12, by - 12, false, lo
	case s.ext.Has(ExtZba):
		switch u := uint64(hi) >> by; bits.Len64(u) {
		case 20:
			return int64(int32(u << 12)), by - 12, true, lo
		case 32:
			return int64(int32(u)), by, true, lo
		}
	}
	return p, by, false, lo
}

// chainLen is the length of the plain sequence that chain pushes.
func (s *immSearch) chainLen(v int64) int {
	n := 0
	for !simm32(v) {
		p, by, _, lo := s.peel(v)
		if by != 0 {
			n++
		}
		if lo != 0 {
			n++
		}
		v = p
	}
	return n + len32(v)
}

// chain pushes LUI, ADDIW and then shifts and additions, which make any constant.
func (s *immSearch) chain(v int64) {
	if simm32(v) {
		s.find(v, 2, false)
		return
	}
	p, by, uw, lo := s.peel(v)
	s.chain(p)
	if uw {
		s.push(SLLIUW, fromRD, int64(by))
	} else if by != 0 {
		s.push(SLLI, fromRD, int64(by))
	}
	if lo != 0 {
		s.push(ADDI, fromRD, lo)
	}
}

// len32 is the length of the plain sequence of a sign-extended 32-bit constant.
func len32(v int64) int {
	if simm12(v) || low12(v) == 0 {
		return 1
	}
	return 2
}

// edges counts the bits of v that differ from the next higher one.
func edges(v int64) int { return bits.OnesCount64(uint64(v ^ v>>1)) }

// maxEdges2 is the most edges of a constant that two instructions make, other
// than a sign-extended 32-bit constant: the 20 bits of LUI times 9 are 24 bits
// with 25 edges, and every other step makes fewer. Most searches end here.
const maxEdges2 = 25

// find pushes at most n steps that make v; it pushes nothing if there are none.
func (s *immSearch) find(v int64, n int, top bool) bool {
	switch {
	case simm12(v):
		s.push(ADDI, fromZero, v)
		return true
	case simm32(v) && v&0xfff == 0:
		s.push(LUI, fromZero, v>>12)
		return true
	case v&(v-1) == 0 && s.ext.Has(ExtZbs):
		s.push(BSETI, fromZero, int64(bits.TrailingZeros64(uint64(v))))
		return true
	case n == 1:
		return false
	case simm32(v):
		lo := low12(v)
		s.push(LUI, fromZero, (v-lo)<<32>>44)
		s.push(ADDIW, fromRD, lo)
		return true
	case n == 2 && edges(v) > maxEdges2:
		return false
	case !top && n > s.wide:
		return s.tail(v, n)
	}
	return s.add(v, n) || s.shiftLeft(v, n) || s.shiftRight(v, n) || s.invert(v, n) ||
		s.ext.Has(ExtZbs) && s.flipBit(v, n) ||
		s.ext.Has(ExtZba) && s.multiply(v, n) ||
		s.ext.Has(ExtZbb) && s.rotate(v, n)
}

// tail pushes the plain sequence, or a 32-bit constant and then each of the
// other bits, if one of them has at most n steps.
func (s *immSearch) tail(v int64, n int) bool {
	if s.chainLen(v) <= n {
		s.chain(v)
		return true
	}
	if !s.ext.Has(ExtZbs) {
		return false
	}
	base := int64(int32(v))
	odd := uint64(v ^ base)
	if bits.OnesCount64(odd)+len32(base) > n {
		return false
	}
	s.find(base, 2, false)
	for ; odd != 0; odd &= odd - 1 {
		bit := bits.TrailingZeros64(odd)
		s.push(flip(v, bit), fromRD, int64(bit))
	}
	return true
}

// flip is the instruction that gives bit the value it has in v.
func flip(v int64, bit int) Op {
	if v>>bit&1 != 0 {
		return BSETI
	}
	return BCLRI
}

// via makes v from p with op, if p can be made in n-1 steps.
func (s *immSearch) via(p int64, n int, op Op, src immSource, imm int64) bool {
	if !s.find(p, n-1, false) {
		return false
	}
	s.push(op, src, imm)
	return true
}

// add undoes ADDI from both neighbours whose low 11 bits are zero: first the
// multiple of 4096, then the other, which may continue a run of ones above
// bit 11.
func (s *immSearch) add(v int64, n int) bool {
	imm := v & 0x7ff
	other := imm - 0x800
	if v&0x800 != 0 {
		imm, other = other, imm
	}
	return imm != 0 && s.via(v-imm, n, ADDI, fromRD, imm) ||
		other != 0 && s.via(v-other, n, ADDI, fromRD, other)
}

// shiftLeft undoes SLLI by all trailing zeros, or by twelve less, which leaves
// a constant for LUI.
func (s *immSearch) shiftLeft(v int64, n int) bool {
	tz := bits.TrailingZeros64(uint64(v))
	return tz > 0 && s.shiftLeftBy(v, n, tz) || tz > 12 && s.shiftLeftBy(v, n, tz-12)
}

func (s *immSearch) shiftLeftBy(v int64, n, by int) bool {
	if s.via(v>>by, n, SLLI, fromRD, int64(by)) {
		return true
	}
	// SLLI.UW drops the upper half before it shifts, and so may start from a
	// sign-extended constant.
	u := uint64(v) >> by
	return u>>31 == 1 && s.ext.Has(ExtZba) && s.via(int64(int32(u)), n, SLLIUW, fromRD, int64(by))
}

// shiftRight undoes SRLI of a constant with free low bits, and zero extension.
func (s *immSearch) shiftRight(v int64, n int) bool {
	if u := uint64(v); u>>31 == 1 && s.ext.Has(ExtZba) {
		return s.via(int64(int32(u)), n, SLLIUW, fromRD, 0)
	}
	op, by := SRLI, bits.LeadingZeros64(uint64(v))
	if v < 0 {
		op, by = SRAI, bits.LeadingZeros64(uint64(^v))-1
	}
	if by == 0 {
		return false
	}
	p := v << by
	return s.via(p|(1<<by-1), n, op, fromRD, int64(by)) || s.via(p, n, op, fromRD, int64(by))
}

// invert undoes XORI with a negative immediate, which inverts all upper bits.
func (s *immSearch) invert(v int64, n int) bool {
	if s.via(^v, n, XORI, fromRD, -1) {
		return true
	}
	if v < 0 && n > s.wide && s.shiftRight(^v, n-1) { // via left it out
		s.push(XORI, fromRD, -1)
		return true
	}
	p := ^v &^ 0x7ff
	return v&0x7ff != 0 && s.via(p, n, XORI, fromRD, p^v)
}

// flipBit undoes BSETI and BCLRI on the bits that keep v from being a
// sign-extended 32-bit constant.
func (s *immSearch) flipBit(v int64, n int) bool {
	odd := uint64(v ^ int64(int32(v)))
	for _, bit := range [...]int{63 - bits.LeadingZeros64(odd), bits.TrailingZeros64(odd), 31} {
		if s.via(v^1<<bit, n, flip(v, bit), fromRD, int64(bit)) {
			return true
		}
	}
	return false
}

// multiply undoes SH1ADD, SH2ADD and SH3ADD of a register to itself.
func (s *immSearch) multiply(v int64, n int) bool {
	return v%3 == 0 && s.via(v/3, n, SH1ADD, fromBoth, 0) ||
		v%5 == 0 && s.via(v/5, n, SH2ADD, fromBoth, 0) ||
		v%9 == 0 && s.via(v/9, n, SH3ADD, fromBoth, 0)
}

// rotate undoes RORI of a sign-extended 32-bit constant: one with at least 33
// equal bits in a row, counting on from bit 63 to bit 0.
func (s *immSearch) rotate(v int64, n int) bool {
	u := uint64(v)
	for _, u := range [...]uint64{u, ^u} { // a run of zeros in u
		top, run := longRun(u)
		if run < 33 {
			continue
		}
		by := 63 - top
		p := int64(bits.RotateLeft64(uint64(v), by))
		if s.via(p, n, RORI, fromRD, int64(by)) {
			return true
		}
		if run > 44 { // LUI has the run in two parts, around its 20 bits
			by = (by + 12) & 63
			return s.via(p<<12|p>>52&0xfff, n, RORI, fromRD, int64(by))
		}
	}
	return false
}

// longRun finds the top bit and length of the one run of zeros that is at
// least 33 long: it either goes on from bit 63 to bit 0, or holds bits 31 and 32.
func longRun(u uint64) (top, run int) {
	if u&(1<<63|1) == 0 {
		low := bits.TrailingZeros64(u)
		if run = low + bits.LeadingZeros64(u); run >= 33 {
			return (low - 1) & 63, run
		}
	}
	if u>>31&3 != 0 {
		return 0, 0
	}
	top = 31 + bits.TrailingZeros32(uint32(u>>32))
	return top, top - bits.Len32(uint32(u)) + 1
}
