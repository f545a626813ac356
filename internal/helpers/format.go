package helpers

import (
	"bytes"
	"strconv"

	"github.com/rivetbpf/rivet/internal/maps"
)

// message is what a format becomes. What is beyond max is counted and not kept.
type message struct {
	b   []byte
	n   int // how long it would be
	max int
}

func (m *message) write(b []byte) {
	if room := m.max - len(m.b); room > 0 {
		m.b = append(m.b, b[:min(len(b), room)]...)
	}
	m.n += len(b)
}

func (m *message) fill(c byte, n int) {
	for range min(n, m.max-len(m.b)) {
		m.b = append(m.b, c)
	}
	m.n += max(n, 0)
}

// format makes a message as bpf_bprintf_prepare and bstr_printf do. What they refuse is EINVAL:
// control characters, unknown conversions, more conversions than arguments. Bytes
// beyond ASCII pass, which older kernels refuse.
func (c *Call) format(m *message, format []byte, args []uint64) maps.Errno {
	for _, b := range format {
		if (b < ' ' || b == 0x7f) && (b < '\t' || b > '\r') {
			return maps.EINVAL
		}
	}
	used, packed := 0, 0
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			m.write(format[i : i+1])
			continue
		}
		if i+1 < len(format) && format[i+1] == '%' {
			m.write(format[i : i+1])
			i++
			continue
		}
		var s spec
		n := s.parse(format[i+1:])
		if n == 0 || used == len(args) {
			return maps.EINVAL
		}
		i += n
		if packed = s.pack(packed); packed > maxPacked {
			return maps.ENOSPC
		}
		packed += c.convert(m, &s, args[used], maxPacked-packed)
		used++
	}
	return 0
}

// maxPacked is MAX_BPRINTF_BIN_ARGS: Linux packs arguments into so many bytes, strings with their NUL.
const maxPacked = 512

// pack returns how many bytes are packed with a conversion's argument, the text of strings and addresses apart.
func (s *spec) pack(before int) int {
	switch s.verb {
	case 'c':
		return before + 1
	case 's', 'k', 'U': // their NUL is packed with them
		if before == maxPacked {
			return maxPacked + 1
		}
		return before
	case 'i', 'I', 'B':
		return before
	}
	return (before+3)&^3 + s.bits/8
}

// spec is one conversion: %[flags][width][l|ll]verb. Verbs of more than a letter are one here: p, K (pK),
// P (px), S (ps and pS), B (pB), k (pks), U (pus), i and I (pi4, pI6, …).
type spec struct {
	zero, minus, plus, space bool
	width                    int
	bits                     int // 32 or 64; of an IP address, its bytes
	verb                     byte
}

// maxWidth is FIELD_WIDTH_MAX of lib/vsprintf.c.
const maxWidth = 1<<23 - 1

// parse reads a conversion after its % and returns its length, 0 when it is none that Linux knows.
func (s *spec) parse(f []byte) int {
	i := 0
	for ; at(f, i) == '0' || at(f, i) == '-' || at(f, i) == '+' || at(f, i) == ' '; i++ {
		s.zero = s.zero || f[i] == '0'
		s.minus = s.minus || f[i] == '-'
		s.plus = s.plus || f[i] == '+'
		s.space = s.space || f[i] == ' '
	}
	for ; at(f, i) >= '0' && at(f, i) <= '9'; i++ {
		s.width = min(s.width*10+int(f[i]-'0'), maxWidth)
	}
	s.bits = 32
	switch at(f, i) {
	case 'p':
		return s.pointer(f, i)
	case 's':
		s.verb = 's'
		return endOf(f, i+1)
	case 'c':
		s.verb = 'c'
		return i + 1
	}
	if at(f, i) == 'l' {
		s.bits = 64
		if i++; at(f, i) == 'l' {
			i++
		}
	}
	switch at(f, i) {
	case 'd', 'i', 'u', 'x', 'X':
		if s.verb = f[i]; s.verb == 'i' {
			s.verb = 'd'
		}
		return i + 1
	}
	return 0
}

// pointer reads a conversion whose p is at i. Letters and digits behind it are skipped.
func (s *spec) pointer(f []byte, i int) int {
	s.verb, s.bits = 'p', 64
	next, then := at(f, i+1), at(f, i+2)
	switch {
	case next == 0 || stops(next):
		return i + 1
	case (next == 'k' || next == 'u') && then == 's':
		if s.verb = 'k'; next == 'u' {
			s.verb = 'U'
		}
		return endOf(f, i+3)
	case next == 'K' || next == 'B':
		s.verb = next
	case next == 'x':
		s.verb = 'P'
	case next == 's' || next == 'S':
		s.verb = 'S'
	case (next == 'i' || next == 'I') && (then == '4' || then == '6'):
		s.verb, s.bits = next, 4
		if then == '6' {
			s.bits = 16
		}
	default:
		return 0
	}
	for i++; isAlnum(at(f, i)); i++ {
	}
	return i
}

