package rv

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/arch/riscv64/riscv64asm"
)

// riscv64asm.Decode notes which of its rows were used in a global slice
// (x/arch v0.32), so that two calls at once are a data race.
var decodeMu sync.Mutex

func decode(code []byte) (riscv64asm.Inst, error) {
	decodeMu.Lock()
	defer decodeMu.Unlock()
	return riscv64asm.Decode(code)
}

// Disasm returns the text of the instruction at the front of code, which lies
// at pc, and its size in bytes. The syntax is that of GNU objdump: ABI register
// names, aliases, and compressed instructions as what they expand to. Targets
// of branches and jumps are absolute. Bits that are no instruction become
// .2byte or .4byte; the only error is code that ends inside the instruction.
func Disasm(code []byte, pc uint64) (text string, size int, err error) {
	size = 2
	if len(code) >= 1 && code[0]&3 == 3 {
		size = 4
	}
	if len(code) < size {
		return "", 0, fmt.Errorf("rv: code ends after %d of the %d bytes of the instruction at %#x", len(code), size, pc)
	}
	if inst, err := decode(code[:size]); err == nil {
		return gnuText(inst, pc), size, nil
	}
	if size == 2 {
		return fmt.Sprintf(".2byte 0x%04x", binary.LittleEndian.Uint16(code)), size, nil
	}
	w := binary.LittleEndian.Uint32(code)
	if op, ok := lookup(w); ok {
		return op.text(w, pc), size, nil
	}
	return fmt.Sprintf(".4byte 0x%08x", w), size, nil
}

// gnuText is riscv64asm.GNUSyntax with ABI register names and absolute targets.
func gnuText(inst riscv64asm.Inst, pc uint64) string {
	text := abiNames(riscv64asm.GNUSyntax(inst))
	n := 0
	switch inst.Op {
	case riscv64asm.ADD_UW:
		if src, ok := strings.CutSuffix(text, ",zero"); ok {
			return "zext.w" + strings.TrimPrefix(src, "add.uw")
		}
		return text
	case riscv64asm.LUI:
		// Decode sign-extends the immediate of c.lui (x/arch v0.32); the
		// operand is what bits 31:12 become.
		if imm, ok := inst.Args[1].(riscv64asm.Uimm); ok {
			return text[:strings.LastIndexByte(text, ',')+1] + "0x" + strconv.FormatUint(uint64(imm.Imm&0xfffff), 16)
		}
		return text
	case riscv64asm.JAL:
		n = 1
	case riscv64asm.BEQ, riscv64asm.BNE, riscv64asm.BLT, riscv64asm.BGE, riscv64asm.BLTU, riscv64asm.BGEU:
		n = 2
	default:
		return text
	}
	imm, ok := inst.Args[n].(riscv64asm.Simm)
	if !ok {
		return text
	}
	off := int64(imm.Imm)
	if inst.Len == 2 && inst.Op == riscv64asm.JAL {
		off = shortJumpOffset(inst.Enc) // Decode reads bit 2 of c.j twice (x/arch v0.32)
	}
	cut := strings.LastIndexAny(text, " ,") + 1
	return text[:cut] + "0x" + strconv.FormatUint(pc+uint64(off), 16)
}

// abiNames replaces x0 to x31 in s by their names in the calling convention.
func abiNames(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		if s[i] != 'x' || i > 0 && isWord(s[i-1]) {
			b.WriteByte(s[i])
			i++
			continue
		}
		end := i + 1
		for end < len(s) && isWord(s[end]) {
			end++
		}
		n, err := strconv.ParseUint(s[i+1:end], 10, 8)
		if err == nil && n < 32 {
			b.WriteString(Reg(n).String())
		} else {
			b.WriteString(s[i:end])
		}
		i = end
	}
	return b.String()
}

func isWord(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c == '_' || c == '.'
}

// lookup finds the row of a 32-bit instruction.
func lookup(w uint32) (Op, bool) {
	for op := range numOps {
		if r := &rows[op]; w&r.mask() == r.match {
			return op, true
		}
	}
	return 0, false
}

// text prints w, an instruction op at pc, with every operand of its row: no aliases.
func (op Op) text(w uint32, pc uint64) string {
	r := &rows[op]
	rd, rs1, rs2 := Reg(w>>7&31), Reg(w>>15&31), Reg(w>>20&31)
	imm := int32(w) >> 20
	switch r.form {
	case fmtR:
		return fmt.Sprintf("%s %s,%s,%s", r.name, rd, rs1, rs2)
	case fmtUnary:
		return fmt.Sprintf("%s %s,%s", r.name, rd, rs1)
	case fmtI:
		return fmt.Sprintf("%s %s,%s,%d", r.name, rd, rs1, imm)
	case fmtShift6:
		return fmt.Sprintf("%s %s,%s,%#x", r.name, rd, rs1, imm&63)
	case fmtShift5:
		return fmt.Sprintf("%s %s,%s,%#x", r.name, rd, rs1, imm&31)
	case fmtLoad, fmtJALR:
		return fmt.Sprintf("%s %s,%d(%s)", r.name, rd, imm, rs1)
	case fmtS:
		return fmt.Sprintf("%s %s,%d(%s)", r.name, rs2, imm&^31|int32(rd), rs1)
	case fmtB:
		return fmt.Sprintf("%s %s,%s,%#x", r.name, rs1, rs2, pc+uint64(branchOffset(w)))
	case fmtU:
		return fmt.Sprintf("%s %s,%#x", r.name, rd, w>>12)
	case fmtJ:
		return fmt.Sprintf("%s %s,%#x", r.name, rd, pc+uint64(jumpOffset(w)))
	case fmtAMO:
		return fmt.Sprintf("%s%s %s,%s,(%s)", r.name, ordering(w), rd, rs2, rs1)
	case fmtLR:
		return fmt.Sprintf("%s%s %s,(%s)", r.name, ordering(w), rd, rs1)
	case fmtCSR:
		return fmt.Sprintf("%s %s,%s,%s", r.name, rd, csrName(uint32(imm)&0xfff), rs1)
	case fmtFence:
		return fmt.Sprintf("%s %s,%s", r.name, fenceSet(w>>24), fenceSet(w>>20))
	}
	return r.name
}

// csrName names the counters that user code may read (ISA manual, chapter 8).
func csrName(csr uint32) string {
	switch csr {
	case 0xc00:
		return "cycle"
	case 0xc01:
		return "time"
	case 0xc02:
		return "instret"
	}
	return "0x" + strconv.FormatUint(uint64(csr), 16)
}

func ordering(w uint32) string {
	return [4]string{"", ".rl", ".aq", ".aqrl"}[w>>25&3]
}

func fenceSet(bits uint32) string {
	if bits&15 == 0 {
		return "0"
	}
	var s []byte
	for i, c := range []byte("iorw") {
		if bits&(8>>i) != 0 {
			s = append(s, c)
		}
	}
	return string(s)
}
