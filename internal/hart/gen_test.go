package hart

import (
	"cmp"
	"encoding/binary"
	"math/rand/v2"
	"slices"
)

// The generator makes random instruction sequences that end by themselves and
// touch only memory of their own. Each has an area of data around the address
// in x3, which it never changes; x4 counts loops.
const (
	baseReg = 3
	loopReg = 4

	areaSize = 4096 // x3 points to its middle
	seedOff  = -2048
	saveOff  = -1024 // the registers at the end
	// Accesses go to [scratchLo, scratchHi).
	scratchLo = -512
	scratchHi = 2000
)

// piece is an instruction.
type piece struct {
	word   uint32
	size   int
	relax  func(dist int32) uint32 // of a jump: encodes one of dist bytes
	target int                     // of a jump: the item it leads to
}

type generator struct {
	*rand.Rand
	alu    []*row // without memory or control effects
	pieces []piece
	items  []int // where each item begins in pieces; jumps lead nowhere else
}

func newGenerator(seed uint64, without Ext) *generator {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 1))}
	for i := range rows {
		r := &rows[i]
		if r.ext&without != 0 || r.code == opJalr || r.code >= opLb && r.code <= opSd {
			continue
		}
		switch r.format {
		case fmtR, fmtUnary, fmtI, fmtSh5, fmtSh6, fmtU, fmtFence:
			g.alu = append(g.alu, r)
		}
	}
	return g
}

// edge is a value that instructions tend to get wrong.
func (g *generator) edge() uint64 {
	switch g.IntN(6) {
	case 0:
		return uint64(int64(g.IntN(5) - 2))
	case 1:
		return 1<<g.IntN(64) - uint64(g.IntN(2))
	case 2:
		return uint64(int64(int32(uint32(1)<<g.IntN(32) - uint32(g.IntN(2)))))
	case 3:
		return -(1 << g.IntN(64)) + uint64(g.IntN(3)) - 1
	case 4:
		return uint64(g.Uint32())
	}
	return g.Uint64()
}

// dst is a register that may be written, x0 included.
func (g *generator) dst() uint32 {
	for {
		if r := uint32(g.IntN(32)); r != baseReg && r != loopReg {
			return r
		}
	}
}

// pointer is a register that may hold an address.
func (g *generator) pointer() uint32 {
	for {
		if r := g.dst(); r != 0 {
			return r
		}
	}
}

func (g *generator) src() uint32 { return uint32(g.IntN(32)) }

func (g *generator) imm12() int32 {
	switch g.IntN(4) {
	case 0:
		return int32(g.IntN(5) - 2)
	case 1:
		return 2047 - int32(g.IntN(2))
	case 2:
		return -2048 + int32(g.IntN(2))
	}
	return int32(g.IntN(4096)) - 2048
}

func (g *generator) emit(w uint32) { g.pieces = append(g.pieces, piece{word: w, size: 4}) }

func (g *generator) emit16(p uint16) { g.pieces = append(g.pieces, piece{word: uint32(p), size: 2}) }

// item emits one random instruction, with those that it needs.
func (g *generator) item() {
	g.items = append(g.items, len(g.pieces))
	switch n := g.IntN(100); {
	case n < 25:
		g.pair()
	case n < 55:
		r := g.alu[g.IntN(len(g.alu))]
		imm := g.imm12()
		if r.format == fmtU {
			imm = int32(g.Uint32())
		}
		if r.code == opCtzw {
			g.ctzw()
			break
		}
		g.emit(encode(r, g.dst(), g.src(), g.src(), imm))
	case n < 70:
		g.compressed()
	case n < 82:
		g.access()
	case n < 87:
		g.amo()
	case n < 90:
		g.lrsc()
	case n < 93:
		g.compressedAccess()
	default:
		g.jump()
	}
}

// ctzw emits ctzw of a word that is not 0. Of one that is, qemu 7.2 goes on counting in the
// upper half of the register, where the manual (Zbb, "ctzw") says 32.
func (g *generator) ctzw() {
	p := g.pointer()
	g.emit(enc("bseti", p, g.src(), 0, g.between(0, 32)))
	g.emit(enc("ctzw", g.dst(), p, 0, 0))
}

// compressed emits a parcel that is neither a jump nor an access.
func (g *generator) compressed() {
	for {
		p := uint16(g.Uint32())
		if p&3 == 3 {
			continue
		}
		in := decode16(p)
		switch {
		case in.code == opIllegal, in.code == opEbreak, in.code >= opJal && in.code <= opSd:
		case in.rd == baseReg, in.rd == loopReg:
		default:
			g.emit16(p)
			return
		}
	}
}

func (g *generator) between(lo, hi int) int32 { return int32(lo + g.IntN(hi-lo)) }

