package load

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/rivetbpf/rivet/internal/bpf"
)

// program makes n instructions with what real ones have: loops, stack
// accesses, branches, wide immediates, calls, and functions of 500 to 1,000
// slots that stay within the depth limits.
func program(n int) []bpf.Insn {
	const body = 640
	var starts []int
	code := make([]bpf.Insn, 0, n)
	for len(code)+body+64 <= n {
		starts = append(starts, len(code))
		code = appendFunction(code, len(starts))
	}
	// The first function calls all others.
	for i, at := 1, 1; i < len(starts) && at < 600; i, at = i+1, at+1 {
		code[at] = bpf.Insn{Op: bpf.OpCall, Src: bpf.CallSubprog, Imm: int32(starts[i] - at - 1)}
	}
	for len(code) < n-1 {
		code = append(code, bpf.Insn{Op: bpf.OpMovK, Dst: bpf.R0, Imm: int32(len(code))})
	}
	return append(code, bpf.Insn{Op: bpf.OpExit})
}

// appendFunction appends the n-th function. Those that the first has no room to
// call are the tail of the last that it does call.
func appendFunction(code []bpf.Insn, n int) []bpf.Insn {
	start := len(code)
	if n == 1 {
		for len(code)-start < 600 {
			code = append(code, bpf.Insn{Op: bpf.OpMovX, Dst: bpf.R6, Src: bpf.R1})
		}
	}
	for len(code)-start < 600 {
		code = append(code,
			bpf.Insn{Op: bpf.OpMovX, Dst: bpf.R2, Src: bpf.R10},
			bpf.Insn{Op: bpf.ClassALU64 | bpf.ALUAdd, Dst: bpf.R2, Imm: -16},
			bpf.Insn{Op: bpf.ClassSTX | bpf.ModeMEM | bpf.SizeDW, Dst: bpf.R10, Src: bpf.R1, Off: -16},
			bpf.Insn{Op: bpf.ClassLDX | bpf.ModeMEM | bpf.SizeW, Dst: bpf.R3, Src: bpf.R2, Off: 4},
			bpf.Insn{Op: bpf.OpLDDW, Dst: bpf.R4, Imm: 7}, bpf.Insn{Imm: 9},
			bpf.Insn{Op: bpf.ClassALU64 | bpf.ALUXor | bpf.SrcX, Dst: bpf.R3, Src: bpf.R4},
			bpf.Insn{Op: bpf.ClassJMP | bpf.JmpJEQ, Dst: bpf.R3, Off: 2, Imm: 5},
			bpf.Insn{Op: bpf.ClassALU | bpf.ALUAdd, Dst: bpf.R3, Imm: 1},
			bpf.Insn{Op: bpf.ClassJMP32 | bpf.JmpJLT, Dst: bpf.R3, Off: -4, Imm: 100},
		)
	}
	if n >= 600 {
		return append(code, bpf.Insn{Op: bpf.OpJA})
	}
	return append(code, bpf.Insn{Op: bpf.OpExit})
}

func BenchmarkRawInsns(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000, 1_000_000} {
		code := program(n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				if _, err := RawInsns(code); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/insn")
		})
	}
}

func BenchmarkCollection(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		insns, err := asm.AppendInstructions(nil, bytes.NewReader(encode(program(n))), binary.LittleEndian, "linux")
		if err != nil {
			b.Fatal(err)
		}
		spec := &ebpf.CollectionSpec{Programs: map[string]*ebpf.ProgramSpec{"p": {Type: ebpf.XDP, Instructions: insns}}}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				if _, _, err := Collection(spec); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/insn")
		})
	}
}
