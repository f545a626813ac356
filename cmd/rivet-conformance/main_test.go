package main

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/bpfasm"
	"github.com/rivetbpf/rivet/internal/engines"
	"github.com/rivetbpf/rivet/internal/enginetest"
	"github.com/rivetbpf/rivet/internal/testenv"
)

// spaced is how the suite's runner writes bytes.
func spaced(b []byte) string {
	var s strings.Builder
	for _, c := range b {
		fmt.Fprintf(&s, "%02x  ", c)
	}
	return s.String()
}

// plugin runs the command once.
func plugin(stdin string, args ...string) (status int, stdout, stderr string) {
	var out, errs bytes.Buffer
	status = run(args, strings.NewReader(stdin), &out, &errs)
	return status, out.String(), errs.String()
}

func assemble(t *testing.T, text string) []bpf.Insn {
	t.Helper()
	u, err := bpfasm.Assemble(text)
	if err != nil {
		t.Fatal(err)
	}
	return u.Programs[0].Insns
}

// TestCases sends every instruction case that the protocol can carry through
// the command, on every engine: one program, no maps. A case with arguments has its
// first row's in front of it.
func TestCases(t *testing.T) {
	cases, err := enginetest.Load("../../testdata/insn/*.data")
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, kind := range engines.All() {
		for _, c := range cases {
			want := c.Runs[0].Want[0]
			if kind.Mapped && c.AtBase() {
				continue
			}
			if strings.Contains(c.Asm, ".map") || c.Fuel != 100_000 || strings.Contains(want.Fault, "out of fuel") {
				continue
			}
			insns := assemble(t, c.Asm)
			for i, a := range slices.Backward(c.Runs[0].Args) {
				insns = append(assemble(t, fmt.Sprintf("lddw %%r%d, %#x", i+1, a)), insns...)
			}
			status, out, _ := plugin(spaced(bpfasm.Bytes(insns))+"\n", spaced(c.Mem), "--engine", kind.Name)
			switch {
			case want.Fault != "" && status != 1:
				t.Errorf("%s on %s: status %d and %q, want a fault", c.Name, kind.Name, status, out)
			case want.Fault == "" && (status != 0 || out != fmt.Sprintf("%x\n", want.R0)):
				t.Errorf("%s on %s: status %d and %q, want %x", c.Name, kind.Name, status, out, want.R0)
			}
			ran++
		}
	}
	if ran < 800*len(engines.All()) {
		t.Errorf("ran %d cases", ran)
	}
}

