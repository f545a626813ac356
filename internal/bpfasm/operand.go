package bpfasm

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/rivetbpf/rivet/internal/bpf"
)

func register(s string, r *uint8) error {
	n, err := strconv.ParseUint(strings.TrimPrefix(strings.TrimPrefix(s, "%"), "r"), 10, 8)
	if err != nil || n > 15 || !strings.HasPrefix(strings.TrimPrefix(s, "%"), "r") {
		return fmt.Errorf("%q is no register", s)
	}
	*r = uint8(n)
	return nil
}

// operand is a register, which selects the opcode's register form, or an immediate.
func operand(s string, in *bpf.Insn) error {
	if strings.HasPrefix(s, "%") || strings.HasPrefix(s, "r") {
		in.Op |= bpf.SrcX
		return register(s, &in.Src)
	}
	return imm32(s, &in.Imm)
}

func memory(s string, r *uint8, off *int16) error {
	in, ok := strings.CutPrefix(s, "[")
	in, ok2 := strings.CutSuffix(in, "]")
	if !ok || !ok2 {
		return fmt.Errorf("%q is no memory operand: [register+offset]", s)
	}
	i := strings.IndexAny(in, "+-")
	if i < 0 {
		return register(in, r)
	}
	n, err := strconv.ParseInt(strings.TrimPrefix(in[i:], "+"), 0, 32)
	if err != nil || n != int64(int16(n)) {
		return fmt.Errorf("offset %q does not fit 16 bits", in[i:])
	}
	*off = int16(n)
	return register(in[:i], r)
}

// constant is a number of up to 64 bits, signed or unsigned.
func constant(s string) (uint64, error) {
	if strings.HasPrefix(s, "-") {
		v, err := strconv.ParseInt(s, 0, 64)
		return uint64(v), err
	}
	return strconv.ParseUint(s, 0, 64)
}

// imm32 is a number of 32 bits, signed or unsigned.
func imm32(s string, imm *int32) error {
	v, err := constant(s)
	if err != nil {
		return fmt.Errorf("%q is no number", s)
	}
	if int64(v) < math.MinInt32 || int64(v) > math.MaxUint32 {
		return fmt.Errorf("immediate %s does not fit 32 bits", s)
	}
	*imm = int32(v)
	return nil
}

// Bytes encodes instructions as they stand in memory (RFC 9669, section 3).
func Bytes(insns []bpf.Insn) []byte {
	b := make([]byte, 0, len(insns)*8)
	for _, in := range insns {
		b = append(b, in.Op, in.Dst|in.Src<<4)
		b = binary.LittleEndian.AppendUint16(b, uint16(in.Off))
		b = binary.LittleEndian.AppendUint32(b, uint32(in.Imm))
	}
	return b
}

// Decode is the inverse of [Bytes].
func Decode(b []byte) ([]bpf.Insn, error) {
	if len(b)%8 != 0 || len(b) == 0 {
		return nil, fmt.Errorf("%d bytes of bytecode: must be a multiple of 8 and not 0", len(b))
	}
	insns := make([]bpf.Insn, 0, len(b)/8)
	for ; len(b) > 0; b = b[8:] {
		insns = append(insns, bpf.Insn{Op: b[0], Dst: b[1] & 15, Src: b[1] >> 4,
			Off: int16(binary.LittleEndian.Uint16(b[2:])), Imm: int32(binary.LittleEndian.Uint32(b[4:]))})
	}
	return insns, nil
}
