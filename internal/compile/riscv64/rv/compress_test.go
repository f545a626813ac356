package rv

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

// TestCompressSweep takes all 65536 halfwords. What llvm-objdump reads as an
// integer instruction of RVC, other than a hint, must be what Compress makes of its
// expansion; expansion is written here from the operands in the text.
func TestCompressSweep(t *testing.T) {
	var words []string
	var enc []uint16
	for v := range 1 << 16 {
		if v&3 != 3 {
			enc = append(enc, uint16(v))
			words = append(words, fmt.Sprintf(".insn 2, %#x", v))
		}
	}
	text := objdump(t, "llvm-objdump-19", words, "-M", "no-aliases", "--mattr=+c,+d")
	if len(text) != len(enc) {
		t.Fatalf("%d lines for %d halfwords", len(text), len(enc))
	}
	count := map[string]int{}
	valid := map[uint16]bool{}
	for i, line := range text {
		name, _, _ := strings.Cut(line, "\t")
		w, ok := expand(t, line, uint64(2*i))
		if !ok {
			count["not canonical, hint or float"]++
			continue
		}
		count[name]++
		valid[enc[i]] = true
		got, ok := Compress(w)
		if !ok || got != enc[i] && !otherForm(name, w, got) {
			t.Errorf("%04x %q expands to %08x, which Compress makes %04x %v", enc[i], line, w, got, ok)
		}
	}
	t.Log(count)
	if len(count) < 33 {
		t.Errorf("only %d kinds of instruction seen: %v", len(count), count)
	}
	onlyValid(t, valid)
}

// onlyValid tries words of every major opcode: what Compress returns is always
// one of the encodings that the sweep found to be neither reserved nor a hint.
func onlyValid(t *testing.T, valid map[uint16]bool) {
	rnd := rand.New(rand.NewPCG(1, 2))
	hits := 0
	for n := range 3_000_000 {
		w := rnd.Uint32()
		switch n & 3 { // make short operands and equal registers likely
		case 1:
			w &= 0x07ffffff
		case 2:
			w = w&^(31<<7) | w>>15&31<<7
		case 3:
			w &^= 31 << 15
		}
		w |= 3
		if c, ok := Compress(w); ok {
			hits++
			if !valid[c] {
				t.Fatalf("Compress(%08x) = %04x, which is reserved or a hint", w, c)
			}
		}
	}
	t.Logf("%d random words compressed", hits)
}

// TestCompressBranches takes every offset of branches and jumps near the ends
// of what 16 bits hold.
func TestCompressBranches(t *testing.T) {
	check := func(w uint32, off, lo, hi int32, able bool) {
		t.Helper()
		if _, ok := Compress(w); ok != (able && off >= lo && off <= hi) {
			t.Errorf("Compress(%08x), offset %d: %v", w, off, ok)
		}
	}
	for off := int32(-4096); off < 4096; off += 2 {
		check(B(BEQ, A0, Zero, off), off, -256, 254, true)
		check(B(BNE, Zero, S0, off), off, -256, 254, true)
		check(B(BNE, A6, Zero, off), off, -256, 254, false)
		check(B(BNE, A0, A1, off), off, -256, 254, false)
		check(B(BLT, A0, Zero, off), off, -256, 254, false)
		check(J(JAL, Zero, off), off, -2048, 2046, true)
		check(J(JAL, RA, off), off, -2048, 2046, false)
	}
}

// otherForm allows the one expansion with two encodings: a small adjustment of
// sp is c.addi as well as c.addi16sp.
func otherForm(name string, w uint32, got uint16) bool {
	return name == "c.addi16sp" && fits6(fieldI(w)) && got&0xe003 == 0x0001
}

