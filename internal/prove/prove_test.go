package prove_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rivetbpf/rivet/internal/bpfasm"
	"github.com/rivetbpf/rivet/internal/ir"
	"github.com/rivetbpf/rivet/internal/prove"
)

// cases are programs whose accesses are marked: "!" behind those that are
// proven. Map data has a value of 64 bytes at 0x10010000.
var cases = []struct{ name, text string }{
	{"frame", `
		stxdw [%r10-8], %r1 !
		stb [%r10-1], 1 !
		ldxw %r2, [%r10-4] !
		ldxw %r2, [%r10-3]
		ldxb %r2, [%r10+0]
		ldxdw %r2, [%r10-512] !`},
	{"below the frame", `
		stxdw [%r10-8], %r1 !
		mov %r2, %r10
		add %r2, 8
		ldxdw %r3, [%r2-16] !
		ldxdw %r3, [%r2-15]
		ldxb %r3, [%r2-8]`},
	{"pointers into the frame", `
		stdw [%r10-16], 1 !
		mov %r2, %r10
		add %r2, -16
		ldxdw %r3, [%r2+0] !
		ldxdw %r3, [%r2+8] !
		ldxdw %r3, [%r2+9]
		mov %r4, %r2
		sub %r4, -8
		ldxdw %r3, [%r4+0] !
		ldxb %r3, [%r4+8]
		add %r4, %r1
		ldxb %r3, [%r4+0]`},
	{"halves and other operations", `
		mov32 %r2, %r10
		ldxb %r3, [%r2-8]
		mov %r2, %r10
		add32 %r2, -8
		ldxb %r3, [%r2+0]
		mov %r2, %r10
		or %r2, 0
		ldxb %r3, [%r2-8]
		movsx32 %r2, %r10
		ldxb %r3, [%r2-8]`},
	{"global data", `
		.map data array 4 64 1
		lddw %r2, map_value(data)+8
		ldxdw %r3, [%r2+0] !
		ldxdw %r3, [%r2-8] !
		ldxdw %r3, [%r2-9]
		stxdw [%r2+48], %r1 !
		ldxdw %r3, [%r2+49]
		add %r2, 32
		ldxdw %r3, [%r2+16] !
		ldxb %r3, [%r2+24]
		lock add [%r2+0], %r3 !`},
	{"joins", `
		.map data array 4 64 1
		stdw [%r10-16], 1 !
		mov %r2, %r10
		mov %r4, %r10
		mov %r5, %r10
		jeq %r1, 1, other
		add %r2, -8
		add %r4, -8
		lddw %r5, map_value(data)
		ja join
		other: add %r2, -8
		add %r4, -16
		join:
		ldxb %r3, [%r2+0] !
		ldxb %r3, [%r4+0]
		ldxb %r3, [%r5+0]`},
	{"loops", `
		stdw [%r10-16], 1 !
		mov %r2, %r10
		mov %r4, %r10
		again:
		ldxb %r3, [%r2-1] !
		ldxb %r3, [%r4-1]
		add %r4, -1
		jne %r3, 0, again
		ldxb %r3, [%r2-16] !`},
	{"behind calls", `
		mov %r6, %r10
		stdw [%r6-8], 1 !
		mov %r1, %r6
		call 5
		ldxb %r3, [%r6-8] !
		ldxb %r3, [%r0-8]`},
	{"what a lookup finds", `
		.map table array 4 24 8
		stw [%r10-4], 1 !
		mov %r2, %r10
		add %r2, -4
		lddw %r1, map(table)
		call 1
		ldxb %r3, [%r0+0]
		jeq %r0, 0, out
		ldxdw %r3, [%r0+0] !
		ldxdw %r3, [%r0+16] !
		ldxdw %r3, [%r0+17]
		ldxb %r3, [%r0-1]
		mov %r6, %r0
		add %r6, 8
		lock add [%r6+8], %r3 !
		ldxb %r4, [%r6-9]
		add %r0, %r3
		ldxb %r4, [%r0+0]
		jeq %r3, 7, join
		ldxb %r4, [%r6+0] !
		join:
		ldxb %r4, [%r6+15] !
		out:
		ldxb %r4, [%r6+0]`},
	{"what a lookup does not find", `
		.map table array 4 24 8
		mov %r6, %r1
		stw [%r10-4], 1 !
		mov %r2, %r10
		add %r2, -4
		lddw %r1, map(table)
		call 1
		jne %r0, 0, found
		ldxb %r3, [%r0+0]
		ja out
		found:
		ldxb %r3, [%r0+0] !
		mov %r6, %r0
		stw [%r10-4], 1 !
		mov %r2, %r10
		add %r2, -4
		lddw %r1, map(table)
		call 1
		ldxb %r3, [%r6+0] !
		ldxb %r3, [%r0+0]
		jeq32 %r0, 0, out
		ldxb %r3, [%r0+0]
		jeq %r0, 1, out
		ldxb %r3, [%r0+0]
		out:
		ldxb %r3, [%r6+0]`},
	{"lookups in a loop", `
		.map table array 4 24 8
		mov %r6, %r1
		again:
		stw [%r10-4], 1 !
		mov %r2, %r10
		add %r2, -4
		lddw %r1, map(table)
		call 1
		ldxb %r3, [%r6+0]
		mov %r6, %r0
		jeq %r0, 0, again
		ldxb %r3, [%r6+0] !
		jne %r3, 0, again`},
}

func TestProven(t *testing.T) {
	const values = 0x1001_0000
	for _, c := range cases {
		text := strings.TrimSpace(strings.ReplaceAll(c.text, "\t", "")) + "\nmov %r0, 0\nexit\n"
		u, err := bpfasm.Assemble(strings.ReplaceAll(text, "!", ""))
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		mod, err := u.Module()
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		var b ir.Builder
		var p prove.Prover
		mapValue := func(int) uint64 { return values }
		src := mod.Funcs[mod.Programs[0].Func]
		f := b.Build(&ir.Env{Module: mod, MapValue: mapValue}, src)
		facts := p.Prove(f, mod, mapValue, true)
		var got []string
		for i := range f.Blocks {
			for _, v := range f.Blocks[i].Instrs {
				in := &f.Instrs[v]
				if in.Op < ir.OpLoad || in.Op > ir.OpCmpXchg {
					continue
				}
				s := fmt.Sprintf("%s %v", bpfasm.Format(mod, src, int(in.Pos)), facts.Proven(f, i, in, int(in.Aux&^ir.SignBit)))
				got = append(got, s)
			}
		}
		if want := expected(t, text); strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// expected returns what the marks of a text say.
func expected(t *testing.T, text string) (list []string) {
	t.Helper()
	for _, line := range strings.Split(text, "\n") {
		if !strings.Contains(line, "[") {
			continue
		}
		plain := strings.TrimSpace(strings.TrimSuffix(line, "!"))
		if i := strings.Index(plain, ": "); i >= 0 {
			plain = plain[i+2:]
		}
		u, err := bpfasm.Assemble(plain + "\nmov %r0, 0\nexit\n")
		if err != nil {
			t.Fatal(err)
		}
		mod, err := u.Module()
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, fmt.Sprintf("%s %v", bpfasm.Format(mod, mod.Funcs[0], 0), strings.HasSuffix(line, "!")))
	}
	return list
}
