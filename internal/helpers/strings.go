package helpers

import (
	"encoding/binary"
	"math"

	"github.com/rivetbpf/rivet/internal/maps"
)

// Strings: enum bpf_func_id 105, 106 and 182, and kfuncs (kernel/bpf/helpers.c).
var stringHelpers = []*Helper{
	{ID: 105, Name: "strtol", Fn: strtol, Args: strtoArgs},
	{ID: 106, Name: "strtoul", Fn: strtoul, Args: strtoArgs},
	{ID: 182, Name: "strncmp", Fn: strncmp, Args: []Arg{{Name: "s1", Kind: Mem}, {Name: "s1_sz", Kind: SizeOrZero}, {Name: "s2", Kind: Scalar}}},
	textKfunc("bpf_strcmp", 2, func(t []text, _ uint64) int64 { return t[0].compare(&t[1], maxText, false) }),
	textKfunc("bpf_strcasecmp", 2, func(t []text, _ uint64) int64 { return t[0].compare(&t[1], maxText, true) }),
	textKfunc("bpf_strncasecmp", 2, func(t []text, n uint64) int64 { return t[0].compare(&t[1], n, true) }),
	textKfunc("bpf_strlen", 1, func(t []text, _ uint64) int64 { return t[0].length(maxText) }),
	textKfunc("bpf_strnlen", 1, func(t []text, n uint64) int64 { return t[0].length(n) }),
	textKfunc("bpf_strchr", 1, func(t []text, c uint64) int64 { return t[0].find(byte(c), maxText, false) }),
	textKfunc("bpf_strchrnul", 1, func(t []text, c uint64) int64 { return t[0].find(byte(c), maxText, true) }),
	textKfunc("bpf_strrchr", 1, func(t []text, c uint64) int64 { return t[0].last(int32(c)) }),
	textKfunc("bpf_strspn", 2, func(t []text, _ uint64) int64 { return t[0].span(&t[1], true) }),
	textKfunc("bpf_strcspn", 2, func(t []text, _ uint64) int64 { return t[0].span(&t[1], false) }),
	textKfunc("bpf_strstr", 2, func(t []text, _ uint64) int64 { return t[0].search(&t[1], maxText, false) }),
	textKfunc("bpf_strnstr", 2, func(t []text, n uint64) int64 { return t[0].search(&t[1], n, false) }),
	textKfunc("bpf_strcasestr", 2, func(t []text, _ uint64) int64 { return t[0].search(&t[1], maxText, true) }),
	textKfunc("bpf_strncasestr", 2, func(t []text, n uint64) int64 { return t[0].search(&t[1], n, true) }),
	{Name: "bpf_strnchr", Args: []Arg{{Name: "s", Kind: Scalar}, {Name: "count", Kind: Scalar}, {Name: "c", Kind: Scalar}}, Fn: func(c *Call) (uint64, error) {
		return c.texts(1, c.Args[2], func(t []text, ch uint64) int64 { return t[0].find(byte(ch), c.Args[1], false) })
	}},
}

var strtoArgs = []Arg{{Name: "buf", Kind: Mem}, {Name: "buf_len", Kind: Size}, {Name: "flags", Kind: Scalar}, {Name: "res", Kind: MemW, Size: 8}}

func isSpace(b byte) bool { return b >= '\t' && b <= '\r' || b == ' ' || b == 0xa0 }

// strtoull is __bpf_strtoull: it returns how many bytes the number takes, spaces before it included.
func strtoull(b []byte, flags uint64) (v uint64, negative bool, n int, err maps.Errno) {
	base := flags & 31
	if base != 0 && base != 8 && base != 10 && base != 16 || flags > 31 {
		return 0, false, 0, maps.EINVAL
	}
	for n < len(b) && isSpace(b[n]) {
		n++
	}
	if n < len(b) && b[n] == '-' {
		negative = true
		n++
	}
	if n == len(b) {
		return 0, negative, 0, maps.EINVAL
	}
	b = b[n:min(len(b), n+63)]
	skip := radix(b, &base)
	v, digits, over := parseInteger(b[skip:], base)
	switch {
	case over:
		return 0, negative, 0, maps.ERANGE
	case digits == 0:
		return 0, negative, 0, maps.EINVAL
	}
	return v, negative, n + skip + digits, 0
}

