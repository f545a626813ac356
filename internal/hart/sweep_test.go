package hart

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/arch/riscv64/riscv64asm"

	"github.com/rivetbpf/rivet/internal/testenv"
)

var regNames = strings.Fields("zero ra sp gp tp t0 t1 t2 s0 s1 a0 a1 a2 a3 a4 a5 a6 a7 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 t3 t4 t5 t6")

// render32 writes w, decoded as in, the way LLVM does without aliases.
func render32(w uint32, in insn) string {
	if in.code == opIllegal {
		return ""
	}
	r := rowByName[in.name]
	rd, rs1, rs2 := regNames[in.rd], regNames[in.rs1], regNames[in.rs2]
	args := ""
	name := in.name
	switch {
	case r.format == fmtAmo:
		name += []string{"", ".rl", ".aq", ".aqrl"}[w>>25&3]
		args = fmt.Sprintf("%s, %s, (%s)", rd, rs2, rs1)
		if in.code == opLrW || in.code == opLrD {
			args = fmt.Sprintf("%s, (%s)", rd, rs1)
		}
	case in.code >= opLb && in.code <= opLwu, in.code == opJalr:
		args = fmt.Sprintf("%s, %d(%s)", rd, in.imm, rs1)
	case r.format == fmtS:
		args = fmt.Sprintf("%s, %d(%s)", rs2, in.imm, rs1)
	case r.format == fmtB:
		args = fmt.Sprintf("%s, %s, %d", rs1, rs2, in.imm)
	case r.format == fmtR:
		args = fmt.Sprintf("%s, %s, %s", rd, rs1, rs2)
	case r.format == fmtUnary:
		args = fmt.Sprintf("%s, %s", rd, rs1)
	case r.format == fmtU:
		args = fmt.Sprintf("%s, %d", rd, in.imm>>12&0xfffff)
	case r.format == fmtJ:
		args = fmt.Sprintf("%s, %d", rd, in.imm)
	case r.format == fmtFence:
		args = fenceSet(in.imm>>4) + ", " + fenceSet(in.imm)
		if w>>20 == 0x833 {
			name, args = "fence.tso", ""
		}
	case r.format == fmtCsr:
		last := "zero"
		if strings.HasSuffix(name, "i") {
			last = "0"
		}
		args = fmt.Sprintf("%s, %s, %s", rd, []string{"cycle", "time", "instret"}[in.imm], last)
	case r.format != fmtNone:
		args = fmt.Sprintf("%s, %s, %d", rd, rs1, in.imm)
	}
	return strings.TrimSuffix(name+"\t"+args, "\t")
}

func fenceSet(bits int64) string {
	s := ""
	for i, c := range "iorw" {
		if bits>>(3-i)&1 != 0 {
			s += string(c)
		}
	}
	if s == "" {
		return "0"
	}
	return s
}

// render16 does it for a parcel.
func render16(in insn) string {
	rd, rs1, rs2 := regNames[in.rd], regNames[in.rs1], regNames[in.rs2]
	args := ""
	switch in.name {
	case "":
		return ""
	case "c.addi":
		args = fmt.Sprintf("%s, %d", rd, in.imm)
		if in.rd == 0 {
			return strings.TrimSuffix(fmt.Sprintf("c.nop\t%d", in.imm), "\t0")
		}
	case "c.addi4spn":
		args = fmt.Sprintf("%s, sp, %d", rd, in.imm)
	case "c.addi16sp", "c.addiw", "c.li", "c.andi":
		args = fmt.Sprintf("%s, %d", rd, in.imm)
	case "c.lui":
		args = fmt.Sprintf("%s, %d", rd, in.imm>>12&0xfffff)
	case "c.slli", "c.srli", "c.srai":
		if in.imm == 0 { // a HINT that LLVM has a name for
			return in.name + "64\t" + rd
		}
		args = fmt.Sprintf("%s, %d", rd, in.imm)
	case "c.lw", "c.ld", "c.lwsp", "c.ldsp":
		args = fmt.Sprintf("%s, %d(%s)", rd, in.imm, rs1)
	case "c.sw", "c.sd", "c.swsp", "c.sdsp":
		args = fmt.Sprintf("%s, %d(%s)", rs2, in.imm, rs1)
	case "c.beqz", "c.bnez":
		args = fmt.Sprintf("%s, %d", rs1, in.imm)
	case "c.j":
		args = fmt.Sprint(in.imm)
	case "c.jr", "c.jalr":
		args = rs1
	case "c.ebreak":
		return in.name
	default:
		args = fmt.Sprintf("%s, %s", rd, rs2)
	}
	return in.name + "\t" + args
}

