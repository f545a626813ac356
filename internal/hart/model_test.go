package hart

import (
	"math/big"
	"math/bits"
	"testing"
)

// What qemu 7.2 lacks (Zicond, Zacas) or has wrong (ctzw of 0) is compared with
// models written from the text of the manual. So are the operations
// whose Go code is not one operator, with arithmetic of another kind: big
// integers and bit by bit.

var edges = []uint64{
	0, 1, 2, 3, 7, 31, 32, 33, 63, 64, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0x80000001,
	0xffffffff, 0x100000000, 0x123456789abcdef0, 0x7fffffffffffffff, 0x8000000000000000, 0x8000000000000001,
	0xffffffff00000000, 0xffffffff7fffffff, 0xffffffff80000000, 0xfffffffffffffffe, 0xffffffffffffffff,
	0x0100000000000000, 0x00ff00ff00ff00ff, 0x8080808080808080,
}

func signed(v uint64) *big.Int   { return big.NewInt(int64(v)) }
func unsigned(v uint64) *big.Int { return new(big.Int).SetUint64(v) }

// low64 is v modulo 2^64.
func low64(v *big.Int) uint64 {
	return new(big.Int).And(v, new(big.Int).SetUint64(^uint64(0))).Uint64()
}

func high(a, b *big.Int) uint64 {
	p := new(big.Int).Mul(a, b)
	return low64(p.Rsh(p, 64)) // Rsh rounds down, as the high half of a signed product does
}

// quotient divides towards zero, with the manual's results for a zero divisor
// and for overflow, which modulo 2^64 is no special case.
func quotient(a, b *big.Int) uint64 {
	if b.Sign() == 0 {
		return ^uint64(0)
	}
	return low64(new(big.Int).Quo(a, b))
}

func remainder(a, b *big.Int) uint64 {
	if b.Sign() == 0 {
		return low64(a)
	}
	return low64(new(big.Int).Rem(a, b))
}

func word(v uint64) uint64 { return uint64(int64(int32(v))) }

// count counts the bits that are want, from bit first on in steps of step, n at
// most, up to the first other one.
func count(v uint64, first, step, n int) uint64 {
	k := 0
	for k < n && v>>(first+k*step)&1 == 0 {
		k++
	}
	return uint64(k)
}

var models = map[string]func(a, b uint64) uint64{
	"mulh":   func(a, b uint64) uint64 { return high(signed(a), signed(b)) },
	"mulhu":  func(a, b uint64) uint64 { return high(unsigned(a), unsigned(b)) },
	"mulhsu": func(a, b uint64) uint64 { return high(signed(a), unsigned(b)) },
	"div":    func(a, b uint64) uint64 { return quotient(signed(a), signed(b)) },
	"divu":   func(a, b uint64) uint64 { return quotient(unsigned(a), unsigned(b)) },
	"rem":    func(a, b uint64) uint64 { return remainder(signed(a), signed(b)) },
	"remu":   func(a, b uint64) uint64 { return remainder(unsigned(a), unsigned(b)) },
	"divw":   func(a, b uint64) uint64 { return word(quotient(signed(word(a)), signed(word(b)))) },
	"divuw":  func(a, b uint64) uint64 { return word(quotient(unsigned(a&0xffffffff), unsigned(b&0xffffffff))) },
	"remw":   func(a, b uint64) uint64 { return word(remainder(signed(word(a)), signed(word(b)))) },
	"remuw":  func(a, b uint64) uint64 { return word(remainder(unsigned(a&0xffffffff), unsigned(b&0xffffffff))) },
	"clz":    func(a, _ uint64) uint64 { return count(a, 63, -1, 64) },
	"clzw":   func(a, _ uint64) uint64 { return count(a, 31, -1, 32) },
	"ctz":    func(a, _ uint64) uint64 { return count(a, 0, 1, 64) },
	"ctzw":   func(a, _ uint64) uint64 { return count(a, 0, 1, 32) },
	"orc.b": func(a, _ uint64) (v uint64) {
		for i := 0; i < 64; i += 8 {
			if a>>i&0xff != 0 {
				v |= 0xff << i
			}
		}
		return v
	},
	"rev8": func(a, _ uint64) (v uint64) {
		for i := 0; i < 64; i += 8 {
			v |= a >> i & 0xff << (56 - i)
		}
		return v
	},
	"rolw": func(a, b uint64) uint64 { return word(uint64(uint32(a)<<(b&31) | uint32(a)>>(32-b&31))) },
	"rorw": func(a, b uint64) uint64 { return word(uint64(uint32(a)>>(b&31) | uint32(a)<<(32-b&31))) },
	// "czero.eqz moves zero to a register rd, if the condition rs2 is equal to zero, otherwise moves rs1 to rd"
	"czero.eqz": func(a, b uint64) uint64 {
		if b == 0 {
			return 0
		}
		return a
	},
	"czero.nez": func(a, b uint64) uint64 {
		if b != 0 {
			return 0
		}
		return a
	},
	"bext": func(a, b uint64) uint64 { return uint64(unsigned(a).Bit(int(b & 63))) },
	"bset": func(a, b uint64) uint64 { return low64(new(big.Int).SetBit(unsigned(a), int(b&63), 1)) },
	"bclr": func(a, b uint64) uint64 { return low64(new(big.Int).SetBit(unsigned(a), int(b&63), 0)) },
	"cpop": func(a, _ uint64) (n uint64) {
		for ; a != 0; a &= a - 1 {
			n++
		}
		return n
	},
	"sh3add.uw": func(a, b uint64) uint64 {
		v, _ := bits.Add64(a&0xffffffff*8, b, 0)
		return v
	},
}

