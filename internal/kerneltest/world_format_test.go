//go:build linux

package kerneltest

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"

	"github.com/cilium/ebpf"
)

// random gives the same numbers each time, most of them near a power of two.
func random(seed uint64) func() uint64 {
	r := rand.New(rand.NewPCG(seed, 4))
	return func() uint64 {
		v := uint64(1)<<r.IntN(64) + uint64(r.IntN(5)) - 2
		if r.IntN(4) == 0 {
			v = r.Uint64() >> r.IntN(64)
		}
		if r.IntN(3) == 0 {
			v = -v
		}
		return v
	}
}

func (s *Session) put(m string, value any) {
	if err := s.Map(m).Update(uint32(0), value, ebpf.UpdateAny); err != nil {
		s.Logf("put %s: %v", m, err)
	}
}

// give puts a string, its end and what is behind it into a map of one value.
func (s *Session) give(m string, size int, text string) {
	b := make([]byte, size)
	copy(b, text)
	s.put(m, b)
}

var formatScripts = []Script{
	{Object: "format", Do: func(s *Session) {
		s.Hide(".bss") // addresses
		next := random(1)
		for range 100 {
			s.put("numbers", [4]uint64{next(), next(), next(), next()})
			s.Run("values", Input{})
		}
		s.Run("pointers", Input{})
		s.Run("refused", Input{})
	}},
	{Object: "longtext", Do: func(s *Session) {
		s.Hide(".bss")
		s.Run("entry", Input{})
	}},
	{Object: "stream", Do: func(s *Session) { s.Run("entry", Input{}) }},
	{Object: "strto", Do: func(s *Session) {
		s.Hide(".bss")
		for _, text := range numbers() {
			for _, flags := range []uint64{0, 8, 10, 16, 2, 31, 32, 1 << 40} {
				s.give("text", 80, text)
				for _, n := range []int{min(max(len(text), 1), 64), min(len(text)+3, 64)} {
					s.setStrto(uint64(n-1), flags)
					s.Logf("%q, %d bytes, flags %d", text, n, flags)
					s.Run("both", packet64)
				}
			}
		}
		for _, text := range []string{"", "c", "compare with me", "compare with mf", "compare\x00with", "d", "\xff", "compare with me, please"} {
			s.give("text", 80, text)
			s.Run("compare", packet64)
		}
	}},
	{Object: "strings", Do: func(s *Session) {
		words := []string{"", "a", "A", "abc", "ABC", "abcabc", "aabc", "cab", "bc", "c", "xyz", "a long string of many words", "long", "words", "Words", "\x80\xff", "\xc0\xe0", "\xd7\xf7"}
		for _, a := range words {
			for _, b := range words {
				for _, n := range []uint32{0, 1, 3, 63, 70000} {
					s.setStrings(a, b, n)
					s.Logf("%q %q %d", a, b, n)
					s.Run("all", Input{})
				}
			}
		}
		s.Run("nowhere", Input{})
	}},
}

// setStrto gives strto's variables their values.
func (s *Session) setStrto(length, flags uint64) {
	b := binary.LittleEndian.AppendUint64(make([]byte, 0, 16), length)
	s.put(".bss", binary.LittleEndian.AppendUint64(b, flags))
}

// setStrings gives those of strings theirs.
func (s *Session) setStrings(a, b string, n uint32) {
	data := make([]byte, 132)
	copy(data, a)
	copy(data[64:], b)
	binary.LittleEndian.PutUint32(data[128:], n)
	s.put(".bss", data)
}

// numbers are texts with a number in them, or nearly.
func numbers() []string {
	all := []string{"0", "-0", "7", "-7", "+7", " 7", "\t\n 42 ", "--1", "- 1", "", " ", "-", "0x", "0xg", "0x1f", "0X1F", "-0x1f", "017", "018", "08", "0b1",
		"1e3", "ffff", "FFFFFFFFFFFFFFFF", "10000000000000000", "18446744073709551615", "18446744073709551616", "9223372036854775807", "9223372036854775808",
		"-9223372036854775808", "-9223372036854775809", "99999999999999999999999999", "1777777777777777777777", "2000000000000000000000",
		"000000000000000000000000000000000000000000000000000000000000000000000000001", "12\x0034", "\xa05", "1_000"}
	next := random(2)
	for range 60 {
		v := next()
		all = append(all, fmt.Sprint(v), fmt.Sprint(int64(v)), fmt.Sprintf("%#x", v), fmt.Sprintf("%#o", v))
	}
	return all
}
