package hart

import (
	"sync"
	"testing"
)

const (
	testText = 0x400000
	testMem  = 0x10000000
	testRO   = 0x20000000
	testTab  = 0x30000000
)

// words makes memory that is aligned for atomics.
func words(n int) []byte { return wordBytes(make([]uint64, n)) }

// machine runs code with 64 bytes to read and write at testMem, 64 to read at
// testRO and 64 that are shared at testTab. a0 to a3 hold the start of each and 0.
func machine(code ...uint32) *Hart {
	return machineOf(NewCode(testText, text(code...)))
}

func machineOf(code *Code) *Hart {
	h := New(code, Region{Base: testMem, Mem: words(8), Perm: PermRW}, Region{Base: testRO, Mem: words(8), Perm: PermR},
		Region{Base: testTab, Mem: words(8), Perm: PermRW, Atomic: true})
	h.X[10], h.X[11], h.X[12] = testMem, testRO, testTab
	return h
}

const (
	a0 = 10
	a1 = 11
	a2 = 12
	a3 = 13
	t0 = 5
	t1 = 6
)

func TestTraps(t *testing.T) {
	nop := enc("addi", 0, 0, 0, 0)
	tests := map[string]struct {
		code    []uint32
		strict  bool
		want    Trap
		pc      uint64 // as distance from testText
		retired uint64
	}{
		"ecall":                 {code: []uint32{nop, enc("ecall", 0, 0, 0, 0)}, want: Trap{Kind: Ecall}, pc: 8, retired: 2},
		"ebreak":                {code: []uint32{nop, enc("ebreak", 0, 0, 0, 0)}, want: Trap{Kind: Ebreak}, pc: 4, retired: 1},
		"illegal":               {code: []uint32{nop, 0}, want: Trap{Kind: Illegal, Addr: testText + 4}, pc: 4, retired: 1},
		"ones":                  {code: []uint32{0xffffffff}, want: Trap{Kind: Illegal, Addr: testText}},
		"falls off the end":     {code: []uint32{nop, nop}, want: Trap{Kind: FetchFault, Addr: testText + 8}, pc: 8, retired: 2},
		"half an instruction":   {code: []uint32{0x00130001}, want: Trap{Kind: FetchFault, Addr: testText + 4}, pc: 2, retired: 1},
		"jump out":              {code: []uint32{enc("jal", 0, 0, 0, 0x1000)}, want: Trap{Kind: FetchFault, Addr: testText + 0x1000}, pc: 0x1000, retired: 1},
		"jump before":           {code: []uint32{enc("jal", 0, 0, 0, -4)}, want: Trap{Kind: FetchFault, Addr: testText - 4}, pc: ^uint64(3), retired: 1},
		"indirect jump out":     {code: []uint32{enc("jalr", 1, a0, 0, 6)}, want: Trap{Kind: FetchFault, Addr: testMem + 6}, pc: testMem + 6 - testText, retired: 1},
		"branch out":            {code: []uint32{enc("beq", 0, 0, 0, -8)}, want: Trap{Kind: FetchFault, Addr: testText - 8}, pc: ^uint64(7), retired: 1},
		"load at null":          {code: []uint32{nop, enc("ld", t0, 0, 0, 16)}, want: Trap{Kind: LoadFault, Addr: 16, Size: 8}, pc: 4, retired: 1},
		"load over the end":     {code: []uint32{enc("ld", t0, a0, 0, 57)}, want: Trap{Kind: LoadFault, Addr: testMem + 57, Size: 8}},
		"load before":           {code: []uint32{enc("lb", t0, a0, 0, -1)}, want: Trap{Kind: LoadFault, Addr: testMem - 1, Size: 1}},
		"store over the end":    {code: []uint32{enc("sh", 0, a0, t0, 63)}, want: Trap{Kind: StoreFault, Addr: testMem + 63, Size: 2}},
		"store to read-only":    {code: []uint32{enc("sw", 0, a1, t0, 4)}, want: Trap{Kind: StoreFault, Addr: testRO + 4, Size: 4}},
		"load of code":          {code: []uint32{enc("auipc", t0, 0, 0, 0), enc("lw", t0, t0, 0, 0)}, want: Trap{Kind: LoadFault, Addr: testText, Size: 4}, pc: 4, retired: 1},
		"amo to read-only":      {code: []uint32{enc("amoadd.w", t0, a1, t1, 0)}, want: Trap{Kind: StoreFault, Addr: testRO, Size: 4}},
		"sc to read-only":       {code: []uint32{enc("sc.d", t0, a1, t1, 0)}, want: Trap{Kind: StoreFault, Addr: testRO, Size: 8}},
		"lr of nothing":         {code: []uint32{enc("lr.d", t0, a3, 0, 0)}, want: Trap{Kind: LoadFault, Size: 8}},
		"misaligned lr":         {code: []uint32{enc("addi", a0, a0, 0, 4), enc("lr.d", t0, a0, 0, 0)}, want: Trap{Kind: LoadMisaligned, Addr: testMem + 4, Size: 8}, pc: 4, retired: 1},
		"misaligned amo":        {code: []uint32{enc("addi", a0, a0, 0, 2), enc("amoor.w", t0, a0, 0, 0)}, want: Trap{Kind: StoreMisaligned, Addr: testMem + 2, Size: 4}, pc: 4, retired: 1},
		"misaligned amo beyond": {code: []uint32{enc("addi", a0, a0, 0, 62), enc("amoor.w", t0, a0, 0, 0)}, want: Trap{Kind: StoreFault, Addr: testMem + 62, Size: 4}, pc: 4, retired: 1},
		"misaligned load":       {strict: true, code: []uint32{enc("lw", t0, a0, 0, 4), enc("lw", t0, a0, 0, 5)}, want: Trap{Kind: LoadMisaligned, Addr: testMem + 5, Size: 4}, pc: 4, retired: 1},
		"misaligned store":      {strict: true, code: []uint32{enc("sd", 0, a0, t0, 12)}, want: Trap{Kind: StoreMisaligned, Addr: testMem + 12, Size: 8}},
		"misaligned allowed":    {code: []uint32{enc("sd", 0, a0, t0, 13), enc("ld", t1, a2, 0, 13), enc("ecall", 0, 0, 0, 0)}, want: Trap{Kind: Ecall}, pc: 12, retired: 3},
		"counter written":       {code: []uint32{0xc0001073}, want: Trap{Kind: Illegal, Addr: testText}},
		"hpmcounter3":           {code: []uint32{0xc0302573}, want: Trap{Kind: Illegal, Addr: testText}},
		"floating point":        {code: []uint32{0x00002007}, want: Trap{Kind: Illegal, Addr: testText}},
		"amocas.q":              {code: []uint32{0x2800402f}, want: Trap{Kind: Illegal, Addr: testText}},
		"mret":                  {code: []uint32{0x30200073}, want: Trap{Kind: Illegal, Addr: testText}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for _, step := range []bool{false, true} {
				h := machine(tt.code...)
				h.StrictAlign = tt.strict
				var got Trap
				for got = (Trap{}); got.Kind == None; {
					if step {
						got = h.Step()
					} else {
						got = h.Run(0)
					}
				}
				if got != tt.want || h.PC != testText+tt.pc || h.Instret != tt.retired {
					t.Errorf("step %v: got %v at %+d, %d retired; want %v at %+d, %d", step, got, int64(h.PC-testText), h.Instret, tt.want, int64(tt.pc), tt.retired)
				}
			}
		})
	}
}

