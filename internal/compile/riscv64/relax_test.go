package riscv64

import (
	"fmt"
	"testing"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/compile"
	"github.com/rivetbpf/rivet/internal/compile/riscv64/rv"
	"github.com/rivetbpf/rivet/internal/hart"
)

// custom is the target with a function of the test's own making.
type custom struct {
	*Target
	lower func(u *compile.Unit, b *compile.Buffer)
}

func (c custom) Lower(u *compile.Unit, b *compile.Buffer) error {
	b.Bind(u.Entry)
	b.Bind(u.Body(0))
	c.lower(u, b)
	b.Bind(u.Exit)
	return nil
}

// jumpCase is a jump with register values for which it is taken, or not.
type jumpCase struct {
	kind     uint8
	op       rv.Op
	rs1, rs2 rv.Reg
	yes, no  [2]uint64 // rs1, rs2
	link     rv.Reg    // holds the address behind it afterwards; x0: none
}

func (c jumpCase) String() string { return fmt.Sprintf("kind %d, %v", c.kind, c.op) }

const minus1 = ^uint64(0)

var jumpCases = []jumpCase{
	{kind: jumpAlways, op: rv.JAL},
	{kind: jumpCall, op: rv.JAL, link: rv.RA},
	{kind: jumpFault, op: rv.JAL, link: RegFaultPC},
	{kind: jumpCond, op: rv.BEQ, rs1: rv.A0, rs2: rv.A1, yes: [2]uint64{5, 5}, no: [2]uint64{5, 6}},
	{kind: jumpCond, op: rv.BNE, rs1: rv.A0, rs2: rv.A1, yes: [2]uint64{5, 6}, no: [2]uint64{5, 5}},
	{kind: jumpCond, op: rv.BLT, rs1: rv.A0, rs2: rv.A1, yes: [2]uint64{minus1, 0}, no: [2]uint64{0, minus1}},
	{kind: jumpCond, op: rv.BGE, rs1: rv.A0, rs2: rv.A1, yes: [2]uint64{0, minus1}, no: [2]uint64{minus1, 0}},
	{kind: jumpCond, op: rv.BLTU, rs1: rv.A0, rs2: rv.A1, yes: [2]uint64{0, minus1}, no: [2]uint64{minus1, 0}},
	{kind: jumpCond, op: rv.BGEU, rs1: rv.A0, rs2: rv.A1, yes: [2]uint64{minus1, 0}, no: [2]uint64{0, minus1}},
	{kind: jumpCondC, op: rv.BEQ, rs1: rv.A0, yes: [2]uint64{}, no: [2]uint64{1}},
	{kind: jumpCondC, op: rv.BNE, rs1: rv.A0, yes: [2]uint64{1}, no: [2]uint64{}},
}

func (c jumpCase) word() uint32 {
	if c.kind == jumpCond || c.kind == jumpCondC {
		return rv.B(c.op, c.rs1, c.rs2, 0)
	}
	return 0
}

// TestFormBoundaries lays each kind of jump at, next to and beyond the limit of
// each of its forms, in both directions, looks whether the shortest form that
// reaches was chosen, and runs it, taken and not taken.
func TestFormBoundaries(t *testing.T) {
	for march, step := range map[string]int64{"rv64gc": 2, "rv64g": 4} {
		target, err := New(march, GateTrap)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range jumpCases {
			if c.kind == jumpCondC && step == 4 {
				continue // there are no 16-bit forms
			}
			forms := target.Forms(c.kind)
			for i, f := range forms[:len(forms)-1] {
				if f.Max > 1<<16 && (step == 4 || c.op != rv.JAL && c.op != rv.BEQ) {
					continue // a mebibyte of code takes its time
				}
				high := f.Max &^ (step - 1)
				boundary(t, target, c, high-step, f)
				boundary(t, target, c, high, f)
				// A step more with this form, which a longer one adds to.
				boundary(t, target, c, high+step+int64(forms[i+1].Size-f.Size), forms[i+1])
				boundary(t, target, c, f.Min+step, f)
				boundary(t, target, c, f.Min, f)
				boundary(t, target, c, f.Min-step, forms[i+1])
			}
		}
	}
}

