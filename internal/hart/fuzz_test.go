package hart

import (
	"bytes"
	"debug/elf"
	"testing"
)

// FuzzHart executes any bytes, once with Run and once instruction by
// instruction, and wants the same of both: whatever Run does for speed must not
// show.
func FuzzHart(f *testing.F) {
	f.Add([]byte{}, uint64(0))
	f.Add([]byte{1}, uint64(1))
	f.Add(text(0, 0xffffffff), uint64(2))
	f.Add(text(enc("jal", 0, 0, 0, 0)), uint64(3))
	f.Add(text(enc("jal", 1, 0, 0, 2), 0x05050037, enc("jalr", 0, 1, 0, 1)), uint64(4))
	f.Add(text(enc("sd", 0, a0, a0, 61), enc("ld", 1, a0, 0, 56), enc("amoadd.d", 1, a0, 1, 0)), uint64(5))
	for seed := range uint64(8) {
		g := newGenerator(seed, 0)
		f.Add(g.sequence(testMem, make([]byte, areaSize)), seed)
	}
	f.Fuzz(func(t *testing.T, code []byte, seed uint64) {
		if len(code) > 1<<14 {
			return
		}
		const max = 3000
		c := NewCode(testText, code)
		a, b := fuzzHart(c, seed), fuzzHart(c, seed)
		want := b.stepUntil(max)
		got := a.Run(max)
		if got != want || a.PC != b.PC || a.Instret != b.Instret || a.X != b.X {
			t.Fatalf("Run: %v at %#x, %d retired, %x\nStep: %v at %#x, %d retired, %x", got, a.PC, a.Instret, a.X, want, b.PC, b.Instret, b.X)
		}
		for i := range a.regions {
			if !bytes.Equal(a.regions[i].Mem, b.regions[i].Mem) {
				t.Fatalf("Run and Step left other bytes in region %d", i)
			}
		}
	})
}

// stepUntil does with Step what Run(max) does.
func (h *Hart) stepUntil(max uint64) Trap {
	for range max {
		if t := h.Step(); t.Kind != None {
			return t
		}
	}
	return Trap{Kind: Limit}
}

// fuzzHart has registers that are addresses of memory, of code, and edges.
func fuzzHart(c *Code, seed uint64) *Hart {
	h := New(c, Region{Base: testMem, Mem: words(areaSize / 8), Perm: PermRW}, Region{Base: testTab, Mem: words(8), Perm: PermRW},
		Region{Base: testRO, Mem: words(8), Perm: PermR, Atomic: true})
	g := newGenerator(seed, 0)
	for r := range h.X {
		switch g.IntN(4) {
		case 0:
			h.X[r] = testMem + uint64(g.IntN(areaSize))&^7
		case 1:
			h.X[r] = testTab + uint64(g.IntN(64))
		case 2:
			h.X[r] = testText + uint64(g.IntN(64))
		case 3:
			h.X[r] = g.edge()
		}
	}
	return h
}

// FuzzELF loads and runs any file.
func FuzzELF(f *testing.F) {
	f.Add(makeELF(0x10000, load{addr: 0x10000, data: exit(0), flags: rx}))
	f.Add(makeELF(0x10000, load{addr: 0x10000, data: exit(0), flags: rx}, load{addr: 0x20000, data: []byte("data"), memsz: 99, flags: elf.PF_R | elf.PF_W}))
	small, _ := batch(3, 1, 0)
	f.Add(small)
	f.Fuzz(func(t *testing.T, file []byte) {
		res, err := RunELF(bytes.NewReader(file), ELFOptions{Max: 1000})
		if res.Retired > 1000 {
			t.Errorf("retired %d instructions (%v), 1000 were allowed", res.Retired, err)
		}
	})
}