// radix is _parse_integer_fixup_radix: it returns the length of the prefix.
func radix(b []byte, base *uint64) int {
	hex := at(b, 0) == '0' && at(b, 1)|0x20 == 'x'
	if *base == 0 {
		switch {
		case hex && digit(at(b, 2)) < 16:
			*base = 16
		case at(b, 0) == '0':
			*base = 8
		default:
			*base = 10
		}
	}
	if *base == 16 && hex {
		return 2
	}
	return 0
}

func digit(b byte) uint64 {
	switch {
	case b >= '0' && b <= '9':
		return uint64(b - '0')
	case b|0x20 >= 'a' && b|0x20 <= 'f':
		return uint64(b|0x20-'a') + 10
	}
	return math.MaxUint64
}

// parseInteger reads all digits that there are, also behind those with which the number becomes too large.
func parseInteger(b []byte, base uint64) (v uint64, n int, over bool) {
	for ; n < len(b); n++ {
		d := digit(b[n])
		if d >= base {
			break
		}
		over = over || v > (math.MaxUint64-d)/base
		v = v*base + d
	}
	return v, n, over
}

func strtol(c *Call) (uint64, error) {
	res := c.Mem[3]
	clear(res)
	v, negative, n, err := strtoull(c.Mem[0], c.Args[2])
	switch {
	case err != 0:
		return maps.Guest(err), nil
	case negative && v > 1<<63, !negative && v > math.MaxInt64:
		return maps.Guest(maps.ERANGE), nil
	case negative:
		v = -v
	}
	binary.LittleEndian.PutUint64(res, v)
	return uint64(n), nil
}

func strtoul(c *Call) (uint64, error) {
	res := c.Mem[3]
	clear(res)
	v, negative, n, err := strtoull(c.Mem[0], c.Args[2])
	switch {
	case err != 0:
		return maps.Guest(err), nil
	case negative:
		return maps.Guest(maps.EINVAL), nil
	}
	binary.LittleEndian.PutUint64(res, v)
	return uint64(n), nil
}

// strncmp compares s1, of s1_sz bytes at most, to a constant.
func strncmp(c *Call) (uint64, error) {
	s2, err := c.constString(2)
	if err != nil {
		return 0, err
	}
	for i, b := range c.Mem[0] {
		switch o := at(s2, i); {
		case b < o:
			return math.MaxUint64, nil
		case b > o:
			return 1, nil
		case b == 0:
			return 0, nil
		}
	}
	return 0, nil
}

// maxText is XATTR_SIZE_MAX: kfuncs look at so many bytes of a string.
const maxText = 65536

// text is a string at an address that may be bad. It is read a piece at a time.
type text struct {
	c    *Call
	addr uint64
	from int // the index of piece[0]
	n    int // the bytes of piece that there are
	err  maps.Errno
	b    [64]byte
}

// read returns byte i. After the end of what can be read, err is set and it returns 0.
func (t *text) read(i int) byte {
	if k := i - t.from; k >= 0 && k < t.n {
		return t.b[k]
	}
	t.from = i
	if t.n, _ = readKernel(t.c, t.addr+uint64(i), t.b[:]); t.n == 0 {
		t.err = maps.EFAULT
		return 0
	}
	return t.b[0]
}

// textKfunc makes a kfunc that takes some strings and then perhaps a number, which fn gets.
func textKfunc(name string, texts int, fn func([]text, uint64) int64) *Helper {
	args := []Arg{{Name: "s1", Kind: Scalar}, {Name: "s2", Kind: Scalar}, {Name: "n", Kind: Scalar}}[:texts+1]
	return &Helper{Name: name, Args: args, Fn: func(c *Call) (uint64, error) { return c.texts(texts, c.Args[texts], fn) }}
}

