package rivet_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"golang.org/x/net/bpf"

	"github.com/rivetbpf/rivet"
)

// tcpdump -dd 'ip and udp port 53'
const udp53 = `{ 0x28, 0, 0, 0x0000000c },
{ 0x15, 0, 10, 0x00000800 },
{ 0x30, 0, 0, 0x00000017 },
{ 0x15, 0, 8, 0x00000011 },
{ 0x28, 0, 0, 0x00000014 },
{ 0x45, 6, 0, 0x00001fff },
{ 0xb1, 0, 0, 0x0000000e },
{ 0x48, 0, 0, 0x0000000e },
{ 0x15, 2, 0, 0x00000035 },
{ 0x48, 0, 0, 0x00000010 },
{ 0x15, 0, 1, 0x00000035 },
{ 0x6, 0, 0, 0x00040000 },
{ 0x6, 0, 0, 0x00000000 },
`

func classicProgram(t testing.TB, filter []bpf.Instruction, opts rivet.CollectionOptions) *rivet.Program {
	t.Helper()
	p, err := rivet.NewClassicProgram("filter", filter, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func TestClassicText(t *testing.T) {
	filter, err := rivet.ParseClassic(udp53)
	if err != nil {
		t.Fatal(err)
	}
	packet := append(frame(0, 0x0800, 0), []byte{0x46, 0, 0, 40, 0, 0, 0, 0, 64, 17, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0, 99, 0, 53, 0, 8, 0, 0}...)
	everywhere(t, func(t *testing.T, opts rivet.CollectionOptions) {
		p := classicProgram(t, filter, opts)
		for change, want := range map[int]uint32{0: 0x40000, 12: 0, 23: 0, 21: 0, 41: 0} { // none, EtherType, protocol, fragment, port
			b := append([]byte{}, packet...)
			if change != 0 {
				b[change] ^= 0xff
			}
			if got, out, err := p.Test(b); got != want || err != nil || string(out) != string(b) {
				t.Errorf("byte %d changed: returned %#x, %v; want %#x", change, got, err, want)
			}
		}
		if got, _, err := p.Test(packet[:20]); got != 0 || err != nil {
			t.Errorf("a short packet: returned %#x, %v", got, err)
		}
	})
}

func TestClassicRefuses(t *testing.T) {
	ret := bpf.RetConstant{Val: 1}
	for want, filter := range map[string][]bpf.Instruction{
		"no instructions":     {},
		"does not return":     {bpf.LoadConstant{Val: 1}},
		"division by 0":       {bpf.ALUOpConstant{Op: bpf.ALUOpDiv}, ret},
		"32 bits or more":     {bpf.ALUOpConstant{Op: bpf.ALUOpShiftLeft, Val: 32}, ret},
		"beyond the filter":   {bpf.Jump{Skip: 1}, ret},
		"16 words":            {bpf.RawInstruction{Op: 2, K: 16}, ret},
		"read before":         {bpf.LoadScratch{Dst: bpf.RegA, N: 3}, ret},
		"no such instruction": {bpf.RawInstruction{Op: 0xff}, ret},
		"no such extension":   {bpf.RawInstruction{Op: 0x20, K: 0xfffff001}, ret},
	} {
		if p, err := rivet.NewClassicProgram("filter", filter, rivet.CollectionOptions{}); err == nil {
			p.Close()
			t.Errorf("%v is accepted, want %q", filter, want)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", filter, err, want)
		}
	}
	for _, text := range []string{"", "{ 0x28, 0, 0 }", "x", "{ 0x10000, 0, 0, 0 }", "{ 6, 256, 0, 0 }", "{ 6, 0, 0, 0x100000000 }"} {
		if f, err := rivet.ParseClassic(text); err == nil {
			t.Errorf("%q is %v", text, f)
		}
	}
	if f, err := rivet.ParseClassic("1\n6 0 0 7\n"); err != nil || len(f) != 1 || f[0] != (bpf.RawInstruction{Op: 6, K: 7}) {
		t.Errorf("tcpdump -ddd: %v, %v", f, err)
	}
}

// randomFilter returns instructions that x/net's machine and Linux take, and mean the same by. That machine knows no negation.
func randomFilter(r *rand.Rand, negate bool) []bpf.Instruction {
	var f []bpf.Instruction
	for n := range 16 {
		f = append(f, bpf.StoreScratch{Src: bpf.RegA, N: n})
	}
	sizes := []int{1, 2, 4}
	n := 5 + r.IntN(30)
	for i := range n {
		off := uint32(r.IntN(40))
		left := uint8(min(n-i-1, 6))
		skip := func() uint8 { return uint8(r.IntN(int(left) + 1)) }
		val := uint32(r.IntN(300))
		if r.IntN(4) == 0 {
			val = r.Uint32()
		}
		reg := bpf.Register(r.IntN(2))
		cond := bpf.JumpTest(r.IntN(8))
		op := []bpf.ALUOp{bpf.ALUOpAdd, bpf.ALUOpSub, bpf.ALUOpMul, bpf.ALUOpOr, bpf.ALUOpAnd, bpf.ALUOpXor, bpf.ALUOpDiv, bpf.ALUOpMod}[r.IntN(8)]
		switch r.IntN(16) {
		case 0, 1, 2:
			f = append(f, bpf.LoadAbsolute{Off: off, Size: sizes[r.IntN(3)]})
		case 3:
			f = append(f, bpf.LoadConstant{Dst: bpf.RegX, Val: off}, bpf.LoadIndirect{Off: uint32(r.IntN(20)), Size: sizes[r.IntN(3)]})
		case 4:
			f = append(f, bpf.LoadMemShift{Off: off})
		case 5:
			f = append(f, bpf.LoadConstant{Dst: reg, Val: val})
		case 6:
			f = append(f, bpf.LoadScratch{Dst: reg, N: r.IntN(16)})
		case 7:
			f = append(f, bpf.StoreScratch{Src: reg, N: r.IntN(16)})
		case 8:
			f = append(f, bpf.ALUOpConstant{Op: op, Val: val | 1})
		case 9:
			f = append(f, bpf.ALUOpX{Op: op})
		case 10:
			f = append(f, bpf.ALUOpConstant{Op: []bpf.ALUOp{bpf.ALUOpShiftLeft, bpf.ALUOpShiftRight}[r.IntN(2)], Val: uint32(r.IntN(32))})
		case 11:
			if negate {
				f = append(f, bpf.NegateA{})
			} else {
				f = append(f, bpf.TAX{})
			}
		case 12:
			f = append(f, bpf.JumpIf{Cond: cond, Val: val, SkipTrue: skip(), SkipFalse: skip()})
		case 13:
			f = append(f, bpf.JumpIfX{Cond: cond, SkipTrue: skip(), SkipFalse: skip()})
		case 14:
			f = append(f, bpf.TAX{}, bpf.TXA{})
		case 15:
			f = append(f, bpf.LoadExtension{Num: bpf.ExtLen})
		}
	}
	for range 8 { // what jumps land in
		f = append(f, bpf.TXA{})
	}
	return append(f, bpf.RetA{})
}

// Random filters are what x/net's machine makes of them.
func TestClassicAsInGo(t *testing.T) {
	everywhere(t, func(t *testing.T, opts rivet.CollectionOptions) {
		r := rand.New(rand.NewPCG(3, 4))
		passed := 0
		for range 150 {
			filter := randomFilter(r, false)
			vm, err := bpf.NewVM(filter)
			if err != nil {
				t.Fatal(err)
			}
			p, err := rivet.NewClassicProgram("filter", filter, opts)
			if err != nil {
				t.Fatalf("%v: %v", filter, err)
			}
			for range 8 {
				packet := make([]byte, 14+r.IntN(40))
				for i := range packet {
					packet[i] = byte(r.Uint32())
				}
				want, err := vm.Run(packet)
				if err != nil {
					t.Fatal(err)
				}
				got, err := p.Run(&rivet.RunOptions{Data: packet})
				if int(got) != want || err != nil {
					t.Fatalf("%v on % x: %#x, %v; want %#x", filter, packet, got, err, want)
				}
				if got != 0 {
					passed++
				}
			}
			p.Close()
		}
		if passed < 200 {
			t.Errorf("only %d packets passed: the filters test little", passed)
		}
	})
}
