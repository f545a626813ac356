package riscv64_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rivetbpf/rivet/internal/compile"
	"github.com/rivetbpf/rivet/internal/engine"
)

// opMarches are the targets of ops.golden: the baseline, then each with what
// it can do better.
var opMarches = []string{"rv64gc", "rv64gc_zba", "rv64gc_zbb", "rv64gc_zbs", "rv64gc_zicond", "rv64gc_zacas"}

// TestOps compares the code of every operation, each in a function of its own
// that gets its operands in registers of which nothing is known. For targets
// other than the first, what differs from it is listed.
func TestOps(t *testing.T) {
	const file = "testdata/ops.golden"
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	source, _, _ := strings.Cut(string(b), separator)
	source = strings.TrimRight(source, "\n") + "\n"
	var out strings.Builder
	out.WriteString(source)
	baseline := map[string]string{}
	for i, march := range opMarches {
		fmt.Fprintf(&out, "%s%s\n", separator, march)
		for _, op := range strings.Split(source, "\n") {
			if op == "" || op[0] == '#' {
				continue
			}
			text := codeOf(t, op, march)
			if i == 0 {
				baseline[op] = text
			}
			if i == 0 || text != baseline[op] {
				out.WriteString(text)
			}
		}
	}
	if *update {
		if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if d := cmp.Diff(string(b), out.String()); d != "" {
		t.Errorf("%s differs (-want +got); where that is right, go test -update rewrites it\n%s", file, d)
	}
}

// codeOf lists the code of one operation, without that of the function around it.
func codeOf(t *testing.T, op, march string) string {
	text := op + "\n" + "mov %r0, %r1\nexit\n"
	switch {
	case strings.HasPrefix(op, "j"):
		text = op + "\nmov %r2, 1\nmov %r0, %r2\nexit\n"
	case strings.Contains(op, "cmpxchg"), strings.Contains(op, " %r0"):
		text = op + "\nexit\n"
	}
	mod := assemble(t, text)
	im, target := compiled(t, mod, march, engine.Shared)
	var b strings.Builder
	f, first := im.Funcs[0], op
	write := func(from, to uint32) {
		for pc := from; pc < to; {
			text, size := target.Disasm(im.Code[pc:to], uint64(pc-f.Entry))
			fmt.Fprintf(&b, "%-36s %-8s  %s\n", first, word(im.Code[pc:][:size]), text)
			first = ""
			pc += uint32(size)
		}
	}

	for pc := f.Entry; pc < f.End; {
		e, _ := im.LineAt(pc)
		end := pc
		for end < f.End {
			if n, _ := im.LineAt(end); n != e {
				break
			}
			end++
		}
		if e.Insn == 0 || e.Insn == compile.LineStubs && first == "" {
			write(pc, end)
		}
		pc = end
	}
	if first != "" {
		fmt.Fprintf(&b, "%-36s (nothing)\n", first)
	}
	return b.String()
}