// expand returns the 32-bit instruction of a line of llvm-objdump, as the ISA
// manual, 26.3 to 26.5, defines each; false for reserved encodings, hints and
// floating point.
func expand(t *testing.T, line string, pc uint64) (uint32, bool) {
	name, rest, _ := strings.Cut(line, "\t")
	rest, _, _ = strings.Cut(rest, " <")
	var o []string
	for f := range strings.SplitSeq(strings.NewReplacer("(", ",", ")", "").Replace(rest), ",") {
		o = append(o, strings.TrimSpace(f))
	}
	reg := func(i int) Reg {
		for r := X0; r <= X31; r++ {
			if r.String() == o[i] {
				return r
			}
		}
		t.Fatalf("%q: operand %d is no register", line, i)
		return 0
	}
	imm := func(i int) int32 {
		n, err := strconv.ParseInt(o[i], 0, 64)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		return int32(n)
	}
	rel := func(i int) int32 { return int32(uint64(uint32(imm(i))) - pc) }
	switch name {
	case "c.nop":
		return I(ADDI, Zero, Zero, 0), rest == ""
	case "c.addi", "c.slli", "c.srli", "c.srai", "c.andi", "c.addiw":
		op := map[string]Op{"c.addi": ADDI, "c.slli": SLLI, "c.srli": SRLI, "c.srai": SRAI, "c.andi": ANDI, "c.addiw": ADDIW}[name]
		hint := reg(0) == Zero || imm(1) == 0 && op != ANDI && op != ADDIW
		return I(op, reg(0), reg(0), imm(1)), !hint
	case "c.addi16sp":
		return I(ADDI, SP, SP, imm(1)), true
	case "c.addi4spn":
		return I(ADDI, reg(0), SP, imm(2)), true
	case "c.li":
		return I(ADDI, reg(0), Zero, imm(1)), reg(0) != Zero
	case "c.lui":
		return U(LUI, reg(0), imm(1)), reg(0) != Zero && imm(1) != 0 // llvm-objdump reads the reserved 0 too
	case "c.mv":
		return R(ADD, reg(0), Zero, reg(1)), reg(0) != Zero
	case "c.add":
		return R(ADD, reg(0), reg(0), reg(1)), reg(0) != Zero
	case "c.sub", "c.and", "c.or", "c.xor", "c.subw", "c.addw":
		op := map[string]Op{"c.sub": SUB, "c.and": AND, "c.or": OR, "c.xor": XOR, "c.subw": SUBW, "c.addw": ADDW}[name]
		return R(op, reg(0), reg(0), reg(1)), true
	case "c.lw", "c.lwsp":
		return I(LW, reg(0), reg(2), imm(1)), true
	case "c.ld", "c.ldsp":
		return I(LD, reg(0), reg(2), imm(1)), true
	case "c.sw", "c.swsp":
		return S(SW, reg(0), reg(2), imm(1)), true
	case "c.sd", "c.sdsp":
		return S(SD, reg(0), reg(2), imm(1)), true
	case "c.jr":
		return I(JALR, Zero, reg(0), 0), true
	case "c.jalr":
		return I(JALR, RA, reg(0), 0), true
	case "c.ebreak":
		return I(EBREAK, Zero, Zero, 0), true
	case "c.j":
		return J(JAL, Zero, rel(0)), true
	case "c.beqz":
		return B(BEQ, reg(0), Zero, rel(1)), true
	case "c.bnez":
		return B(BNE, reg(0), Zero, rel(1)), true
	}
	return 0, false
}

// TestCompressAssembler compresses what the sweep encodes, and compares with
// what llvm-mc writes for the same text when it may compress.
func TestCompressAssembler(t *testing.T) {
	var lines []string
	var want []sample
	for _, s := range append(sweep(t), twoRegisterForms(t)...) {
		if f := rows[s.op].form; f == fmtB || f == fmtJ || f == fmtFence {
			continue
		}
		want = append(want, s)
		lines = append(lines, s.asm())
	}
	text := assemble(t, llvmC, append([]string{".option norelax"}, lines...))
	ours, theirs := map[string]int{}, map[string]int{}
	short := 0
	for _, s := range want {
		size := 2
		if text[0]&3 == 3 {
			size = 4
		}
		c, ok := Compress(s.word)
		switch {
		case ok && size == 2:
			short++
			if v := binary.LittleEndian.Uint16(text); v != c {
				t.Errorf("%v: Compress says %04x, llvm-mc %04x", s, c, v)
			}
		case ok:
			ours[s.op.String()]++
		case size == 2:
			theirs[s.op.String()]++
		}
		text = text[size:]
	}
	t.Logf("%d compressed by both; by us alone %v", short, ours)
	if len(theirs) != 0 {
		t.Errorf("compressed by llvm-mc alone: %v", theirs)
	}
}

// twoRegisterForms adds instructions whose destination is a source, for more
// immediates than the sweep has.
func twoRegisterForms(t *testing.T) []sample {
	t.Helper()
	var all []sample
	for op := range numOps {
		l := formats[rows[op].form]
		if rows[op].form == fmtCSR || l.lo == 0 && l.hi == 0 || op == LUI || op == AUIPC {
			continue
		}
		for imm := int64(-600); imm <= 600; imm++ {
			for _, r := range []Reg{SP, S0, A7} {
				s := sample{op: op, imm: imm}
				if l.rd {
					s.rd = r
				}
				if l.rs1 {
					s.rs1 = r
				}
				if l.rs2 {
					s.rs2 = r
				}
				w, err := Encode(op, s.rd, s.rs1, s.rs2, imm)
				if err != nil {
					continue
				}
				s.word = w
				all = append(all, s)
			}
		}
	}
	return all
}

var sinkU16 uint16

func BenchmarkCompress(b *testing.B) {
	words := []uint32{
		R(ADD, A0, A0, A1), I(ADDI, A0, A0, 1000), I(LD, A0, S1, 8), S(SD, A0, SP, 16), B(BNE, A0, Zero, 20),
		R(SUBW, A0, A0, A1), U(LUI, A3, 5), I(SLLI, T0, T0, 32), J(JAL, Zero, 4000), R(MUL, A0, A1, A2), I(ANDI, A0, A0, 255),
	}
	i := 0
	for b.Loop() {
		sinkU16, _ = Compress(words[i])
		if i++; i == len(words) {
			i = 0
		}
	}
}
