package interp

import (
	"testing"

	"github.com/rivetbpf/rivet/internal/arena"
	"github.com/rivetbpf/rivet/internal/bpfasm"
	"github.com/rivetbpf/rivet/internal/engine"
)

// benchmarks report BPF instructions a second; the goal is 140 million.
var benchmarks = []struct{ name, text string }{
	{"alu", `
		mov %r0, 1
		lddw %r6, 0x9e3779b97f4a7c15
		mov %r2, 20000
	loop:
		mul %r0, %r6
		mov %r3, %r0
		rsh %r3, 29
		xor %r0, %r3
		add32 %r3, 7
		or %r3, 1
		sub %r0, %r3
		sub %r2, 1
		jne %r2, 0, loop
		exit`},
	{"mem", `
		mov %r0, 0
		mov %r2, 20000
	loop:
		ldxdw %r3, [%r1+8]
		stxdw [%r1+16], %r3
		ldxw %r4, [%r1+16]
		stxw [%r1+8], %r2
		ldxb %r5, [%r1+9]
		stb [%r1+3], 5
		add %r0, %r5
		sub %r2, 1
		jne %r2, 0, loop
		exit`},
	{"call", `
		mov %r6, 20000
	loop:
		mov %r1, %r6
		call local twice
		sub %r6, 1
		jne %r6, 0, loop
		exit
	twice:
		mov %r0, %r1
		add %r0, %r0
		exit`},
	// Numbers below the length of the memory that are prime, over bytes at r1.
	{"sieve", `
		mov %r0, 0
		mov %r3, 2
	next:
		jge %r3, %r2, done
		mov %r4, %r1
		add %r4, %r3
		ldxb %r5, [%r4]
		jne %r5, 0, composite
		add %r0, 1
		mov %r4, %r3
		mul %r4, %r3
	mark:
		jge %r4, %r2, composite
		mov %r5, %r1
		add %r5, %r4
		stb [%r5], 1
		add %r4, %r3
		ja mark
	composite:
		add %r3, 1
		ja next
	done:
		exit`},
}

func BenchmarkRun(b *testing.B) {
	for _, bm := range benchmarks {
		b.Run(bm.name, func(b *testing.B) {
			u, err := bpfasm.Assemble(bm.text)
			if err != nil {
				b.Fatal(err)
			}
			mod, err := u.Module()
			if err != nil {
				b.Fatal(err)
			}
			ar, err := arena.New(1 << 20)
			if err != nil {
				b.Fatal(err)
			}
			const size = 1 << 16
			mem, _ := ar.Alloc(size)
			stack, _ := ar.Alloc(4096)
			e, err := New(mod, ar, engine.NewTables(mod.Maps), engine.Shared)
			if err != nil {
				b.Fatal(err)
			}
			var insns uint64
			req := engine.Request{Func: mod.Programs[0].Func, Args: [5]uint64{mem, size}, StackTop: stack + 4096, Fuel: 1 << 40}
			b.ReportAllocs()
			for b.Loop() {
				bytes, _ := ar.Bytes(mem, size)
				clear(bytes)
				res, err := e.Run(&req)
				if err != nil {
					b.Fatal(err)
				}
				insns += res.Retired
			}
			b.ReportMetric(float64(insns)/b.Elapsed().Seconds()/1e6, "Minsns/s")
		})
	}
}
