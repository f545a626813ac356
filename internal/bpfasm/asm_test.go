package bpfasm

import (
	"strings"
	"testing"

	"github.com/rivetbpf/rivet/internal/bpf"
)

// TestAssemble compares each form of a line with what the instruction means.
func TestAssemble(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"mov32 %r0, 1", "w0 = 1"},
		{"mov %r0, 0xffffffff", "r0 = -1"},
		{"mov64 r3, r4", "r3 = r4"},
		{"add %r0, -5", "r0 += -5"},
		{"arsh32 %r1, %r2", "w1 s>>= w2"},
		{"sdiv %r1, 3", "r1 s/= 3"},
		{"smod32 %r1, %r2", "w1 s%= w2"},
		{"neg %r7", "r7 = -r7"},
		{"neg32 %r7", "w7 = -w7"},
		{"movsx8 %r1, %r2", "r1 = (s8)r2"},
		{"movsx832 %r1, %r2", "w1 = (s8)w2"},
		{"movsx1664 %r1, %r2", "r1 = (s16)r2"},
		{"movsx3264 %r1, %r2", "r1 = (s32)r2"},
		{"be16 %r0", "r0 = be16 r0"},
		{"le64 %r0", "r0 = le64 r0"},
		{"swap32 %r0", "r0 = bswap32 r0"},
		{"bswap64 %r0", "r0 = bswap64 r0"},
		{"ldxdw %r1, [%r2+8]", "r1 = *(u64 *)(r2 + 8)"},
		{"ldxb %r1, [%r2]", "w1 = *(u8 *)(r2 + 0)"},
		{"ldxsh %r1, [%r2-0x10]", "r1 = *(s16 *)(r2 - 16)"},
		{"stw [%r1+4], -1", "*(u32 *)(r1 + 4) = -1"},
		{"stxb [%r10-1], %r3", "*(u8 *)(r10 - 1) = w3"},
		{"lock add [%r1+8], %r2", "lock *(u64 *)(r1 + 8) += r2"},
		{"lock fetch or32 [%r1+8], %r2", "w2 = atomic_fetch_or((u32 *)(r1 + 8), w2)"},
		{"lock fetch_add [%r10-8], %r1", "r1 = atomic_fetch_add((u64 *)(r10 - 8), r1)"},
		{"lock xchg [%r1], %r2", "r2 = xchg_64(r1 + 0, r2)"},
		{"lock cmpxchg32 [%r1], %r2", "w0 = cmpxchg32_32(r1 + 0, w0, w2)"},
		{"load_acquire16 %r1, [%r2+2]", "w1 = load_acquire((u16 *)(r2 + 2))"},
		{"store_release64 [%r2+8], %r1", "store_release((u64 *)(r2 + 8), r1)"},
		{"jeq %r1, 5, +3", "if r1 == 5 goto +3"},
		{"jslt32 %r1, %r2, -2", "if w1 s< w2 goto -2"},
		{"jset %r1, 8, out\nmov %r0, 1\nout: exit", "if r1 & 8 goto +1"},
		{"ja +0", "goto +0"},
		{"gotol exit\nmov %r0, 1\nexit", "gotol +1"},
		{"lddw %r1, 0x1122334455667788", "r1 = 1234605616436508552 ll"},
		{"lddw %r1, -1", "r1 = -1 ll"},
		{"call 5", "call bpf_ktime_get_ns"},
		{"call bpf_tail_call", "call bpf_tail_call"},
		{"call map_lookup_elem", "call bpf_map_lookup_elem"},
		{"callx %r3", "callx r3"},
		{"call %r3", "callx r3"},
		{"exit # done", "exit"},
		{"call local +1", "call 1"},
		{"call runtime 0x2a", "call 0"},
	} {
		u, err := Assemble(c.text)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if got := Format(nil, &bpf.Func{Insns: u.Programs[0].Insns}, 0); got != c.want {
			t.Errorf("%s: assembled to %q, want %q", c.text, got, c.want)
		}
	}
}

func TestAssembleErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                                      "no instructions",
		"mov %r0, 1\nfoo %r1":                   `line 2: "foo %r1": unknown mnemonic "foo"`,
		"mov %r0":                               "1 operands where 2 belong",
		"mov 5, %r0":                            `"5" is no register`,
		"mov %r0, 0x1ffffffff":                  "does not fit 32 bits",
		"ja nowhere":                            `line 1: no label "nowhere"`,
		"a: a: exit":                            "used twice",
		"ldxb %r0, %r1":                         "is no memory operand",
		"ldxb %r0, [%r1+40000]":                 "does not fit 16 bits",
		"lock nand [%r1], %r2":                  "unknown atomic operation",
		"lddw %r1, map(m)":                      `no map "m"`,
		".map m hash 4 4 1":                     `unknown map type "hash"`,
		".bogus":                                "unknown directive",
		"call":                                  "a call of nothing",
		"call strange 5":                        `unknown kind of call "strange"`,
		".program a\nja x\n.program b\nx: exit": `no label "x" in program a`,
	} {
		if _, err := Assemble(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one with %q", text, err, want)
		}
	}
}

// TestModule links programs, functions, maps and references.
func TestModule(t *testing.T) {
	u, err := Assemble(`
		.map jmp prog_array 4 4 3
		.slot jmp 2 second
		.program first
		lddw %r2, map(jmp)
		mov %r3, 2
		call local sub
		exit
	sub:
		lddw %r1, func(leaf)
		mov %r0, 1
		call tail_call
		exit
	leaf:
		mov %r0, 7
		exit
		.program second SchedCLS
		mov %r0, 9
		exit`)
	if err != nil {
		t.Fatal(err)
	}
	mod, err := u.Module()
	if err != nil {
		t.Fatal(err)
	}
	if len(mod.Programs) != 2 || mod.Programs[1].Type != "SchedCLS" || mod.Programs[1].Name != "second" {
		t.Errorf("programs: %+v", mod.Programs)
	}
	find := func(name string) *bpf.Func {
		for _, f := range mod.Funcs {
			if f.Name == name {
				return f
			}
		}
		t.Fatalf("no function %q", name)
		return nil
	}
	if got := Format(mod, find("first"), 3); got != "call sub" {
		t.Errorf("call is %q", got)
	}
	if got := Format(mod, find("sub"), 0); got != "r1 = subprog[leaf] ll" {
		t.Errorf("reference is %q", got)
	}
	if in := find("first").Insns[0]; in.Src != bpf.LoadMap || in.Imm != 0 {
		t.Errorf("map reference is %+v", in)
	}
	if len(u.Slots) != 1 || u.Slots[0] != (Slot{0, 2, "second"}) {
		t.Errorf("slots: %+v", u.Slots)
	}
}
