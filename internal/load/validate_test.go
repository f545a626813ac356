package load

import (
	"errors"
	"slices"
	"testing"

	"github.com/rivetbpf/rivet/internal/bpf"
)

// ruleTest is one program and what becomes of it.
type ruleTest struct {
	name, code string
	want       string // part of the error; "" when it loads
	linux      string // why Linux decides differently; "" when it does not
}

const (
	rfcOnly  = "Linux does not look at this field"
	deadCode = "Linux refuses code that cannot be reached"
	byValue  = "Linux refuses the value, RFC 9669 defines it"
	noKernel = "Linux does not have it"
)

// ruleTests go rule by rule; where a rule is a limit, both sides of it.
var ruleTests = []ruleTest{
	// Opcodes.
	{"empty", "", "there are no instructions", ""},
	{"smallest", "exit", "", ""},
	{"opcode 0", "00; exit", "insn 0 [00 00 00 00 00 00 00 00]: unknown opcode 0x00", ""},
	{"opcode of cBPF", "16 0 0 0 0; 04; 1c; 3c; 2e 0 1; ff; exit", "unknown opcode 0xff", ""},
	{"load of 8 bytes with sign", "99 0 10 -8; exit", "unknown opcode 0x99", ""},
	{"neg with register", "8f; exit", "unknown opcode 0x8f", ""},
	{"swap with register", "df 0 0 0 16; exit", "unknown opcode 0xdf", ""},
	{"exit in jmp32", "96; exit", "unknown opcode 0x96", ""},
	{"call in jmp32", "86 0 0 0 5; exit", "unknown opcode 0x86", ""},
	{"packet load of 8 bytes", "bf 6 1; 38 0 0 0 0; exit", "at most 4 are loaded", ""},
	{"packet load with an offset", "bf 6 1; 40 0 1 4 0; exit", "reserved fields must be 0", ""},
	{"may_goto with a register", "e5 1 0 0 0; exit", "reserved field dst is 1, must be 0", ""},
	{"may_goto with an immediate", "e5 0 0 0 1; exit", "reserved field imm is 0x1, must be 0", ""},
	{"conditional jump of an unknown kind", "e5 0 1 0 0; exit", "reserved field src is 1, must be 0", ""},
	{"gotox", "0d 1; exit", "indirect jump (gotox)", "Linux 6.19 has it"},

	// Registers.
	{"dst r11", "b7 11; exit", "there is no register r11", ""},
	{"dst r15", "b7 15; exit", "there is no register r15", ""},
	{"src r11", "bf 0 11; exit", "there is no register r11", ""},
	{"src r10", "bf 0 10; exit", "", ""},
	{"mov to r10", "bf 10 1; exit", "write to r10, which is read-only", ""},
	{"add to r10", "07 10 0 0 8; exit", "write to r10", ""},
	{"load to r10", "79 10 10 -8; exit", "write to r10", ""},
	{"immediate to r10", "18 10; 00; exit", "write to r10", ""},
	{"swap r10", "dc 10 0 0 16; exit", "write to r10", ""},
	{"load-acquire to r10", "7a 10 0 -8; db 10 10 -8 0x100; exit", "write to r10", ""},
	{"fetch into r10", "7a 10 0 -8; db 10 10 -8 1; exit", "write to r10", ""},
	{"xchg into r10", "7a 10 0 -8; db 10 10 -8 0xe1; exit", "write to r10", ""},
	{"add r10 atomically", "7a 10 0 -8; db 10 10 -8 0; exit", "", "Linux refuses pointers as operands of atomics"},
	{"compare r10", "1d 10 10; exit", "", ""},

	// Reserved fields of arithmetic.
	{"mov imm with src", "b7 0 1; exit", "reserved field src is 1", ""},
	{"mov imm with off", "b7 0 0 8; exit", "reserved field offset is 8", ""},
	{"mov with imm", "bf 0 1 0 1; exit", "reserved field imm is 0x1", ""},
	{"cast to address space 2", "bf 0 1 1 2; exit", "addr_space_cast with imm 0x2", ""},
	{"cast to r10", "bf 10 1 1 1; exit", "write to r10", ""},
	{"mov with off 4", "bf 0 1 4; exit", "offset of a move is 4", ""},
	{"movsx 8", "b7 1 0 0 1; bf 0 1 8; exit", "", ""},
	{"movsx 16", "b7 1 0 0 1; bf 0 1 16; exit", "", ""},
	{"movsx 32", "b7 1 0 0 1; bf 0 1 32; exit", "", ""},
	{"movsx 64", "b7 1 0 0 1; bf 0 1 64; exit", "offset of a move is 64", ""},
	{"mov32 with off 16", "b7 1 0 0 1; bc 0 1 16; exit", "", ""},
	{"mov32 with off 32", "b7 1 0 0 1; bc 0 1 32; exit", "offset of a 32-bit move is 32", ""},
	{"mov32 with off 1", "b7 1 0 0 1; bc 0 1 1; exit", "offset of a 32-bit move is 1", ""},
	{"add with off", "b7 0; 07 0 0 1 1; exit", "reserved field offset is 1", ""},
	{"add register with imm", "b7 0; 0f 0 0 0 1; exit", "reserved field imm is 0x1", ""},
	{"sdiv", "b7 0; 37 0 0 1 3; exit", "", ""},
	{"sdiv32 register", "b7 0; 3c 0 0 1; exit", "", ""},
	{"smod", "b7 0; 97 0 0 1 3; exit", "", ""},
	{"div with off 2", "b7 0; 37 0 0 2 3; exit", "offset of a division or modulo is 2", ""},
	{"mod with off -1", "b7 0; 9f 0 0 -1; exit", "offset of a division or modulo is -1", ""},
	{"div by 0", "b7 0; 37 0 0 0 0; exit", "", byValue},
	{"mod by 0", "b7 0; 94 0 0 0 0; exit", "", byValue},
	{"shift by 64", "b7 0; 67 0 0 0 64; exit", "", byValue},
	{"shift by 63", "b7 0; 67 0 0 0 63; exit", "", ""},
	{"neg", "b7 0; 87 0; exit", "", ""},
	{"neg with src", "b7 0; 87 0 1; exit", "reserved field src", ""},
	{"neg with imm", "b7 0; 87 0 0 0 1; exit", "reserved field imm", ""},
	{"neg with off", "b7 0; 84 0 0 1 0; exit", "reserved field offset", ""},
	{"be64", "b7 0; dc 0 0 0 64; exit", "", ""},
	{"be8", "b7 0; dc 0 0 0 8; exit", "width of a byte swap is 8", ""},
	{"le0", "b7 0; d4 0 0 0 0; exit", "width of a byte swap is 0", ""},
	{"bswap16", "b7 0; d7 0 0 0 16; exit", "", ""},
	{"bswap24", "b7 0; d7 0 0 0 24; exit", "width of a byte swap is 24", ""},
	{"be with src", "b7 0; dc 0 1 0 16; exit", "reserved field src", ""},
	{"be with off", "b7 0; dc 0 0 1 16; exit", "reserved field offset", ""},

	// Reserved fields of memory access.
	{"store and load", "7a 10 0 -8 0; 79 0 10 -8; exit", "", ""},
	{"load with imm", "7a 10 0 -8 0; 79 0 10 -8 1; exit", "reserved field imm", ""},
	{"load with sign", "7a 10 0 -8 0; 91 0 10 -8; exit", "", ""},
	{"load with sign and imm", "7a 10 0 -8 0; 91 0 10 -8 1; exit", "reserved field imm", ""},
	{"store immediate with src", "7a 10 1 -8 0; exit", "reserved field src", ""},
	{"store with imm", "b7 0; 7b 10 0 -8 1; exit", "reserved field imm", ""},

	// Atomic operations.
	{"atomic add", "b7 1; 7a 10 0 -8; db 10 1 -8 0; exit", "", ""},
	{"atomic sub", "b7 1; 7a 10 0 -8; db 10 1 -8 0x10; exit", "unknown atomic operation 0x10", ""},
	{"atomic xchg without fetch", "b7 1; 7a 10 0 -8; db 10 1 -8 0xe0; exit", "unknown atomic operation 0xe0", ""},
	{"atomic cmpxchg", "b7 0; b7 1; 7a 10 0 -8; db 10 1 -8 0xf1; exit", "", ""},
	{"atomic cmpxchg without fetch", "b7 0; b7 1; 7a 10 0 -8; db 10 1 -8 0xf0; exit", "unknown atomic operation 0xf0", ""},
	{"atomic high bits", "b7 1; 7a 10 0 -8; db 10 1 -8 0x10000; exit", "unknown atomic operation 0x10000", ""},
	{"atomic add of 2 bytes", "b7 1; 7a 10 0 -8; cb 10 1 -8 0; exit", "atomic operation on 2 bytes", ""},
	{"atomic xchg of 1 byte", "b7 1; 7a 10 0 -8; d3 10 1 -8 0xe1; exit", "atomic operation on 1 bytes", ""},
	{"load-acquire of 1 byte", "7a 10 0 -8; d3 1 10 -8 0x100; exit", "", ""},
	{"store-release of 2 bytes", "b7 1; 7a 10 0 -8; cb 10 1 -8 0x110; exit", "", ""},
	{"load-acquire with fetch", "7a 10 0 -8; db 1 10 -8 0x101; exit", "unknown atomic operation 0x101", ""},

	// 64-bit immediates.
	{"immediate", "18 0 0 0 -1; 00 0 0 0 -1; exit", "", ""},
	{"immediate cut", "b7; 95; 18", "64-bit immediate load without its second half", ""},
	{"immediate without half", "18 0; b7 0; exit", "second half of a 64-bit immediate load has a field other than imm set", ""},
	{"second dst", "18 0; 00 1; exit", "second half of a 64-bit immediate load has a field", ""},
	{"second src", "18 0; 00 0 1; exit", "second half of a 64-bit immediate load has a field", ""},
	{"second off", "18 0; 00 0 0 1; exit", "second half of a 64-bit immediate load has a field", ""},
	{"immediate with off", "18 0 0 1; 00; exit", "reserved field offset is 1", ""},
	{"kernel variable", "18 0 3 0 1; 00; exit", "BPF_PSEUDO_BTF_ID", ""},
	{"kind 7", "18 0 7; 00; exit", "unknown kind 7 of 64-bit immediate load", ""},
	{"map", "18 1 1 0 0; 00; exit", "", ""},
	{"no such map", "18 1 1 0 3; 00; exit", "reference to map 3: there are 3 maps", ""},
	{"negative map", "18 1 1 0 -1; 00; exit", "reference to map -1", ""},
	{"map with upper half", "18 1 1 0 0; 00 0 0 0 1; exit", "upper half of a map reference is 0x1", ""},
	{"map value, last byte", "18 1 2 0 1; 00 0 0 0 15; exit", "", ""},
	{"map value, behind", "18 1 2 0 1; 00 0 0 0 16; exit", "offset 16 is outside the value of map \"data\" (16 bytes)", ""},
	{"map value of two", "18 1 2 0 2; 00; exit", "map \"many\", which is not an array of one element", ""},
	{"map value of program array", "18 1 2 0 0; 00; exit", "map \"jmp\", which is not an array of one element", ""},
	{"function", "18 1 4 0 3; 00; b7; 95; exit", "", "Linux wants debug information for it"},
	{"function out of range", "18 1 4 0 9; 00; exit", "reference to a function at insn 10 of the program", ""},
	{"function with upper half", "18 1 4 0 3; 00 0 0 0 1; b7; 95; exit", "upper half of a function reference", ""},

	// Jumps.
	{"jump to next", "05 0 0 0; exit", "", ""},
	{"jump to last", "05 0 0 1; exit", "", deadCode},
	{"jump behind", "05 0 0 2; exit", "jump to insn 3 is out of range: the function has 3", ""},
	{"jump before", "05 0 0 -2; exit", "jump to insn -1 is out of range", ""},
	{"jump to itself", "05 0 0 -1; exit", "", "Linux refuses endless loops"},
	{"branch to first", "b7 0; 15 0 0 -2 1; exit", "", ""},
	{"branch before", "b7 0; 15 0 0 -3 1; exit", "jump to insn -1 is out of range", ""},
	{"jump with imm", "05 0 0 0 1; exit", "reserved field imm", ""},
	{"jump with dst", "05 1 0 0 0; exit", "reserved field dst", ""},
	{"jump with src", "05 0 1 0 0; exit", "reserved field src", ""},
	{"gotol", "06 0 0 0 0; exit", "", ""},
	{"gotol behind", "06 0 0 0 2; exit", "jump to insn 3 is out of range", ""},
	{"gotol far", "06 0 0 0 0x7fffffff; exit", "out of range", ""},
	{"gotol with off", "06 0 0 1 0; exit", "reserved field offset", ""},
	{"branch into immediate", "b7 0; 15 0 0 1 0; 18 0; 00; exit", "jump to insn 3, the second half of a 64-bit immediate load", ""},
	{"jump into immediate", "05 0 0 1; 18 0; 00; exit", "jump to insn 2, the second half", ""},
	{"branch immediate with src", "b7 0; 15 0 1 0 0; exit", "reserved field src", ""},
	{"branch register with imm", "b7 0; 1d 0 0 0 1; exit", "reserved field imm", ""},
	{"branch dst r12", "15 12; exit", "there is no register r12", ""},

	// Ends.
	{"no end", "b7 0", "control falls off the end", ""},
	{"ends with branch", "b7 0; 95; 15 0 0 -3", "control falls off the end", ""},
	{"ends with call", "b7 0; 95; 85 0 0 0 5", "control falls off the end", ""},
	{"ends with immediate", "95; 18 0 0 0 0; 00 0 0 0 0x95", "insn 1 [18 00 00 00 00 00 00 00 00 00 00 00 95 00 00 00]: control falls off the end", ""},
	{"ends with jump back", "b7 0; 05 0 0 1; 95; 05 0 0 -2", "", ""},
	{"ends with gotol back", "b7 0; 05 0 0 1; 95; 06 0 0 0 -2", "", ""},
	{"exit with imm", "b7; 95 0 0 0 1", "reserved field imm", ""},
	{"exit with dst", "b7; 95 1", "reserved field dst", ""},
	{"exit with src", "b7; 95 0 1", "reserved field src", ""},
	{"exit with off", "b7; 95 0 0 1", "reserved field offset", rfcOnly},
	{"dead code is checked", "b7; 95; ff; exit", "insn 2 [ff 00 00 00 00 00 00 00]: unknown opcode", ""},
	{"dead code", "b7; 95; exit", "", deadCode},

	// Calls.
	{"helper", "85 0 0 0 5; exit", "", ""},
	{"helper with dst", "85 1 0 0 5; exit", "reserved field dst", ""},
	{"helper with off", "85 0 0 1 5; exit", "reserved field offset", ""},
	{"call of kind 3", "85 0 3 0 0; exit", "unknown kind 3 of call", ""},
	{"call of kind 15", "85 0 15 0 0; exit", "unknown kind 15 of call", ""},
	{"kfunc without a list", "85 0 2 0 7; exit", "call of kfunc 7: there are 0 kfuncs", ""},
	{"call", "85 0 1 0 2; exit; exit", "", ""},
	{"call with dst", "85 1 1 0 2; exit; exit", "reserved field dst", ""},
	{"call with off", "85 0 1 1 2; exit; exit", "reserved field offset", ""},
	{"call behind", "85 0 1 0 4; exit; exit", "call to insn 5 of the program is out of range: it has 5", ""},
	{"call before", "85 0 1 0 -2; exit", "call to insn -1 of the program is out of range", ""},
	{"call into immediate", "85 0 1 0 3; exit; 18 0; 00; exit", "call to insn 4 of the program, the second half", ""},
	{"jump out of a function", "85 0 1 0 2; exit; 05 0 0 -2; exit", "function \"sub_3\": insn 0 [05 00 fe ff 00 00 00 00]: jump to insn -1 leaves the function", ""},
	{"fall into a function", "85 0 1 0 1; b7 0; exit", "function \"prog\": insn 1 [b7 00 00 00 00 00 00 00]: control falls off the end", ""},
	{"callx", "b7 1 0 0 5; 8d 1; exit", "", noKernel},
	{"callx, old clang", "b7 1 0 0 5; 8d 0 0 0 1; exit", "", noKernel},
	{"callx, both", "b7 1 0 0 5; 8d 1 0 0 1; exit", "indirect call with both dst (r1) and imm (0x1)", noKernel},
	{"callx r11", "8d 0 0 0 11; exit", "there is no register r11", ""},
	{"callx with off", "8d 1 0 1; exit", "reserved field offset", ""},
	{"callx with src", "8d 1 1; exit", "reserved field src", ""},

	// Recursion.
	{"calls itself", "b7 0; 85 0 1 0 -2; exit", "recursion is not allowed: prog calls prog", ""},
	{"mutual recursion", "85 0 1 0 2; exit; 85 0 1 0 2; exit; 85 0 1 0 -4; exit",
		"recursion is not allowed: sub_3 calls sub_6 calls sub_3", ""},
	{"refers to itself", "18 0 4 0 -1; 00; exit", "recursion is not allowed: prog calls prog", ""},
	{"refers to itself while referred to", "18 1 4 0 3; 00; exit; 18 1 4 0 -1; 00; exit", "recursion is not allowed: sub_4 calls sub_4", ""},
	{"callx inside a function whose address is taken", "18 1 4 0 3; 00; exit; 8d 1; exit", "recursion is not allowed: sub_4 calls sub_4", ""},

	// Stack.
	{"stack 512", "72 10 0 -512; exit", "", ""},
	{"stack 513", "72 10 0 -513; exit", "stack of 528 bytes: at most 512 are allowed: prog", ""},
	{"stack 512 by arithmetic", "bf 1 10; 07 1 0 0 -512; 72 1 0 0 0; exit", "", ""},
	{"stack 513 by arithmetic", "bf 1 10; 07 1 0 0 -500; 72 1 0 -13 0; exit", "stack of 528 bytes", ""},
	{"far pointer that comes back", "bf 1 10; 07 1 0 0 -2000; 72 1 0 1999 0; exit", "", ""},
}