// texts calls fn with the strings that the first arguments point to. Addresses that cannot be the
// kernel's are refused before anything is read, and a string that ends in bad memory is EFAULT.
func (c *Call) texts(n int, arg uint64, fn func([]text, uint64) int64) (uint64, error) {
	t := c.Run.texts[:n]
	for i := range t {
		t[i] = text{c: c, addr: c.Args[i]}
		if t[i].read(0); t[i].err != 0 {
			if _, err := readKernel(c, c.Args[i], t[i].b[:1]); err == maps.ERANGE {
				return maps.Guest(maps.ERANGE), nil
			}
		}
	}
	for i := range t { // what fn does not look at may be bad
		t[i].err = 0
	}
	r := fn(t, arg)
	for i := range t {
		if t[i].err != 0 {
			return maps.Guest(t[i].err), nil
		}
	}
	return uint64(r), c.Run.ended()
}

// ended returns the error of the context that the run is under, once that is over.
func (r *Run) ended() error {
	if r.Context == nil {
		return nil
	}
	return r.Context.Err()
}

const (
	notFound = -int64(maps.ENOENT)
	tooLong  = -int64(maps.E2BIG)
)

func lower(b byte) byte {
	if b >= 'A' && b <= 'Z' || b >= 0xc0 && b <= 0xde && b != 0xd7 {
		return b + 0x20
	}
	return b
}

// compare is __bpf_strncasecmp.
func (t *text) compare(o *text, n uint64, fold bool) int64 {
	for i := range int(min(n, maxText)) {
		a, b := t.read(i), o.read(i)
		if fold {
			a, b = lower(a), lower(b)
		}
		switch {
		case t.err != 0 || o.err != 0:
			return 0
		case a < b:
			return -1
		case a > b:
			return 1
		case a == 0:
			return 0
		}
	}
	if n < maxText {
		return 0
	}
	return tooLong
}

// length is bpf_strnlen.
func (t *text) length(n uint64) int64 {
	for i := range int(min(n, maxText)) {
		if t.read(i) == 0 {
			return int64(i)
		}
	}
	if n < maxText {
		return int64(n)
	}
	return tooLong
}

// find is bpf_strnchr; orEnd makes it bpf_strchrnul.
func (t *text) find(c byte, n uint64, orEnd bool) int64 {
	for i := range int(min(n, maxText)) {
		switch b := t.read(i); {
		case b == c || b == 0 && orEnd:
			return int64(i)
		case b == 0:
			return notFound
		}
	}
	if n < maxText {
		return notFound
	}
	return tooLong
}

// last is bpf_strrchr. It alone compares to an int, and Linux's char has no sign: where a program's has
// one, bytes beyond ASCII are not found.
func (t *text) last(c int32) int64 {
	found := notFound
	for i := range maxText {
		b := t.read(i)
		if int32(b) == c {
			found = int64(i)
		}
		if b == 0 {
			return found
		}
	}
	return tooLong
}

// span is bpf_strspn, or bpf_strcspn where in is false: how many bytes are, or are not, in set. Linux
// looks through the set for each byte; here that is done once.
func (t *text) span(set *text, in bool) int64 {
	has, end := set.bytes()
	for i := range maxText {
		b := t.read(i)
		switch {
		case b == 0 || has[b] && !in:
			return int64(i)
		case has[b]:
		case end != 0:
			set.err = end
			return tooLong
		case in:
			return int64(i)
		}
	}
	return tooLong
}

// bytes tells which bytes are in a string, and what is wrong with its end.
func (t *text) bytes() (has [256]bool, end maps.Errno) {
	for i := range maxText {
		b := t.read(i)
		if t.err != 0 {
			end, t.err = t.err, 0
			return has, end
		}
		if b == 0 {
			return has, 0
		}
		has[b] = true
	}
	return has, maps.E2BIG
}

// search is bpf_strnstr: where in the first n bytes the other string is.
func (t *text) search(o *text, n uint64, fold bool) int64 {
	for i := range maxText {
		if i%64 == 0 && t.c.Run.ended() != nil { // texts says so
			return 0
		}
		j := 0
		for ; uint64(i+j) <= n && j < maxText; j++ {
			b := o.read(j)
			if o.err != 0 || b == 0 {
				return int64(i)
			}
			if uint64(i+j) == n {
				break
			}
			a := t.read(i + j)
			if a == 0 {
				return notFound
			}
			if a != b && (!fold || lower(a) != lower(b)) {
				break
			}
		}
		switch {
		case j == maxText:
			return tooLong
		case uint64(i+j) == n:
			return notFound
		}
	}
	return tooLong
}