// TestProtocol covers the words of the protocol, and what the suite asks of
// helpers, indirect calls and functions of the runtime.
func TestProtocol(t *testing.T) {
	const length = "bf 20 00 00 00 00 00 00 95 00 00 00 00 00 00 00" // r0 = r2; exit
	hexOf := func(text string) string { return spaced(bpfasm.Bytes(assemble(t, text))) }
	for _, c := range []struct {
		name, stdin string
		args        []string
		status      int
		want        string
	}{
		{"no arguments", length, nil, 0, "0\n"},
		{"empty options, as from the runner", length, []string{"aa bb cc ", ""}, 0, "3\n"},
		{"memory without blanks", length, []string{"aabbcc"}, 0, "3\n"},
		{"options in one word", length, []string{"aa", "--engine=interp --debug"}, 0, "1\n"},
		{"options in two words", length, []string{"aa", "--engine", "interp"}, 0, "1\n"},
		{"options and no memory", length, []string{"--tail-calls", "propagated"}, 0, "0\n"},
		{"program as an option", "", []string{"aa", "--program", length}, 0, "1\n"},
		{"64 bits of r0", hexOf("mov %r0, -1\nexit"), nil, 0, "ffffffffffffffff\n"},
		{"memory at r1", hexOf("ldxh %r0, [%r1+1]\nexit"), []string{"01 02 03"}, 0, "302\n"},

		{"help", "", []string{"--help"}, 0, usage},

		{"odd number of hex digits", "95 0", nil, 2, "odd length hex string"},
		{"no hex", "zz", nil, 2, "invalid byte"},
		{"memory that is no hex", length, []string{"xy"}, 2, "memory: "},
		{"unknown option", length, []string{"--jit"}, 2, `unknown option "--jit"`},
		{"unknown engine", length, []string{"--engine", "v8"}, 2, "there are: interp"},
		{"option without its value", length, []string{"--engine"}, 2, "needs a value"},
		{"unknown scheme", length, []string{"--tail-calls=both"}, 2, "shared or propagated"},
		{"part of an instruction", "95 00 00", nil, 1, "multiple of 8"},
		{"nothing", "", nil, 1, "multiple of 8"},
		{"invalid instruction", "ff 00 00 00 00 00 00 00", nil, 1, "Failed to load code"},
		{"falls off the end", hexOf("mov %r0, 1"), nil, 1, "Failed to load code"},
		{"register 11", "b7 0b 00 00 00 00 00 00 95 00 00 00 00 00 00 00", nil, 1, "Failed to load code"},
		{"write of r10", hexOf("mov %r10, 1\nexit"), nil, 1, "Failed to load code"},
		{"wild access", hexOf("mov %r1, 0\nldxb %r0, [%r1]\nexit"), nil, 1, "main: insn 1: "},
		{"no such helper", hexOf("call 6\nexit"), nil, 1, "no helper 6"},

		{"gather bytes", hexOf("mov %r1, 0x101\nmov %r2, 2\nmov %r3, 3\nmov %r4, 4\nmov %r5, 5\ncall 0\nexit"), nil, 0, "102030405\n"},
		{"memfrob", hexOf("mov %r6, %r1\ncall 1\nldxb %r0, [%r6+2]\nexit"), []string{"00 00 01"}, 0, "2b\n"},
		{"no-op", hexOf("mov %r0, 7\ncall 2\nexit"), nil, 0, "0\n"},
		{"square root", hexOf("mov %r1, 1000\ncall 3\nexit"), nil, 0, "1f\n"},
		{"equal strings", hexOf("mov %r2, %r1\ncall 4\nexit"), []string{"61 62"}, 0, "0\n"},
		{"different strings", hexOf("mov %r2, %r1\nadd %r2, 2\ncall 4\nexit"), []string{"62 00 61 00"}, 0, "1\n"},
		{"string that is no memory", hexOf("mov %r1, 8\ncall 4\nexit"), nil, 1, "no string at 0x8"},
		{"unwind that succeeds", hexOf("mov %r1, 0\ncall 5\nmov %r0, 7\nexit"), nil, 0, "0\n"},
		{"unwind that fails", hexOf("mov %r1, -1\ncall 5\nmov %r0, 2\nexit"), nil, 0, "2\n"},
		{"unwind by an indirect call", hexOf("mov %r1, 0\nmov %r2, 5\ncall %r2\nmov %r0, 2\nexit"), nil, 0, "0\n"},
		{"failing unwind by an indirect call", hexOf("mov %r1, -1\nmov %r2, 5\ncall %r2\nmov %r0, 2\nexit"), nil, 0, "2\n"},
		{"indirect call, register in the immediate", "b7 01 00 00 ff ff ff ff b7 02 00 00 05 00 00 00 8d 00 00 00 02 00 00 00 95 00 00 00 00 00 00 00", nil, 0, "ffffffffffffffff\n"},
		{"function of the runtime", "85 20 00 00 2a 00 00 00 95 00 00 00 00 00 00 00", nil, 0, "0\n"},
		// Four of the eight bytes lie above the callee's frame.
		{"a store over the top of a callee's frame", hexOf("stdw [%r10-8], 5\ncall local f\nldxdw %r0, [%r10-8]\nexit\nf:\nstdw [%r10-4], -1\nmov %r0, 0\nexit"), nil, 0, "5\n"},
	} {
		for _, kind := range engines.All() {
			args := c.args
			if !strings.Contains(strings.Join(args, " "), "--engine") {
				args = append(slices.Clone(args), "--engine", kind.Name)
			}
			status, out, errs := plugin(c.stdin, args...)
			got := out
			if c.status == 2 {
				got = errs
			}
			if status != c.status || (status == 0 && got != c.want) || !strings.Contains(got, c.want) {
				t.Errorf("%s on %s: status %d, output %q, want %d, %q", c.name, kind.Name, status, got, c.status, c.want)
			}
		}
	}
}