// llvm disassembles each of words by itself; what it refuses is "".
func llvm(t *testing.T, words []uint32, size int) []string {
	t.Helper()
	var in strings.Builder
	for _, w := range words {
		var b [4]byte
		binary.LittleEndian.PutUint32(b[:], w)
		in.WriteByte('[') // one block: refused as a whole
		for _, c := range b[:size] {
			fmt.Fprintf(&in, "%#02x ", c)
		}
		in.WriteString("]\n")
	}
	cmd := exec.Command(testenv.NeedTool(t, "llvm-mc-19"), "--disassemble", "-triple=riscv64", "-M", "no-aliases",
		"-mattr=+m,+a,+c,+zba,+zbb,+zbs,+zicond,+experimental-zacas")
	var out, errs strings.Builder
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(in.String()), &out, &errs
	if err := cmd.Run(); cmd.ProcessState.ExitCode() > 1 || out.Len() == 0 { // 1: a block was refused
		t.Fatalf("llvm-mc: %v\n%s", err, errs.String()[:min(2000, errs.Len())])
	}
	refused := map[int]bool{}
	for _, m := range regexp.MustCompile(`(?m)^<stdin>:(\d+):\d+: warning: invalid`).FindAllStringSubmatch(errs.String(), -1) {
		n, _ := strconv.Atoi(m[1])
		refused[n-1] = true
	}
	lines := strings.Split(strings.TrimSuffix(strings.TrimPrefix(out.String(), "\t.text\n"), "\n"), "\n")
	res := make([]string, len(words))
	for i := range words {
		if !refused[i] {
			if len(lines) == 0 {
				t.Fatal("llvm-mc gave fewer lines than there were instructions")
			}
			res[i] = strings.TrimPrefix(lines[0], "\t")
			lines = lines[1:]
		}
	}
	if len(lines) != 0 {
		t.Fatalf("llvm-mc gave %d lines more than there were instructions", len(lines))
	}
	return res
}

// TestSweep16 holds every parcel against LLVM and x/arch.
func TestSweep16(t *testing.T) {
	t.Parallel()
	var words []uint32
	for p := range uint32(1 << 16) {
		if p&3 != 3 {
			words = append(words, p)
		}
	}
	want := llvm(t, words, 2)
	for i, p := range words {
		in := decode16(uint16(p))
		got := render16(in)
		switch {
		case p == 0 && want[i] == "c.unimp": // the manual defines it to be illegal
			want[i] = ""
		case strings.HasPrefix(want[i], "c.lui\t") && p>>2&0x1f == 0 && p>>12&1 == 0:
			want[i] = "" // "c.lui ... the code points with imm=0 are reserved"; LLVM 19 accepts them
		case strings.HasPrefix(got, "c.lui\tzero, 10"): // LLVM prints the immediate of this HINT signed
			got = fmt.Sprintf("c.lui\tzero, %d", in.imm>>12)
		}
		if got != want[i] {
			t.Errorf("%04x: decoded as %q, by LLVM as %q", p, got, want[i])
		}
		checkArch(t, p, 2, in)
	}
}

