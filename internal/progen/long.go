package progen

import "github.com/rivetbpf/rivet/internal/bpf"

// ordinary is a stretch of ordinary code: arithmetic of both widths, memory,
// branches over part of it. 16 instructions.
var ordinary = []bpf.Insn{
	{Op: 0x61, Dst: 2, Src: 1, Off: 4},    // r2 = *(u32 *)(r1 + 4)
	{Op: 0xbf, Dst: 3, Src: 2},            // r3 = r2
	{Op: 0x67, Dst: 3, Imm: 3},            // r3 <<= 3
	{Op: 0x0f, Dst: 3, Src: 2},            // r3 += r2
	{Op: 0x54, Dst: 2, Imm: 255},          // w2 &= 255
	{Op: 0x16, Dst: 2, Off: 3, Imm: 7},    // if w2 == 7 goto +3
	{Op: 0x04, Dst: 2, Imm: 1},            // w2 += 1
	{Op: 0xac, Dst: 3, Src: 2},            // w3 ^= w2
	{Op: 0x63, Dst: 10, Src: 3, Off: -4},  // *(u32 *)(r10 - 4) = r3
	{Op: 0x07, Dst: 0, Imm: 12345},        // r0 += 12345
	{Op: 0x0f, Dst: 0, Src: 3},            // r0 += r3
	{Op: 0x71, Dst: 4, Src: 1, Off: 9},    // r4 = *(u8 *)(r1 + 9)
	{Op: 0xbc, Dst: 5, Src: 4},            // w5 = w4
	{Op: 0x2d, Dst: 5, Src: 0, Off: 1},    // if r5 > r0 goto +1
	{Op: 0x1f, Dst: 0, Src: 5},            // r0 -= r5
	{Op: 0x7b, Dst: 10, Src: 0, Off: -16}, // *(u64 *)(r10 - 16) = r0
}

// Long returns a valid program of n instructions, at least 2, of ordinary code:
// what compile time per instruction is measured with.
func Long(n int) []bpf.Insn {
	insns := make([]bpf.Insn, 0, n)
	insns = append(insns, bpf.Insn{Op: bpf.OpMovK, Dst: 0, Imm: 1})
	for len(insns)+len(ordinary)+1 < n {
		insns = append(insns, ordinary...)
	}
	for len(insns) < n-1 {
		insns = append(insns, bpf.Insn{Op: 0x07, Dst: 0, Imm: 1})
	}
	return append(insns, bpf.Insn{Op: bpf.OpExit})
}
