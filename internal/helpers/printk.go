package helpers

import (
	"bytes"
	"strconv"

	"github.com/rivetbpf/rivet/internal/maps"
)

// Output for people: enum bpf_func_id 6, kernel/trace/bpf_trace.c.
var traceHelpers = []*Helper{
	{ID: 6, Name: "trace_printk", Fn: tracePrintk,
		Args: []Arg{{Name: "fmt", Kind: Mem}, {Name: "fmt_size", Kind: Size},
			{Name: "arg1", Kind: Scalar}, {Name: "arg2", Kind: Scalar}, {Name: "arg3", Kind: Scalar}}},
}

// maxPrintk is MAX_TRACE_PRINTK_BUF: a longer message is cut.
const maxPrintk = 1024

// tracePrintk writes one line and returns the length of the message with its
// terminating NUL not counted, as Linux does.
func tracePrintk(c *Call) (uint64, error) {
	format := c.Mem[0]
	n := len(format)
	if format[n-1] != 0 { // bpf_bprintf_prepare: the format ends in NUL
		return maps.Guest(maps.EINVAL), nil
	}
	if i := bytes.IndexByte(format, 0); i >= 0 {
		format = format[:i]
	}
	out, err := c.format(c.buf[:0], format, c.Args[2:])
	c.buf = out
	if err != nil {
		if e, ok := err.(maps.Errno); ok {
			return maps.Guest(e), nil
		}
		return 0, err
	}
	if len(out) >= maxPrintk {
		out = out[:maxPrintk-1]
	}
	n = len(out)
	if n == 0 || out[n-1] != '\n' {
		out = append(out, '\n')
		c.buf = out
	}
	return uint64(n), c.Run.World.write(out)
}

func (w *World) write(b []byte) error {
	if w.print == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err := w.print.Write(b)
	return err
}

// format appends a message as bpf_bprintf_prepare and bstr_printf make it. What
// they refuse is EINVAL: control characters, unknown conversions, more
// conversions than arguments. Bytes beyond ASCII pass, which older
// kernels refuse.
func (c *Call) format(out, format []byte, args []uint64) ([]byte, error) {
	for _, b := range format {
		if (b < ' ' || b == 0x7f) && (b < '\t' || b > '\r') {
			return out, maps.EINVAL
		}
	}
	used := 0
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			out = append(out, format[i])
			continue
		}
		if i+1 < len(format) && format[i+1] == '%' {
			out = append(out, '%')
			i++
			continue
		}
		var s spec
		n := s.parse(format[i+1:])
		if n == 0 || used == len(args) {
			return out, maps.EINVAL
		}
		i += n
		var err error
		if out, err = c.convert(out, s, args[used], used); err != nil {
			return out, err
		}
		used++
	}
	return out, nil
}

// spec is one conversion: %[flags][width][l|ll]verb.
type spec struct {
	zero, minus, plus, space bool
	width                    int
	bits                     int // 32 or 64
	verb                     byte
}

// parse reads a conversion after its % and returns its length, 0 when it is none that Linux knows.
func (s *spec) parse(f []byte) int {
	i := 0
	at := func() byte {
		if i < len(f) {
			return f[i]
		}
		return 0
	}
	for ; at() == '0' || at() == '-' || at() == '+' || at() == ' '; i++ {
		s.zero = s.zero || at() == '0'
		s.minus = s.minus || at() == '-'
		s.plus = s.plus || at() == '+'
		s.space = s.space || at() == ' '
	}
	for ; at() >= '0' && at() <= '9'; i++ {
		s.width = min(s.width*10+int(at()-'0'), maxPrintk)
	}
	s.bits = 32
	switch at() {
	case 'p':
		s.verb, s.bits = 'p', 64
		if i++; at() == 'x' || at() == 'K' { // raw and restricted pointers print alike here
			i++
		}
		return i
	case 's', 'c':
		s.verb = at()
		return i + 1
	}
	if at() == 'l' {
		s.bits = 64
		if i++; at() == 'l' {
			i++
		}
	}
	switch at() {
	case 'd', 'i', 'u', 'x', 'X':
		s.verb = at()
		return i + 1
	}
	return 0
}

// convert appends one argument.
func (c *Call) convert(out []byte, s spec, v uint64, arg int) ([]byte, error) {
	var tmp [24]byte
	if s.bits == 32 && s.verb != 's' {
		v = uint64(uint32(v))
	}
	switch s.verb {
	case 'c':
		return s.pad(out, append(tmp[:0], byte(v)), false), nil
	case 's':
		str, err := c.cstring(v, arg)
		return s.pad(out, str, false), err
	case 'p':
		// Linux prints 16 digits of a hash; a guest address gives nothing away here.
		for i := 60; i >= 0; i -= 4 {
			tmp[15-i/4] = "0123456789abcdef"[v>>i&15]
		}
		return s.pad(out, tmp[:16], false), nil
	case 'x':
		return s.pad(out, strconv.AppendUint(tmp[:0], v, 16), true), nil
	case 'X':
		return s.pad(out, bytes.ToUpper(strconv.AppendUint(tmp[:0], v, 16)), true), nil
	case 'u':
		return s.pad(out, strconv.AppendUint(tmp[:0], v, 10), true), nil
	}
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
	return s.pad(out, strconv.AppendInt(b, d, 10), true), nil
}

// pad brings b to the width; zeros go between sign and digits.
func (s *spec) pad(out, b []byte, number bool) []byte {
	fill := s.width - len(b)
	if s.minus {
		out = append(out, b...)
	}
	zero := number && s.zero && !s.minus
	if zero && len(b) > 0 && (b[0] == '-' || b[0] == '+' || b[0] == ' ') {
		out, b = append(out, b[0]), b[1:]
	}
	for ; fill > 0; fill-- {
		if zero {
			out = append(out, '0')
		} else {
			out = append(out, ' ')
		}
	}
	if s.minus {
		return out
	}
	return append(out, b...)
}

// cstring returns the string at addr up to its NUL, at most what a message can
// hold. NULL is the empty string, as Linux's copy that may fail makes it.
func (c *Call) cstring(addr uint64, arg int) ([]byte, error) {
	if addr == 0 {
		return nil, nil
	}
	a := c.Run.World.Arena
	b, ok := a.Bytes(addr, 1)
	if !ok {
		return nil, c.bad(arg+2, 1, "the string of %s lies outside guest memory")
	}
	b, _ = a.Bytes(addr, min(maxPrintk, a.Base()+a.Size()-addr))
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return b, nil
}