// nameOf names the codes that parcels have.
var nameOf = func() map[code]string {
	m := map[code]string{}
	for _, r := range rows {
		m[r.code] = r.name
	}
	return m
}()

// isHint reports whether a parcel changes nothing and is not c.nop, which makes
// it a HINT.
func isHint(in insn) bool {
	switch in.name {
	case "c.addi", "c.slli", "c.srli", "c.srai":
		return in.rd == 0 || in.imm == 0
	}
	return in.rd == 0 && (in.name == "c.li" || in.name == "c.lui" || in.name == "c.mv" || in.name == "c.add")
}

var orderBits = regexp.MustCompile(`\.(aq|rl|aqrl)$`)

// archOnly are what x/arch decodes and the hart does not execute.
var archOnly = regexp.MustCompile(`^(F|C\.F|V|CSRR|CLMUL|AMOCAS\.Q|CBO|MRET|SRET|WFI|PREFETCH|CM\.|C\.(ZEXT|SEXT|NOT|MUL|LBU|LH|LHU|SB|SH)\b)`)

// checkArch compares the name with that of golang.org/x/arch.
func checkArch(t *testing.T, w uint32, size int, in insn) {
	t.Helper()
	var b [4]byte
	binary.LittleEndian.PutUint32(b[:], w)
	inst, err := riscv64asm.Decode(b[:size])
	want := orderBits.ReplaceAllString(strings.ToLower(inst.Op.String()), "")
	if err != nil {
		want = ""
	}
	got := in.name
	if size == 2 && got != "" { // x/arch names what a parcel stands for
		got = nameOf[in.code]
		if want == "" && isHint(in) { // which it refuses
			return
		}
	}
	switch {
	case archOnly.MatchString(inst.Op.String()) && got == "", got == want:
		return
	}
	t.Errorf("%0*x: decoded as %q, by x/arch as %q", 2*size, w, got, want)
}

// sample32 makes words around each row: all its fields at random, then with
// single bits of the fixed part flipped; and words wholly at random.
func sample32(g *rand.Rand, each, random int) []uint32 {
	var words []uint32
	for i := range rows {
		r := &rows[i]
		for range each {
			w := g.Uint32()&^r.mask | r.match
			words = append(words, w, w^1<<(2+g.IntN(30)))
		}
		for bit := range 30 {
			words = append(words, g.Uint32()&^r.mask|r.match^4<<bit)
		}
	}
	for range random {
		words = append(words, g.Uint32()|3)
	}
	return words
}

// TestSweep32 holds a sample of words against LLVM and x/arch.
func TestSweep32(t *testing.T) {
	t.Parallel()
	words := sample32(rand.New(rand.NewPCG(7, 7)), 150, 50_000)
	want := llvm(t, words, 4)
	for i, w := range words {
		in := decode32(w, ExtAll)
		if got := render32(w, in); got != want[i] && !excused(w, got, want[i]) {
			t.Errorf("%08x: decoded as %q, by LLVM as %q", w, got, want[i])
		}
		checkArch(t, w, 4, in)
	}
}

// excused lists where the hart is right to differ from LLVM.
func excused(w uint32, got, want string) bool {
	name, _, _ := strings.Cut(want, "\t")
	switch {
	case got == "" && strings.HasPrefix(name, "csr"):
		return true // legal encodings, but a user-mode hart has no other register, and counters are read-only
	case got == "" && strings.HasPrefix(name, "amocas.q"):
		return true // left out, rows.go says why
	case got == "" && regexp.MustCompile(`^(mret|sret|dret|wfi|unimp|sfence|sinval|hfence|hinval|wrs|cbo)`).MatchString(name):
		return true // privileged, or of an extension that LLVM decodes unasked
	case want == "" && (got == "fence.i" || strings.HasPrefix(got, "fence\t") && w&0xf00fff80 != 0):
		return true // "implementations shall ignore" the reserved fields (fm, rd, rs1, imm), LLVM refuses them
	}
	return false
}