func TestRules(t *testing.T) {
	for _, c := range ruleTests {
		t.Run(c.name, func(t *testing.T) {
			insns := code(t, c.code)
			given := slices.Clone(insns)
			_, err := loadCode(insns)
			wantError(t, err, c.want)
			if !slices.Equal(insns, given) {
				t.Error("the caller's instructions were changed")
			}
			if t.Failed() {
				t.Log(describe(insns))
			}
		})
	}
}

// depthTest is a chain of functions and what becomes of it.
type depthTest struct {
	name  string
	insns []bpf.Insn
	want  string
}

func depthTests() []depthTest {
	return []depthTest{
		{"8 frames", frames(false, 0, 0, 0, 0, 0, 0, 0, 0), ""},
		{"9 frames", frames(false, 0, 0, 0, 0, 0, 0, 0, 0, 0), "call chain of more than 8 frames: prog calls sub_4 calls "},
		{"512 bytes in 8 frames", frames(false, 64, 64, 64, 64, 64, 64, 64, 64), ""},
		{"528 bytes in 8 frames", frames(false, 64, 64, 64, 64, 64, 64, 64, 65), "stack of 528 bytes: at most 512 are allowed: prog calls sub_4"},
		{"rounding up fits", frames(false, 1, 490), ""},
		{"rounding up does not fit", frames(false, 1, 497), "stack of 528 bytes"},
		{"empty frames cost nothing", frames(false, 0, 512), ""},
		{"512 and an empty one", frames(false, 512, 0), ""},
		{"512 and 1", frames(false, 512, 1), "stack of 528 bytes"},
		{"entry tail-calls with 512", frames(true, 512), ""},
		{"240 above a tail call", frames(true, 240, 16), ""},
		{"256 above a tail call", frames(true, 256, 0), "stack of 256 bytes above function \"sub_4\", which tail-calls: must be less than 256: prog calls sub_4"},
		{"241 above a tail call", frames(true, 241, 0), "stack of 256 bytes above function \"sub_4\""},
		{"240 above a tail call in two", frames(true, 128, 112, 272), ""},
		{"256 above a tail call in two", frames(true, 128, 128, 16), "stack of 256 bytes above function \"sub_8\""},
		{"frame of the tail call itself", frames(true, 16, 496), ""},
		{"8 frames and a tail call", frames(true, 16, 16, 16, 16, 16, 16, 16, 400), ""},
	}
}