// access emits a load or store, aligned or not, from x3 or another register.
func (g *generator) access() {
	name := []string{"lb", "lh", "lw", "ld", "lbu", "lhu", "lwu", "sb", "sh", "sw", "sd"}[g.IntN(11)]
	off := g.between(scratchLo, scratchHi)
	base := uint32(baseReg)
	if g.IntN(2) == 0 {
		base = g.pointer()
		imm := g.imm12()
		if v := off - imm; v >= -2048 && v < 2048 {
			g.emit(enc("addi", base, baseReg, 0, v))
			off = imm
		} else {
			g.emit(enc("addi", base, baseReg, 0, 0))
		}
	}
	g.emit(enc(name, g.dst(), base, g.src(), off))
}

func (g *generator) aligned(size int32) int32 { return g.between(scratchLo, scratchHi) &^ (size - 1) }

func (g *generator) amo() {
	name := []string{"amoswap", "amoadd", "amoxor", "amoand", "amoor", "amomin", "amomax", "amominu", "amomaxu"}[g.IntN(9)]
	p := g.pointer()
	size, suffix := int32(4), ".w"
	if g.IntN(2) == 0 {
		size, suffix = 8, ".d"
	}
	g.emit(enc("addi", p, baseReg, 0, g.aligned(size)))
	g.emit(enc(name+suffix, g.dst(), p, g.src(), g.between(0, 4)))
}

// lrsc emits an LR and an SC, to the same word or to another one, sometimes with a store between.
func (g *generator) lrsc() {
	p, q := g.pointer(), g.pointer()
	size, suffix := int32(4), ".w"
	if g.IntN(2) == 0 {
		size, suffix = 8, ".d"
	}
	at := g.aligned(size)
	g.emit(enc("addi", p, baseReg, 0, at))
	g.emit(enc("lr"+suffix, g.dst(), p, 0, 0))
	if g.IntN(4) == 0 {
		at = g.aligned(size)
	}
	if g.IntN(4) == 0 {
		// Another value, so that a reservation by value and one by address agree.
		g.emit(enc("ld", q, baseReg, 0, at&^7))
		g.emit(enc("xori", q, q, 0, -1))
		g.emit(enc("sd", 0, baseReg, q, at&^7))
	}
	g.emit(enc("addi", q, baseReg, 0, at))
	g.emit(enc("sc"+suffix, g.dst(), q, g.src(), g.between(0, 4)))
}

// compressedAccess emits c.lw, c.ld, c.sw, c.sd or one of their forms for sp.
func (g *generator) compressedAccess() {
	for {
		p := uint16(g.Uint32())
		if p&3 == 3 {
			continue
		}
		in := decode16(p)
		if in.code < opLb || in.code > opSd || in.rd == baseReg || in.rd == loopReg {
			continue
		}
		g.emit(enc("addi", uint32(in.rs1), baseReg, 0, g.between(scratchLo, 1024)))
		g.emit16(p)
		return
	}
}

// Which bit of a displacement is where in c.j, and in c.beqz and c.bnez, from bit 12 down.
var (
	cjBits = []uint{11, 4, 9, 8, 10, 6, 7, 3, 2, 1, 5}
	cbBits = []uint{8, 4, 3, 0, 0, 0, 7, 6, 2, 1, 5} // 0: the register
)

func scatter(d int32, bits []uint) (p uint32) {
	for i, bit := range bits {
		if bit != 0 {
			p |= uint32(d) >> bit & 1 << (12 - i)
		}
	}
	return p
}

// pairs are those that the hart fuses, in an order that is always the same.
var pairs = func() []pair {
	var l []pair
	for p := range fusions {
		l = append(l, p)
	}
	slices.SortFunc(l, func(a, b pair) int { return cmp.Or(cmp.Compare(a.first, b.first), cmp.Compare(a.second, b.second)) })
	return l
}()

// pair emits two instructions that the hart may fuse: the second mostly uses
// what the first computes. Or it emits a constant in several instructions.
func (g *generator) pair() {
	i := g.IntN(len(pairs) + 2)
	if i >= len(pairs) {
		g.constant()
		return
	}
	p := pairs[i]
	d := g.pointer()
	if p.second == opLbu || p.second == opLd {
		if p.first == opAdd { // the sum is an address
			q := g.pointer()
			g.emit(enc("addi", d, baseReg, 0, g.between(scratchLo, 1000)))
			if q == d {
				q = 0
			} else {
				g.emit(enc("addi", q, 0, 0, g.between(0, 500)))
			}
			g.emit(enc("add", d, d, q, 0))
			g.emit(enc(nameOf[p.second], g.dst(), d, 0, g.between(0, 400)))
			return
		}
	}
	g.part(p.first, d, g.src(), g.src())
	rs1, rs2 := g.src(), g.src()
	if g.IntN(8) > 0 {
		switch g.IntN(3) {
		case 0:
			rs1 = d
		case 1:
			rs2 = d
		default:
			rs1, rs2 = d, d
		}
	}
	g.part(p.second, g.dst(), rs1, rs2)
}

