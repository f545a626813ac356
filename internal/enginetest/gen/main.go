// Command gen writes the tables of testdata/insn: for each arithmetic and jump
// instruction, in every form, edge values and what comes of them. The results
// are computed by a C program that it writes and compiles, so that they owe
// nothing to any engine.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

func main() {
	out := flag.String("o", "../../testdata/insn", "folder to write to")
	cc := flag.String("cc", "gcc", "C compiler")
	flag.Parse()
	if err := generate(*cc, *out); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func generate(cc, out string) error {
	dir, err := os.MkdirTemp("", "gen")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for _, f := range files() {
		src, bin := filepath.Join(dir, f.name+".c"), filepath.Join(dir, f.name)
		if err := os.WriteFile(src, []byte(f.program()), 0o644); err != nil {
			return err
		}
		if msg, err := exec.Command(cc, "-O0", "-fwrapv", "-Wall", "-Werror", "-o", bin, src).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", cc, err, msg)
		}
		text, err := exec.Command(bin).Output()
		if err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
		if err := os.WriteFile(filepath.Join(out, f.name+".data"), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// file is a .data file: a list of cases.
type file struct {
	name  string
	cases []table
}

// table is one case: a program and the C expression of its result in a and b.
type table struct {
	name string
	asm  []string
	expr string // of type uint64_t, over uint64_t a and b
	a, b []string
	one  bool // only a is an argument; b takes its value in expr from bval
	bval string
}

var edges = []string{"0", "1", "2", "0x7f", "0x8000", "0x7fffffff", "0x80000000", "0xffffffff", "0x100000000",
	"0x123456789abcdef0", "0x7fffffffffffffff", "0x8000000000000000", "0xfffffffffffffffe", "0xffffffffffffffff"}

var imms = []string{"0", "1", "2", "-1", "-2", "7", "0x7ff", "-0x800", "0x800", "0x12345678", "0x7fffffff", "-0x80000000"}

var counts = []string{"0", "1", "7", "31", "32", "33", "63", "64", "65", "0x100000001", "0xffffffffffffffff"}

var shiftImms = []string{"0", "1", "7", "31", "32", "33", "63", "64", "65", "-1"}

// ops are the two-operand arithmetic instructions: U and S are the unsigned and
// signed type of the operation's width, W its width, MIN its least integer.
var ops = []struct{ name, expr string }{
	{"add", "(U)a + (U)b"},
	{"sub", "(U)a - (U)b"},
	{"mul", "(U)a * (U)b"},
	{"div", "(U)b ? (U)a / (U)b : 0"},
	{"mod", "(U)b ? (U)a % (U)b : (U)a"},
	{"sdiv", "(U)b == 0 ? 0 : (S)a == MIN && (S)b == -1 ? (U)a : (U)((S)a / (S)b)"},
	{"smod", "(U)b == 0 ? (U)a : (S)a == MIN && (S)b == -1 ? 0 : (U)((S)a % (S)b)"},
	{"or", "(U)a | (U)b"},
	{"and", "(U)a & (U)b"},
	{"xor", "(U)a ^ (U)b"},
	{"mov", "(U)b"},
	{"lsh", "(U)a << (b & (W - 1))"},
	{"rsh", "(U)a >> (b & (W - 1))"},
	{"arsh", "(U)((S)a >> (b & (W - 1)))"},
}

var jumps = []struct{ name, expr string }{
	{"jeq", "(U)a == (U)b"}, {"jne", "(U)a != (U)b"}, {"jset", "((U)a & (U)b) != 0"},
	{"jgt", "(U)a > (U)b"}, {"jge", "(U)a >= (U)b"}, {"jlt", "(U)a < (U)b"}, {"jle", "(U)a <= (U)b"},
	{"jsgt", "(S)a > (S)b"}, {"jsge", "(S)a >= (S)b"}, {"jslt", "(S)a < (S)b"}, {"jsle", "(S)a <= (S)b"},
}

// unary are instructions of one operand: the suffix is part of the name.
var unary = []struct{ name, expr string }{
	{"neg %r0", "0 - a"},
	{"neg32 %r0", "(uint32_t)(0 - (uint32_t)a)"},
	{"movsx8 %r0, %r1", "(int64_t)(int8_t)a"},
	{"movsx16 %r0, %r1", "(int64_t)(int16_t)a"},
	{"movsx32 %r0, %r1", "(int64_t)(int32_t)a"},
	{"movsx832 %r0, %r1", "(uint32_t)(int8_t)a"},
	{"movsx1632 %r0, %r1", "(uint32_t)(int16_t)a"},
	{"le16 %r0", "(uint16_t)a"},
	{"le32 %r0", "(uint32_t)a"},
	{"le64 %r0", "a"},
	{"be16 %r0", "__builtin_bswap16(a)"},
	{"be32 %r0", "__builtin_bswap32(a)"},
	{"be64 %r0", "__builtin_bswap64(a)"},
	{"bswap16 %r0", "__builtin_bswap16(a)"},
	{"bswap32 %r0", "__builtin_bswap32(a)"},
	{"bswap64 %r0", "__builtin_bswap64(a)"},
}

// width fills the placeholders of an expression.
func width(bits, expr string) string {
	r := strings.NewReplacer("(U)", "(uint"+bits+"_t)", "(S)", "(int"+bits+"_t)", "W", bits, "MIN", "INT"+bits+"_MIN")
	return "(uint64_t)(uint" + bits + "_t)(" + r.Replace(expr) + ")"
}

func files() []file {
	var l []file
	for _, bits := range []string{"64", "32"} {
		l = append(l, file{"alu" + bits, alu(bits)}, file{"jmp" + bits, jmp(bits)})
	}
	u := file{name: "unary"}
	for _, o := range unary {
		u.cases = append(u.cases, table{name: o.name, asm: []string{"mov %r0, %r1", o.name, "exit"},
			expr: "(uint64_t)(" + o.expr + ")", a: edges, one: true, bval: "0"})
	}
	return append(l, u)
}

func alu(bits string) []table {
	suffix := strings.TrimSuffix(bits, "64")
	var l []table
	for _, o := range ops {
		name, expr := o.name+suffix, width(bits, o.expr)
		second, constants := edges, imms
		if strings.HasSuffix(o.name, "sh") {
			second, constants = counts, shiftImms
		}
		l = append(l,
			table{name: name + " reg", asm: []string{"mov %r0, %r1", name + " %r0, %r2", "exit"}, expr: expr, a: edges, b: second},
			table{name: name + " same", asm: []string{name + " %r1, %r1", "mov %r0, %r1", "exit"}, expr: expr, a: edges, one: true, bval: "a"})
		for _, imm := range constants {
			l = append(l, table{name: name + " " + imm, asm: []string{"mov %r0, %r1", name + " %r0, " + imm, "exit"},
				expr: expr, a: edges, one: true, bval: "(uint64_t)(int64_t)(int32_t)(" + imm + ")"})
		}
	}
	return l
}

func jmp(bits string) []table {
	suffix := strings.TrimSuffix(bits, "64")
	var l []table
	for _, o := range jumps {
		name, expr := o.name+suffix, width(bits, o.expr)
		program := func(second string) []string {
			return []string{"mov %r0, 1", name + " %r1, " + second + ", out", "mov %r0, 0", "out:", "exit"}
		}
		l = append(l, table{name: name + " reg", asm: program("%r2"), expr: expr, a: edges, b: edges})
		for _, imm := range imms {
			l = append(l, table{name: name + " " + imm, asm: program(imm), expr: expr, a: edges, one: true,
				bval: "(uint64_t)(int64_t)(int32_t)(" + imm + ")"})
		}
	}
	return l
}

// program is the C source that prints the file.
func (f file) program() string {
	var b strings.Builder
	b.WriteString("#include <stdint.h>\n#include <inttypes.h>\n#include <stdio.h>\n")
	for i, c := range f.cases {
		fmt.Fprintf(&b, "static void case%d(uint64_t a, uint64_t b) {\n", i)
		if c.one {
			fmt.Fprintf(&b, "\tb = %s;\n\tprintf(\"%%#\" PRIx64 \" %%#\" PRIx64 \"\\n\", a, %s);\n}\n", c.bval, c.expr)
		} else {
			fmt.Fprintf(&b, "\tprintf(\"%%#\" PRIx64 \" %%#\" PRIx64 \" %%#\" PRIx64 \"\\n\", a, b, %s);\n}\n", c.expr)
		}
	}
	b.WriteString("int main(void) {\n\tputs(\"# Generated by internal/enginetest/gen; results computed by C.\");\n")
	for i, c := range f.cases {
		fmt.Fprintf(&b, "\tputs(\"\\n-- case %s\\n-- asm\\n%s\\n-- values\");\n", c.name, strings.Join(c.asm, "\\n"))
		second := c.b
		if c.one {
			second = []string{"0"}
		}
		fmt.Fprintf(&b, "\tstatic const uint64_t a%d[] = {%s}, b%d[] = {%s};\n", i, unsigned(c.a), i, unsigned(second))
		fmt.Fprintf(&b, "\tfor (int i = 0; i < %d; i++) for (int j = 0; j < %d; j++) case%d(a%d[i], b%d[j]);\n", len(c.a), len(second), i, i, i)
	}
	b.WriteString("\treturn 0;\n}\n")
	return b.String()
}

func unsigned(l []string) string { return strings.Join(l, "u, ") + "u" }