// boundary tests a jump over dist bytes, which must take the given form. Code
// stops at an ebreak behind the jump or at one at the target.
func boundary(t *testing.T, target *Target, c jumpCase, dist int64, form compile.Form) {
	t.Helper()
	ebreak := rv.I(rv.EBREAK, 0, 0, 0)
	fill := func(b *compile.Buffer, n int64) {
		for ; n >= 4; n -= 4 {
			b.Emit32(0) // an illegal instruction, or two
		}
		if n > 0 {
			b.Emit16(0)
		}
	}
	lower := func(u *compile.Unit, b *compile.Buffer) {
		to := b.NewLabel()
		if dist < 0 {
			b.Bind(to)
			b.Emit32(ebreak)
			fill(b, -dist-4)
			b.Site(compile.Site{})
			b.Jump(c.kind, c.word(), to)
			b.Emit32(ebreak)
			return
		}
		// A jump that takes another form than the wanted one misses the distance.
		b.Site(compile.Site{})
		b.Jump(c.kind, c.word(), to)
		b.Emit32(ebreak)
		fill(b, dist-int64(form.Size)-4)
		b.Bind(to)
		b.Emit32(ebreak)
	}
	mod := &bpf.Module{Funcs: []*bpf.Func{{Name: "f", Insns: []bpf.Insn{{Op: bpf.OpMovK}, {Op: bpf.OpExit}}}}}
	const base = 0x40_0000
	im, err := compile.Compile(mod, custom{target, lower}, &compile.Options{Base: base})
	if err != nil {
		t.Fatal(err)
	}
	at := int64(im.Funcs[0].Entry)
	if dist < 0 {
		at -= dist
	}
	size := int64(im.Funcs[0].End) - at - 4
	if dist > 0 {
		size = int64(im.Funcs[0].End) - at - dist - 4 + int64(form.Size)
	}
	if size != int64(form.Size) {
		t.Errorf("%s, %v over %d: %d bytes, want %d", target.Name(), c, dist, size, form.Size)
		return
	}
	code := hart.NewCode(base, im.Code)
	run := func(regs [2]uint64, want int64) {
		h := hart.New(code)
		h.PC = uint64(base + at)
		if c.rs1 != 0 {
			h.X[c.rs1] = regs[0]
		}
		if c.rs2 != 0 {
			h.X[c.rs2] = regs[1]
		}
		trap := h.Run(10)
		if trap.Kind != hart.Ebreak || int64(h.PC) != base+want {
			t.Errorf("%s, %v over %d with %x: %v at %#x, want an ebreak at %#x", target.Name(), c, dist, regs, trap, h.PC, base+want)
		}
		if c.link != 0 && h.X[c.link] != uint64(base+at+size) {
			t.Errorf("%s, %v over %d: links %#x, want %#x", target.Name(), c, dist, h.X[c.link], base+at+size)
		}
	}
	run(c.yes, at+dist)
	if c.yes != c.no {
		run(c.no, at+size)
	}
}

// TestFarthestJumps encodes what no buffer here can hold: the limits of auipc
// and jalr, whose low 12 bits are sign-extended.
func TestFarthestJumps(t *testing.T) {
	target, err := New("rv64gc", GateTrap)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range jumpCases {
		forms := target.Forms(c.kind)
		last := len(forms) - 1
		f := forms[last]
		for _, d := range []int64{f.Min, f.Min + 2, f.Max - 1, 0x7ff, 0x800, 0x801, -0x800, -0x801, -0x802, 1 << 20, -1 << 20, 1 << 30} {
			code := target.EncodeJump(nil, c.kind, last, c.word(), d)
			if len(code) != int(f.Size) {
				t.Fatalf("%v: %d bytes, want %d", c, len(code), f.Size)
			}
			const base = 1 << 40
			h := hart.New(hart.NewCode(base, code))
			if c.rs1 != 0 {
				h.X[c.rs1] = c.yes[0]
			}
			if c.rs2 != 0 {
				h.X[c.rs2] = c.yes[1]
			}
			h.Run(uint64(len(code) / 4)) // as many as there are instructions: the target holds none
			if want := uint64(base+d) &^ 1; h.PC != want {
				t.Errorf("%v over %d: at %#x, want %#x", c, d, h.PC, want)
			}
		}
	}
}