func TestFetchAtOddPC(t *testing.T) {
	h := machine(enc("addi", 0, 0, 0, 0))
	h.PC++
	if got, want := h.Run(0), (Trap{Kind: FetchFault, Addr: testText + 1}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestOutOfStep jumps into the middle of an instruction and back.
func TestOutOfStep(t *testing.T) {
	// The upper half of the second word is c.addi a0, 1 (0x0505); it runs on into the third.
	h := machine(
		enc("jal", 0, 0, 0, 6),
		0x05050037, // lui x0, 0x5050
		enc("addi", a0, a0, 0, 16),
		enc("ecall", 0, 0, 0, 0))
	if got := h.Run(0); got.Kind != Ecall || h.X[a0] != testMem+17 || h.Instret != 4 || h.PC != testText+16 {
		t.Errorf("got %v, a0 %#x, pc %#x, retired %d", got, h.X[a0], h.PC, h.Instret)
	}
}

// TestWithoutC has 32-bit instructions only, and jumps to their starts.
func TestWithoutC(t *testing.T) {
	code := NewCodeExt(testText, text(0x00010001), ExtM|ExtA)
	if got, want := machineOf(code).Run(0), (Trap{Kind: Illegal, Addr: testText}); got != want {
		t.Errorf("c.nop: got %v, want %v", got, want)
	}
	code = NewCodeExt(testText, text(enc("jal", 0, 0, 0, 6), 0, 0), ExtM|ExtA)
	if got, want := machineOf(code).Run(0), (Trap{Kind: FetchFault, Addr: testText + 6}); got != want {
		t.Errorf("jump to half a word: got %v, want %v", got, want)
	}
}

// TestExtensions runs one instruction of each extension with and without it.
func TestExtensions(t *testing.T) {
	for name, ext := range map[string]Ext{
		"mul": ExtM, "divuw": ExtM, "amoadd.w": ExtA, "lr.d": ExtA, "sh1add": ExtZba, "add.uw": ExtZba, "rev8": ExtZbb,
		"zext.h": ExtZbb, "bext": ExtZbs, "bseti": ExtZbs, "czero.eqz": ExtZicond, "amocas.w": ExtZacas,
	} {
		word := enc(name, t0, a0, a0, 0)
		if got := machineOf(NewCodeExt(testText, text(word), ext|ExtC)).Step(); got.Kind != None {
			t.Errorf("%s with its extension: %v", name, got)
		}
		if got := machineOf(NewCodeExt(testText, text(word), ExtAll&^ext)).Step(); got.Kind != Illegal {
			t.Errorf("%s without its extension: %v", name, got)
		}
	}
}

func TestParseExt(t *testing.T) {
	for in, want := range map[string]Ext{
		"rv64i": ExtI, "rv64gc": ExtGC, "rv64imac": ExtGC, "RV64GC_Zba_Zbb": ExtGC | ExtZba | ExtZbb,
		"rv64gcb_zicond_zacas": ExtAll, "rv64imac_zicsr_zifencei": ExtGC, "rv64i_m": ExtI | ExtM,
	} {
		if got, err := ParseExt(in); err != nil || got != want {
			t.Errorf("%s: got %#x, %v; want %#x", in, got, err, want)
		}
	}
	for _, in := range []string{"", "rv32i", "rv64", "rv64m", "rv64gv", "rv64gc_zfoo", "rv64gc_"} {
		if got, err := ParseExt(in); err == nil {
			t.Errorf("%q: got %#x, want an error", in, got)
		}
	}
}

func TestCounters(t *testing.T) {
	h := machine(
		enc("addi", 0, 0, 0, 0),
		enc("csrrs", t0, 0, 0, 2),  // instret
		enc("csrrci", t1, 0, 0, 0), // cycle
		enc("csrrs", a0, 0, 0, 1),  // time
		enc("csrrc", a1, 0, 0, 1),
		enc("csrrs", 0, 0, 0, 2),
		enc("ecall", 0, 0, 0, 0))
	if got := h.Run(0); got.Kind != Ecall || h.X[0] != 0 || h.X[t0] != 1 || h.X[t1] != 2 || h.X[a0] > h.X[a1] {
		t.Errorf("got %v, x0 %d, instret %d, cycle %d, time %d then %d", got, h.X[0], h.X[t0], h.X[t1], h.X[a0], h.X[a1])
	}
}

// TestZero writes x0 in every way and reads it.
func TestZero(t *testing.T) {
	h := machine(
		enc("addi", 0, 0, 0, 5),
		enc("lui", 0, 0, 0, 0x1000),
		enc("add", 0, a0, a0, 0),
		enc("jal", 0, 0, 0, 4),
		enc("sd", 0, a0, a0, 0),
		enc("ld", 0, a0, 0, 0),
		enc("ld", 0, a2, 0, 0),
		enc("amoadd.d", 0, a0, a0, 0),
		enc("mulhu", 0, a0, a0, 0),
		enc("div", 0, a0, a0, 0),
		enc("add", t0, 0, 0, 0),
		enc("ecall", 0, 0, 0, 0))
	h.X[0], h.X[t0] = 77, 1
	if got := h.Run(0); got.Kind != Ecall || h.X[0] != 0 || h.X[t0] != 0 {
		t.Errorf("got %v, x0 %d, t0 %d", got, h.X[0], h.X[t0])
	}
}

func TestBreaks(t *testing.T) {
	code := NewCode(testText, text(
		enc("addi", t0, 0, 0, 3),
		enc("addi", t0, t0, 0, -1), // break
		enc("bne", 0, t0, 0, -4),
		enc("ecall", 0, 0, 0, 0))) // break
	h := New(code.WithBreaks([]uint64{testText + 4, testText + 12, 0x1234}))
	for i, want := range []struct{ pc, retired uint64 }{{4, 1}, {4, 3}, {4, 5}, {12, 7}} {
		if got := h.Run(0); got.Kind != Break || h.PC != testText+want.pc || h.Instret != want.retired {
			t.Fatalf("stop %d: got %v at %#x, %d retired; want +%d, %d", i, got, h.PC, h.Instret, want.pc, want.retired)
		}
	}
	if got := h.Run(0); got.Kind != Ecall || h.Instret != 8 {
		t.Errorf("got %v, %d retired; want ecall, 8", got, h.Instret)
	}
	if got := New(code).Run(0); got.Kind != Ecall {
		t.Errorf("the code without breakpoints: %v", got)
	}
}

// TestLimitAnywhere stops a loop after every possible number of instructions.
func TestLimitAnywhere(t *testing.T) {
	code := NewCode(testText, text(
		enc("addi", t0, 0, 0, 9),
		enc("addi", t1, t1, 0, 1),
		enc("slli", t1, t1, 0, 32),
		enc("srli", t1, t1, 0, 32),
		enc("addi", t0, t0, 0, -1),
		enc("bne", 0, t0, 0, -16),
		enc("ecall", 0, 0, 0, 0)))
	stepped := New(code)
	for n := uint64(1); n < 47; n++ {
		stepped.Step()
		h := New(code)
		if got := h.Run(n); got.Kind != Limit || h.Instret != n || h.PC != stepped.PC || h.X != stepped.X {
			t.Fatalf("limit %d: got %v, %d retired, pc %#x; want pc %#x", n, got, h.Instret, h.PC, stepped.PC)
		}
		if got := h.Run(47 - n); got.Kind != Ecall && (got.Kind != Limit || n < 46) || h.Instret != 47 {
			t.Fatalf("limit %d, then the rest: got %v, %d retired", n, got, h.Instret)
		}
	}
}

// TestConcurrent lets harts count one word up together with AMOs, LR and SC, and amocas.
func TestConcurrent(t *testing.T) {
	loop := func(body ...uint32) []uint32 {
		body = append(body, enc("addi", a1, a1, 0, -1))
		return append(body, enc("bne", 0, a1, 0, int32(-4*len(body))), enc("ecall", 0, 0, 0, 0))
	}
	tests := map[string][]uint32{
		"amoadd.d": loop(enc("addi", t0, 0, 0, 1), enc("amoadd.d", 0, a0, t0, 0)),
		"lr.w": loop(enc("lr.w", t0, a0, 0, 0), enc("addi", t0, t0, 0, 1),
			enc("sc.w", t1, a0, t0, 0), enc("bne", 0, t1, 0, -12)),
		"amocas.d": loop(enc("ld", t0, a0, 0, 0), enc("addi", t1, t0, 0, 1), enc("addi", a2, t0, 0, 0),
			enc("amocas.d", a2, a0, t1, 0), enc("bne", 0, a2, t0, -16)),
	}
	for name, body := range tests {
		t.Run(name, func(t *testing.T) {
			code := NewCode(testText, text(body...))
			shared := Region{Base: testMem, Mem: words(2), Perm: PermRW, Atomic: true}
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					h := New(code, shared)
					h.X[a0], h.X[a1] = testMem, 2000
					if got := h.Run(0); got.Kind != Ecall {
						t.Errorf("got %v at %#x", got, h.PC)
					}
				})
			}
			wg.Wait()
			if got := shared.Mem[0:3]; got[0] != 8000&0xff || got[1] != 8000>>8 || got[2] != 0 {
				t.Errorf("counted % x, want 8000", got)
			}
		})
	}
}
