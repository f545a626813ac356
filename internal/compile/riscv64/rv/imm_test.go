package rv

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rivetbpf/rivet/internal/testenv"
)

// constants returns edges and random constants of the kinds that programs
// have: small, 32-bit of both signs, masks, few bits, shifted, and random ones.
func constants(n int) []int64 {
	vs := []int64{0, 1, -1, 2047, 2048, -2048, -2049, 4095, 4096, 0x7ffff7ff, 0x7ffff800, 0x7fffffff, 0x80000000, 0xffffffff,
		0x100000000, -0x80000000, -0x80000001, math.MaxInt64, math.MinInt64, 0x17ff, 0x1234567817ff, 0x5555555555555555, 0x00ff00ff00ff00ff,
		-0x3501fffffff, 0x7fffffff00000000, 0xfffff800, 0xfffff7ff}
	for i := range 64 {
		for _, d := range []int64{-1, 0, 1, 2047, -2048, 4096} {
			vs = append(vs, 1<<i+d, -1<<i+d)
		}
	}
	rnd := rand.New(rand.NewPCG(7, 7))
	for len(vs) < n {
		x := rnd.Uint64()
		k := rnd.IntN(64)
		switch len(vs) % 9 {
		case 0:
			x >>= k
		case 1:
			x = uint64(uint32(x))
		case 2:
			x = x >> k << rnd.IntN(64)
		case 3:
			x = ^(x >> k << rnd.IntN(64))
		case 4:
			x = 1<<k | 1<<rnd.IntN(64) | 1<<rnd.IntN(64)
		case 5:
			x = 1<<k - 1<<rnd.IntN(64)
		case 6:
			x = bits.RotateLeft64(uint64(int64(x)>>(32+k/2)), rnd.IntN(64))
		case 7:
			x = uint64(int64(int32(x)))*uint64(1+2*rnd.IntN(5)) + uint64(rnd.IntN(4096)) - 2048
		}
		vs = append(vs, int64(x))
	}
	return vs
}

// immTargets are the targets of the tests, and what llvm-mc calls them.
var immTargets = []struct {
	ext   Ext
	mattr string
}{
	{ExtC, "+m,+a,+c"},
	{ExtC | ExtZba | ExtZbb | ExtZbs, "+m,+a,+c,+zba,+zbb,+zbs"},
	{ExtC | ExtZba, "+m,+a,+c,+zba"},
	{ExtZbb, "+m,+a,+zbb"},
	{ExtZbs, "+m,+a,+zbs"},
}

// TestLoadImmLength compares with the li of llvm-mc: never longer.
func TestLoadImmLength(t *testing.T) {
	vs := constants(30000)
	for _, target := range immTargets {
		t.Run(target.ext.String(), func(t *testing.T) {
			lines := []string{".option norvc"}
			for _, v := range vs {
				lines = append(lines, fmt.Sprintf("li a0, %d", v), "ebreak")
			}
			text := assemble(t, target.mattr, lines)
			var shorter, longer, ours, theirs int
			for _, v := range vs {
				n := 0
				for binary.LittleEndian.Uint32(text[4*n:]) != 0x00100073 {
					n++
				}
				seq := LoadImm(nil, A0, v, target.ext)
				ours, theirs = ours+len(seq), theirs+n
				switch {
				case len(seq) < n:
					shorter++
				case len(seq) > n:
					if longer++; longer < 20 {
						t.Errorf("%#x: llvm-mc needs %d, we %d:\n%s\n%s", uint64(v), n, len(seq), listing(text[:4*n]), listing(wordBytes(seq)))
					}
				}
				text = text[4*n+4:]
			}
			t.Logf("%d constants: llvm-mc %d instructions, we %d; shorter %d times, longer %d times", len(vs), theirs, ours, shorter, longer)
		})
	}
}

func wordBytes(words []uint32) (b []byte) {
	for _, w := range words {
		b = binary.LittleEndian.AppendUint32(b, w)
	}
	return b
}

func listing(code []byte) string {
	var s []string
	for len(code) > 0 {
		text, n, err := Disasm(code, 0)
		if err != nil {
			return err.Error()
		}
		s, code = append(s, text), code[n:]
	}
	return "\t" + strings.Join(s, "; ")
}

// TestLoadImmValue runs the sequences under QEMU and compares with the
// constant, read from memory.
func TestLoadImmValue(t *testing.T) {
	mc, lld, qemu := testenv.NeedTool(t, "llvm-mc-19"), testenv.NeedTool(t, "ld.lld-19"), testenv.NeedTool(t, "qemu-riscv64-static")
	vs := constants(6000)
	var src strings.Builder
	src.WriteString(".globl _start\n_start:\nla s0, table\nli s2, 0\n")
	var table strings.Builder
	for _, target := range immTargets {
		for i, v := range vs {
			rd := []Reg{A0, S1, T6}[i%3]
			for _, w := range LoadImm(nil, rd, v, target.ext) {
				fmt.Fprintf(&src, ".4byte %#x\n", w)
			}
			fmt.Fprintf(&src, "ld a1, 0(s0)\naddi s0, s0, 8\nbeq %s, a1, .+8\n.4byte 0x00190913\n", rd) // addi s2, s2, 1
			fmt.Fprintf(&table, ".8byte %#x\n", uint64(v))
		}
	}
	src.WriteString("snez a0, s2\nli a7, 93\necall\n.data\n.balign 8\ntable:\n" + table.String())
	dir := t.TempDir()
	s, o, exe := filepath.Join(dir, "a.s"), filepath.Join(dir, "a.o"), filepath.Join(dir, "a")
	if err := os.WriteFile(s, []byte(src.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, mc, "-triple=riscv64", "-mattr=+m,+a", "-filetype=obj", s, "-o", o)
	run(t, lld, o, "-o", exe)
	run(t, qemu, "-cpu", "rv64,zba=true,zbb=true,zbs=true", exe)
}

func BenchmarkLoadImm(b *testing.B) {
	rnd := rand.New(rand.NewPCG(1, 1))
	random := make([]int64, 1024)
	for i := range random {
		random[i] = int64(rnd.Uint64())
	}
	for _, ext := range []Ext{ExtC, ExtC | ExtZba | ExtZbb | ExtZbs} {
		for _, c := range []struct {
			name string
			vs   []int64
		}{
			{"simm12", []int64{5, -7, 2047}},
			{"simm32", []int64{0x12345678, -0x12345678, 65536}},
			{"uimm32", []int64{0xdeadbeef, 0x80000000, 0xffffffff}},
			{"random64", random},
		} {
			b.Run(ext.String()+"/"+c.name, func(b *testing.B) {
				buf := make([]uint32, 0, 8)
				i := 0
				for b.Loop() {
					buf = LoadImm(buf[:0], A0, c.vs[i], ext)
					if i++; i == len(c.vs) {
						i = 0
					}
				}
			})
		}
	}
}