func TestDepth(t *testing.T) {
	for _, c := range depthTests() {
		t.Run(c.name, func(t *testing.T) {
			_, err := loadCode(c.insns)
			wantError(t, err, c.want)
		})
	}
}

func TestSize(t *testing.T) {
	insns := repeat(bpf.Insn{Op: bpf.OpMovK}, bpf.MaxInsns-1)
	insns = append(insns, bpf.Insn{Op: bpf.OpExit})
	if _, err := RawInsns(insns); err != nil {
		t.Error(err)
	}
	_, err := RawInsns(append(insns, bpf.Insn{Op: bpf.OpExit}))
	wantError(t, err, `program "main": 1000001 instructions, with all functions that it calls: at most 1000000 are allowed`)
}

func TestRawBytes(t *testing.T) {
	if _, err := Raw("p", "XDP", encode(code(t, "exit"))); err != nil {
		t.Error(err)
	}
	_, err := Raw("p", "XDP", make([]byte, 12))
	wantError(t, err, `program "p": 12 bytes of code`)
	var pe *ProgramError
	_, err = Raw("p", "XDP", encode(code(t, "b7 0; ff; exit")))
	if !errors.As(err, &pe) || pe.Program != "p" {
		t.Errorf("no ProgramError: %v", err)
	}
	var ie *InsnError
	if !errors.As(err, &ie) || ie.Insn != 1 || ie.Func != "p" || !slices.Equal(ie.Bytes, []byte{0xff, 0, 0, 0, 0, 0, 0, 0}) {
		t.Errorf("InsnError is %+v", ie)
	}
	wantError(t, err, `program "p": function "p": insn 1 [ff 00 00 00 00 00 00 00]: unknown opcode 0xff`)
}

// TestSpellings checks that what can be written in two ways comes out in one.
func TestSpellings(t *testing.T) {
	m, err := loadCode(code(t, "18 1 5 0 0; 00; 18 1 6 0 1; 00 0 0 0 4; 8d 0 0 0 3; exit"))
	if err != nil {
		t.Fatal(err)
	}
	want := code(t, "18 1 1 0 0; 00; 18 1 2 0 1; 00 0 0 0 4; 8d 3; exit")
	if got := m.Funcs[0].Insns; !slices.Equal(got, want) {
		t.Errorf("got\n%swant\n%s", describe(got), describe(want))
	}
}