func at(f []byte, i int) byte {
	if i < len(f) {
		return f[i]
	}
	return 0
}

// endOf returns n where what follows the first n bytes may follow a string's conversion, else 0.
func endOf(f []byte, n int) int {
	if n < len(f) && !stops(f[n]) {
		return 0
	}
	return n
}

func isAlnum(b byte) bool {
	return b >= '0' && b <= '9' || b|0x20 >= 'a' && b|0x20 <= 'z' || b >= 0xc0 && b != 0xd7 && b != 0xf7
}

// stops is isspace or ispunct of linux/ctype.h.
func stops(b byte) bool {
	return b >= '\t' && b <= '\r' || b >= ' ' && b < 0x7f && !isAlnum(b) || b >= 0xa0 && !isAlnum(b)
}

// convert writes one argument. Of a string it reads at most room bytes, and returns how many it took.
func (c *Call) convert(m *message, s *spec, v uint64, room int) int {
	var tmp [64]byte
	if s.bits == 32 {
		v = uint64(uint32(v))
	}
	switch s.verb {
	case 'c':
		s.pad(m, append(tmp[:0], byte(v)), false)
	case 's', 'k', 'U':
		return c.convertString(m, s, v, room)
	case 'i', 'I':
		b := c.ipAddress(tmp[:0], s, v)
		m.write(b)
		return len(b) + 1
	case 'S': // names of the kernel's functions are not known; this is what it prints for others
		s.pad(m, strconv.AppendUint(append(tmp[:0], "0x"...), v, 16), false)
	case 'B':
		b := strconv.AppendUint(append(tmp[:0], "0x"...), v, 16)
		m.write(b)
		return len(b) + 1
	case 'p', 'K', 'P': // Linux prints a hash of the first two; a guest address gives nothing away
		if s.width == 0 {
			s.width, s.zero = 16, true
		}
		s.pad(m, strconv.AppendUint(tmp[:0], v, 16), true)
	case 'x':
		s.pad(m, strconv.AppendUint(tmp[:0], v, 16), true)
	case 'X':
		s.pad(m, bytes.ToUpper(strconv.AppendUint(tmp[:0], v, 16)), true)
	case 'u':
		s.pad(m, strconv.AppendUint(tmp[:0], v, 10), true)
	default:
		s.signed(m, v)
	}
	return 0
}

func (s *spec) signed(m *message, v uint64) {
	var tmp [24]byte
	d := int64(v)
	if s.bits == 32 {
		d = int64(int32(v))
	}
	b := tmp[:0]
	if d >= 0 && s.plus {
		b = append(b, '+')
	} else if d >= 0 && s.space {
		b = append(b, ' ')
	}
	s.pad(m, strconv.AppendInt(b, d, 10), true)
}

// pad brings b to the width; zeros go between sign and digits.
func (s *spec) pad(m *message, b []byte, number bool) {
	fill := s.width - len(b)
	if s.minus {
		m.write(b)
		m.fill(' ', fill)
		return
	}
	if !number || !s.zero {
		m.fill(' ', fill)
		m.write(b)
		return
	}
	if len(b) > 0 && (b[0] == '-' || b[0] == '+' || b[0] == ' ') {
		m.write(b[:1])
		b = b[1:]
	}
	m.fill('0', fill)
	m.write(b)
}

// convertString writes the string at addr; one that cannot be read is empty (bpf_trace_copy_string).
func (c *Call) convertString(m *message, s *spec, addr uint64, room int) int {
	read := readAny
	switch s.verb {
	case 'k':
		read = readKernel
	case 'U':
		read = readUser
	}
	text := c.text[:room]
	n, err := readString(c, read, text, addr)
	if err != 0 {
		n, text[0] = 1, 0
	}
	if s.verb != 's' {
		m.write(text[:n-1]) // %pks and %pus have no width
	} else {
		s.pad(m, text[:n-1], false)
	}
	return n
}

// ipAddress formats the address of 4 or 16 bytes at addr; zeros where there is none.
func (c *Call) ipAddress(out []byte, s *spec, addr uint64) []byte {
	b := c.step[:s.bits]
	if n, _ := readKernel(c, addr, b); n < len(b) {
		clear(b)
	}
	const digits = "0123456789abcdef"
	for i, v := range b {
		switch {
		case s.bits == 4 && i > 0:
			out = append(out, '.')
		case s.bits == 16 && s.verb == 'I' && i > 0 && i%2 == 0:
			out = append(out, ':')
		}
		switch {
		case s.bits == 16:
			out = append(out, digits[v>>4], digits[v&15])
		case s.verb == 'i':
			out = append(out, '0'+v/100, '0'+v/10%10, '0'+v%10)
		default:
			out = strconv.AppendUint(out, uint64(v), 10)
		}
	}
	return out
}
