package progen

import "math/bits"

// source gives the generator its decisions: first from given bytes, so that a
// fuzzer that changes a byte changes a decision, then from a pseudo-random
// sequence that no release of Go changes (SplitMix64: Steele, Lea and Flood,
// "Fast Splittable Pseudorandom Number Generators").
type source struct {
	data  []byte
	state uint64
}

func (s *source) next() uint64 {
	s.state += 0x9e3779b97f4a7c15
	return mix(s.state)
}

func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below returns a number in [0, n).
func (s *source) below(n int) int {
	if n <= 1 {
		return 0
	}
	if len(s.data) > 0 {
		v := 0
		for k := n - 1; k > 0 && len(s.data) > 0; k >>= 8 {
			v = v<<8 | int(s.data[0])
			s.data = s.data[1:]
		}
		return v % n
	}
	hi, _ := bits.Mul64(s.next(), uint64(n))
	return int(hi)
}

// between returns a number in [lo, hi].
func (s *source) between(lo, hi int) int { return lo + s.below(hi-lo+1) }

// chance reports true in percent of 100 cases.
func (s *source) chance(percent int) bool { return s.below(100) < percent }

func (s *source) u64() uint64 {
	if len(s.data) >= 8 {
		var v uint64
		for _, b := range s.data[:8] {
			v = v<<8 | uint64(b)
		}
		s.data = s.data[8:]
		return v
	}
	return s.next()
}

// imm returns an immediate: small, near a power of two, a byte pattern or anything.
func (s *source) imm() int32 { return int32(s.value()) }

// value returns 64 bits that are likely to be at an edge of something.
func (s *source) value() uint64 {
	switch s.below(8) {
	case 0, 1:
		return uint64(s.between(-16, 64))
	case 2:
		return 1<<s.below(64) + uint64(s.between(-2, 2))
	case 3:
		return -(1 << s.below(64)) + uint64(s.between(-2, 2))
	case 4:
		edges := [...]uint64{0, 1, ^uint64(0), 1 << 31, 1<<31 - 1, 1 << 32, 1<<32 - 1, 1 << 63, 1<<63 - 1,
			0xffff_ffff_8000_0000, 0x7ff, 0x800, 0xffff_ffff_ffff_f800, 0x7fff_f7ff, 0x7fff_f800, 0x7fff_ffff}
		return edges[s.below(len(edges))]
	case 5:
		return uint64(s.below(256)) * 0x0101010101010101
	case 6:
		return s.u64() >> s.below(64)
	}
	return s.u64()
}

// pick returns one of the choices.
func pick[T any](s *source, from []T) T { return from[s.below(len(from))] }