// classicELF is an object as the suite's runner writes it: code in one section,
// one symbol for it, and neither BTF nor a license.
func classicELF(section string, code []byte) []byte {
	names := "\x00.shstrtab\x00.symtab\x00main\x00" + section + "\x00"
	at := func(name string) uint32 { return uint32(strings.Index(names, "\x00"+name+"\x00") + 1) }
	sym := new(bytes.Buffer)
	binary.Write(sym, binary.LittleEndian, []elf.Sym64{{}, {Name: at("main"),
		Info: byte(elf.STB_GLOBAL)<<4 | byte(elf.STT_FUNC), Shndx: 3, Size: uint64(len(code))}})
	parts := [][]byte{nil, []byte(names), sym.Bytes(), code}
	headers := []elf.Section64{{},
		{Name: at(".shstrtab"), Type: uint32(elf.SHT_STRTAB), Addralign: 1},
		{Name: at(".symtab"), Type: uint32(elf.SHT_SYMTAB), Link: 1, Info: 1, Addralign: 8, Entsize: elf.Sym64Size},
		{Name: at(section), Type: uint32(elf.SHT_PROGBITS), Flags: uint64(elf.SHF_ALLOC | elf.SHF_EXECINSTR), Addralign: 8}}
	body := new(bytes.Buffer)
	for i, p := range parts {
		headers[i].Off, headers[i].Size = uint64(64+body.Len()), uint64(len(p))
		body.Write(p)
		body.Write(make([]byte, -body.Len()&7))
	}
	h := elf.Header64{Type: uint16(elf.ET_REL), Machine: uint16(elf.EM_BPF), Version: 1, Ehsize: 64,
		Shoff: uint64(64 + body.Len()), Shentsize: 64, Shnum: uint16(len(headers)), Shstrndx: 1}
	copy(h.Ident[:], "\x7fELF\x02\x01\x01")
	out := new(bytes.Buffer)
	binary.Write(out, binary.LittleEndian, h)
	out.Write(body.Bytes())
	binary.Write(out, binary.LittleEndian, headers)
	return out.Bytes()
}

func TestELF(t *testing.T) {
	code := bpfasm.Bytes(assemble(t, "mov %r6, %r1\ncall local f\nadd %r0, %r6\nsub %r0, %r6\nexit\nf:\nldxb %r0, [%r1+1]\nexit"))
	for _, section := range []string{".text", "xdp"} {
		for _, kind := range engines.All() {
			status, out, errs := plugin(spaced(classicELF(section, code))+"\n", "01 77", "--engine="+kind.Name, "--elf")
			if status != 0 || out != "77\n" {
				t.Errorf("%s on %s: status %d, %q, %q", section, kind.Name, status, out, errs)
			}
		}
	}
	if status, out, _ := plugin(spaced(classicELF("", code)[:64]), "--elf"); status != 1 {
		t.Errorf("half an object: status %d, %q", status, out)
	}
}

// TestClangELF runs an object that clang made, with subprograms and global data.
func TestClangELF(t *testing.T) {
	cc := testenv.NeedTool(t, "clang-19")
	dir := t.TempDir()
	src, obj := filepath.Join(dir, "a.c"), filepath.Join(dir, "a.o")
	const text = `
		static volatile const unsigned long table[4] = {3, 5, 7, 11};
		static volatile int calls = 40;
		static __attribute__((noinline)) long weigh(const unsigned char *p, unsigned long n) {
			long s = 0;
			for (unsigned long i = 0; i < n; i++)
				s += p[i] * table[i & 3];
			calls++;
			return s;
		}
		__attribute__((section("xdp"), used)) long entry(const unsigned char *p, unsigned long n) {
			return weigh(p, n) * 1000 + weigh(p, 1) * 0 + calls;
		}`
	if err := os.WriteFile(src, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(cc, "--target=bpf", "-mcpu=v4", "-O2", "-g", "-c", src, "-o", obj).CombinedOutput(); err != nil {
		t.Fatalf("clang-19: %v\n%s", err, out)
	}
	object, err := os.ReadFile(obj)
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("%x\n", (1*3+2*5+3*7+4*11+5*3)*1000+42)
	for _, kind := range engines.All() {
		for _, stdin := range []string{spaced(object), string(object)} {
			if status, out, errs := plugin(stdin, "01 02 03 04 05", "--engine", kind.Name, "--elf"); status != 0 || out != want {
				t.Errorf("%s: status %d, %q, %q; want %q", kind.Name, status, out, errs, want)
			}
		}
	}
}