func TestModels(t *testing.T) {
	for name, model := range models {
		h := machine(enc(name, t0, t0, t1, 0), enc("ecall", 0, 0, 0, 0))
		for _, a := range edges {
			for _, b := range edges {
				h.PC, h.X[t0], h.X[t1] = testText, a, b
				h.Run(0)
				if want := model(a, b); h.X[t0] != want {
					t.Errorf("%s %#x, %#x: got %#x, want %#x", name, a, b, h.X[t0], want)
				}
			}
		}
	}
}

// TestCas runs amocas on every pair of memory and comparand: "if the loaded
// value is bitwise equal to the value in rd, the value in rs2 is stored ... the
// original value is placed in rd".
func TestCas(t *testing.T) {
	for name, size := range map[string]int{"amocas.w": 4, "amocas.d": 8} {
		for _, mem := range edges {
			for _, want := range edges {
				h := machine(enc(name, t0, a0, t1, 3))
				h.X[t0], h.X[t1] = want, 0x1122334455667788
				h.store(testMem, 8, mem)
				if got := h.Step(); got.Kind != None {
					t.Fatalf("%s: %v", name, got)
				}
				old, equal := mem, mem == want
				if size == 4 {
					old, equal = word(mem), uint32(mem) == uint32(want)
				}
				after := mem
				switch {
				case equal && size == 4:
					after = mem&^0xffffffff | 0x55667788
				case equal:
					after = 0x1122334455667788
				}
				if v, _ := h.load(testMem, 8); h.X[t0] != old || v != after {
					t.Errorf("%s of %#x with %#x: got %#x and left %#x, want %#x and %#x", name, mem, want, h.X[t0], v, old, after)
				}
			}
		}
	}
}

// TestCasZero compares with x0, which is zero and stays it.
func TestCasZero(t *testing.T) {
	for _, mem := range []uint64{0, 5} {
		h := machine(enc("amocas.d", 0, a0, t1, 0))
		h.sinks[0], h.X[t1] = 5, 9 // what x0 was last written with must not count
		h.store(testMem, 8, mem)
		h.Step()
		want := mem
		if mem == 0 {
			want = 9
		}
		if v, _ := h.load(testMem, 8); v != want || h.X[0] != 0 {
			t.Errorf("amocas.d with x0 of %d: left %d, x0 is %d", mem, v, h.X[0])
		}
	}
}