// part emits one instruction of a pair.
func (g *generator) part(c code, rd, rs1, rs2 uint32) {
	switch c {
	case opLi:
		g.emit(enc("addi", rd, 0, 0, g.imm12()))
	case opMv:
		g.emit(enc("addi", rd, rs1, 0, 0))
	case opLd, opLbu:
		g.emit(enc(nameOf[c], rd, baseReg, 0, g.between(scratchLo, scratchHi)))
	case opSd:
		g.emit(enc("sd", 0, baseReg, rs2, g.between(scratchLo, scratchHi)))
	case opBeq, opBne, opBlt, opBltu, opBgeu:
		g.pieces = append(g.pieces, piece{size: 4, target: len(g.items) + g.IntN(6),
			relax: func(d int32) uint32 { return enc(nameOf[c], 0, rs1, rs2, d) }})
	default:
		g.emit(enc(nameOf[c], rd, rs1, rs2, g.imm12()))
	}
}

// constant builds one, as compilers do, or nearly so.
func (g *generator) constant() {
	d := g.pointer()
	g.emit(enc("lui", d, 0, 0, int32(g.Uint32())))
	for range 1 + g.IntN(5) {
		name := []string{"addi", "addiw", "slli"}[g.IntN(3)]
		src := d
		if g.IntN(8) == 0 {
			src = g.src()
		}
		g.emit(enc(name, d, src, 0, g.imm12()))
	}
}

// jump emits a jump over the next few instructions.
func (g *generator) jump() {
	target := len(g.items) + g.IntN(6)
	add := func(size int, relax func(int32) uint32) {
		g.pieces = append(g.pieces, piece{size: size, target: target, relax: relax})
	}
	rd, rs1, rs2 := g.dst(), g.src(), g.src()
	if g.IntN(3) == 0 {
		rs2 = rs1
	}
	switch g.IntN(6) {
	case 0:
		add(4, func(d int32) uint32 { return enc("jal", rd, 0, 0, d) })
	case 1:
		add(2, func(d int32) uint32 { return 0xa001 | scatter(d, cjBits) })
	case 2: // c.beqz, c.bnez
		op := uint32(0xc001) | uint32(g.IntN(2))<<13 | uint32(g.IntN(8))<<7
		add(2, func(d int32) uint32 { return op | scatter(d, cbBits) })
	case 3: // auipc and jalr
		p := g.pointer()
		g.emit(enc("auipc", p, 0, 0, 0))
		add(4, func(d int32) uint32 { return enc("jalr", rd, p, 0, d+4+int32(rs1&1)) }) // bit 0 is ignored
	default:
		name := []string{"beq", "bne", "blt", "bge", "bltu", "bgeu"}[g.IntN(6)]
		add(4, func(d int32) uint32 { return enc(name, 0, rs1, rs2, d) })
	}
}

// sequence makes one: it fills area, which will be at addr, and returns the code.
func (g *generator) sequence(addr uint32, area []byte) []byte {
	g.pieces, g.items = g.pieces[:0], g.items[:0]
	for i := 0; i < len(area); i += 8 {
		binary.LittleEndian.PutUint64(area[i:], g.edge())
	}
	middle := addr + areaSize/2
	g.emit(enc("lui", baseReg, 0, 0, int32(middle+0x800)))
	g.emit(enc("addi", baseReg, baseReg, 0, int32(middle<<20)>>20))
	g.emit(enc("addi", 5, baseReg, 0, 0))
	g.emit(enc("sc.w", 5, 5, 0, 0)) // no reservation is left from the sequence before
	for r := range uint32(32) {
		if r != baseReg {
			g.emit(enc("ld", r, baseReg, 0, seedOff+8*int32(r)))
		}
	}
	for range 1 + g.IntN(4) {
		g.block()
	}
	g.pad()
	for r := range uint32(32) {
		g.emit(enc("sd", 0, baseReg, r, saveOff+8*int32(r)))
	}
	return g.resolve()
}

// pad emits what forward jumps may still skip.
func (g *generator) pad() {
	for range 6 {
		g.items = append(g.items, len(g.pieces))
		g.emit(enc("addi", 0, 0, 0, 0))
	}
}

// block emits some instructions, once or in a loop.
func (g *generator) block() {
	loop := g.IntN(3) == 0
	if loop {
		g.pad()
		g.emit(enc("addi", loopReg, 0, 0, g.between(1, 12)))
	}
	first := len(g.items)
	for range 1 + g.IntN(12) {
		g.item()
	}
	if !loop {
		return
	}
	g.pad()
	g.emit(enc("addi", loopReg, loopReg, 0, -1))
	g.pieces = append(g.pieces, piece{size: 4, target: first, relax: func(d int32) uint32 { return enc("bne", 0, loopReg, 0, d) }})
}

// resolve lays the pieces out and encodes the jumps.
func (g *generator) resolve() []byte {
	at := make([]int32, len(g.pieces)+1)
	for i, p := range g.pieces {
		at[i+1] = at[i] + int32(p.size)
	}
	var b []byte
	for i, p := range g.pieces {
		if p.relax != nil {
			p.word = p.relax(at[g.items[p.target]] - at[i])
		}
		if p.size == 2 {
			b = binary.LittleEndian.AppendUint16(b, uint16(p.word))
		} else {
			b = binary.LittleEndian.AppendUint32(b, p.word)
		}
	}
	return b
}
