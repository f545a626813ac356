package progen

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/load"
)

// TestValid: every generated program passes package load's validation, and
// reads only registers that were written.
func TestValid(t *testing.T) {
	n := 3000
	if testing.Short() {
		n = 300
	}
	insns := 0
	for seed := range n {
		p := Generate(uint64(seed), Default())
		mod, err := p.Module()
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if err := Defined(mod, p.Slots); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		insns += p.Insns()
	}
	t.Logf("%d programs, %d instructions on average", n, insns/n)
}

// TestText: a program comes back from its text.
func TestText(t *testing.T) {
	for seed := range uint64(200) {
		p := Generate(seed, Default())
		text := p.Text()
		back, err := Parse(text)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if again := back.Text(); again != text {
			t.Fatalf("seed %d came back different:\n%s\ninstead of:\n%s", seed, again, text)
		}
	}
}

// TestFixedSeed: what a seed stands for does not change with the release of Go.
func TestFixedSeed(t *testing.T) {
	h := uint64(0)
	for seed := range uint64(100) {
		for line := range strings.Lines(Generate(seed, Default()).Text()) {
			line, _, _ = strings.Cut(line, ";")
			for _, c := range []byte(line) {
				h = mix(h ^ uint64(c))
			}
		}
	}
	const want = 0x74d00e88db931e6b
	if h != want {
		t.Errorf("the programs of the first 100 seeds hash to %#x, not %#x: if the generator was changed on purpose, change the test", h, uint64(want))
	}
}

// TestCoverage: a thousand seeds contain every instruction there is, in every
// form, all sizes and kinds of calls.
func TestCoverage(t *testing.T) {
	seen := map[string]int{}
	for seed := range uint64(1000) {
		for _, r := range Generate(seed, Default()).Raw {
			for pc := 0; pc < len(r.Insns); pc++ {
				in := r.Insns[pc]
				seen[form(in)]++
				if in.IsLDDW() {
					pc++
				}
			}
		}
	}
	want := allForms()
	for _, f := range want {
		if seen[f] == 0 {
			t.Errorf("no %s", f)
		}
	}
	t.Logf("%d forms, all there; others: %d", len(want), len(seen)-len(want))
}

// form names what the opcode and the fields that modify it stand for.
func form(in bpf.Insn) string {
	s := fmt.Sprintf("opcode %#02x", in.Op)
	switch in.Class() {
	case bpf.ClassALU, bpf.ClassALU64:
		if in.ALUOp() == bpf.ALUEnd {
			return fmt.Sprintf("%s width %d", s, in.Imm)
		}
		return fmt.Sprintf("%s offset %d", s, in.Off)
	case bpf.ClassLD:
		return fmt.Sprintf("%s kind %d", s, in.Src)
	case bpf.ClassSTX:
		if in.Mode() == bpf.ModeAtomic {
			return fmt.Sprintf("%s operation %#x", s, in.Imm)
		}
	case bpf.ClassJMP:
		if in.Op == bpf.OpCall {
			return fmt.Sprintf("%s kind %d", s, in.Src)
		}
	}
	return s
}

// allForms lists the instruction set once more, from RFC 9669, sections 4 and 5.
func allForms() []string {
	var l []string
	add := func(ins ...bpf.Insn) {
		for _, in := range ins {
			l = append(l, form(in))
		}
	}
	for _, class := range []uint8{bpf.ClassALU, bpf.ClassALU64} {
		for op := 0; op <= 0xc0; op += 0x10 {
			k := bpf.Insn{Op: class | uint8(op)}
			x := bpf.Insn{Op: class | uint8(op) | bpf.SrcX}
			add(k)
			if op == bpf.ALUNeg {
				continue
			}
			add(x)
			switch k.Off, x.Off = 1, 1; op {
			case bpf.ALUDiv, bpf.ALUMod:
				add(k, x)
			case bpf.ALUMov:
				for x.Off = 8; x.Off <= 16 || x.Off == 32 && class == bpf.ClassALU64; x.Off *= 2 {
					add(x)
				}
			}
		}
	}
	for _, op := range []uint8{0xd4, 0xdc, 0xd7} {
		add(bpf.Insn{Op: op, Imm: 16}, bpf.Insn{Op: op, Imm: 32}, bpf.Insn{Op: op, Imm: 64})
	}
	for op := 0x10; op <= 0xd0; op += 0x10 {
		if op != bpf.JmpCall && op != bpf.JmpExit {
			for _, class := range []uint8{bpf.ClassJMP, bpf.ClassJMP32} {
				add(bpf.Insn{Op: class | uint8(op)}, bpf.Insn{Op: class | uint8(op) | bpf.SrcX})
			}
		}
	}
	add(bpf.Insn{Op: bpf.OpJA}, bpf.Insn{Op: bpf.OpGotol}, bpf.Insn{Op: bpf.OpExit}, bpf.Insn{Op: bpf.OpCallX},
		bpf.Insn{Op: bpf.OpCall}, bpf.Insn{Op: bpf.OpCall, Src: 1}, bpf.Insn{Op: bpf.OpCall, Src: 2})
	for _, kind := range []uint8{bpf.LoadImm64, bpf.LoadMap, bpf.LoadMapValue, bpf.LoadFunc} {
		add(bpf.Insn{Op: bpf.OpLDDW, Src: kind})
	}
	for _, size := range []uint8{bpf.SizeB, bpf.SizeH, bpf.SizeW, bpf.SizeDW} {
		add(bpf.Insn{Op: bpf.ClassLDX | bpf.ModeMEM | size}, bpf.Insn{Op: bpf.ClassST | bpf.ModeMEM | size},
			bpf.Insn{Op: bpf.ClassSTX | bpf.ModeMEM | size},
			bpf.Insn{Op: bpf.ClassSTX | bpf.ModeAtomic | size, Imm: bpf.AtomicLoadAcq},
			bpf.Insn{Op: bpf.ClassSTX | bpf.ModeAtomic | size, Imm: bpf.AtomicStoreRel})
		if size != bpf.SizeDW {
			add(bpf.Insn{Op: bpf.ClassLDX | bpf.ModeMEMSX | size})
		}
	}
	for _, op := range []uint8{bpf.OpAtomW, bpf.OpAtomDW} {
		for _, imm := range []int32{0x00, 0x01, 0x40, 0x41, 0x50, 0x51, 0xa0, 0xa1, 0xe1, 0xf1} {
			add(bpf.Insn{Op: op, Imm: imm})
		}
	}
	return l
}

func TestLong(t *testing.T) {
	for _, n := range []int{2, 3, 17, 18, 19, 1000, 100_000} {
		insns := Long(n)
		if len(insns) != n {
			t.Errorf("Long(%d) has %d instructions", n, len(insns))
		}
		if _, err := load.RawInsns(insns); err != nil {
			t.Errorf("Long(%d): %v", n, err)
		}
	}
}
