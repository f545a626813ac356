package helpers

import (
	"encoding/binary"
	"strconv"

	"github.com/cilium/ebpf/btf"
)

// typeName is how a type is written before its value.
type typeName struct {
	prefix          string // struct, union, enum
	name            string
	stars, brackets int
	opens           string // the bracket of what is in it
}

// nameOf finds it; ok is false for a type that is too deep. What is qualified at the outermost has no name, as in Linux.
func nameOf(t btf.Type) (n typeName, ok bool) {
	var typedef, array bool
	i := 0
	for ; i < maxNameIter; i++ {
		var next btf.Type
		switch t := t.(type) {
		case *btf.Typedef:
			if !typedef {
				n.name = t.Name
			}
			typedef, next = true, t.Type
		case *btf.Array:
			array, next = true, t.Type
			n.opens = "["
			n.brackets++
		case *btf.Pointer:
			next = t.Target
			n.stars++
		}
		if next == nil {
			break
		}
		if _, void := next.(*btf.Void); void {
			break
		}
		t = skipQualifiers(next)
	}
	if i == maxNameIter || t == nil {
		return n, false
	}
	if !typedef {
		n.name = t.TypeName()
	}
	switch t.(type) {
	case *btf.Struct:
		n.prefix = "struct"
	case *btf.Union:
		n.prefix = "union"
	case *btf.Enum:
		n.prefix = "enum"
	}
	if (n.prefix == "struct" || n.prefix == "union") && !array {
		n.opens = "{"
	}
	if n.stars > 0 {
		n.opens = ""
	}
	if typedef {
		n.prefix = ""
	}
	return n, true
}

func (n *typeName) write(m *message) {
	m.text("(")
	m.text(n.prefix)
	if n.prefix != "" && n.name != "" {
		m.text(" ")
	}
	m.text(n.name)
	if n.stars > 0 {
		m.text(" ")
		m.text("**********"[:n.stars])
	}
	m.text("[][][][][][][][][][]"[:2*n.brackets])
	m.text(")")
	m.text(n.opens)
}

// integer is btf_int_show.
func (s *shower) integer(t *btf.Int, named btf.Type, at uint64) {
	b := s.start(t, named, at)
	if b == nil {
		return
	}
	defer s.end()
	if t.Size == 1 && s.chars {
		if s.ended = s.ended || b[0] == 0; s.ended {
			return
		}
		if printable(b[0]) {
			s.value(true, []byte{'\'', b[0], '\''})
			return
		}
	}
	var text [24]byte
	switch t.Size {
	case 1, 2, 4, 8:
		v, unused := s.word(b), 64-8*t.Size
		if t.Encoding&btf.Signed != 0 {
			s.value(v<<unused != 0, strconv.AppendInt(text[:0], int64(v<<unused)>>unused, 10))
		} else {
			s.value(v<<unused != 0, strconv.AppendUint(text[:0], v<<unused>>unused, 10))
		}
	default:
		s.bits(b, 0, 8*min(t.Size, 16))
	}
}

// printable is isprint of linux/ctype.h.
func printable(b byte) bool { return b >= ' ' && b < 0x7f || b >= 0xa0 }

// bits shows n bits from bit off on, which is below 8, as btf_bitfield_show does: without a sign.
func (s *shower) bits(b []byte, off, n uint32) {
	var w [16]byte
	copy(w[:], b)
	lo, hi := binary.LittleEndian.Uint64(w[:]), binary.LittleEndian.Uint64(w[8:])
	lo, hi = lo>>off|hi<<(64-off), hi>>off
	if n < 64 {
		lo &= 1<<n - 1
	}
	hi &= 1<<(max(n, 64)-64) - 1 // all of them where n is 128
	text := append(make([]byte, 0, 34), "0x"...)
	if hi == 0 {
		s.value(lo != 0, strconv.AppendUint(text, lo, 16))
		return
	}
	text = strconv.AppendUint(text, hi, 16)
	low := strconv.AppendUint(make([]byte, 0, 16), lo, 16)
	text = append(text, "0000000000000000"[:16-len(low)]...)
	s.values(append(text, low...))
}

// enum is btf_enum_show and btf_enum64_show. A small one is read as 4 bytes all the same.
func (s *shower) enum(t *btf.Enum, named btf.Type, at uint64) {
	b := s.start(t, named, at)
	if b == nil {
		return
	}
	defer s.end()
	unused := 32
	if t.Size == 8 {
		unused = 0
	}
	var text [64]byte
	v := s.word(b) << unused
	for _, e := range t.Values {
		if e.Value<<unused == v {
			s.value(true, append(text[:0], e.Name...))
			return
		}
	}
	if t.Signed {
		s.value(v != 0, strconv.AppendInt(text[:0], int64(v)>>unused, 10))
	} else {
		s.value(v != 0, strconv.AppendUint(text[:0], v>>unused, 10))
	}
}

// aggregate is btf_struct_show and btf_array_show: a first pass looks whether there is anything but zeros.
func (s *shower) aggregate(t, named btf.Type, at uint64, nest int) {
	m := s.member
	if s.depth > 0 && s.flags&showZero == 0 {
		if s.probe == 0 {
			s.probe, s.shown = s.depth+1, 0
		}
		s.contents(t, named, at, nest)
		s.member = m
		if s.probe != s.depth+1 {
			return
		}
		if s.probe = 0; s.shown <= s.depth {
			return
		}
	}
	s.contents(t, named, at, nest)
}

// contents shows an array or a struct with what is in it.
func (s *shower) contents(t, named btf.Type, at uint64, nest int) {
	if a, ok := t.(*btf.Array); ok {
		s.elements(a, named, at, nest)
		return
	}
	if !s.open(t, named, at) {
		return
	}
	switch t := t.(type) {
	case *btf.Struct:
		s.members(t.Members, at, nest)
	case *btf.Union:
		s.members(t.Members, at, nest)
	}
	s.close("}")
}

// open is btf_show_start_aggr_type.
func (s *shower) open(t, named btf.Type, at uint64) bool {
	if s.start(t, named, at) == nil {
		return false
	}
	s.emit(s.indent(), s.name(), s.newline())
	s.depth++
	return true
}

// close is btf_show_end_aggr_type.
func (s *shower) close(bracket string) {
	s.depth--
	s.emit(s.indent(), []byte(bracket), s.delim(), s.newline())
	s.end()
}

func (s *shower) elements(t *btf.Array, named btf.Type, at uint64, nest int) {
	elem := skipModifiers(t.Type)
	var size uint64 // of pointers and arrays it is 0 in Linux: all that is shown is the first
	switch e := elem.(type) {
	case *btf.Int:
		size = uint64(e.Size)
	case *btf.Struct:
		size = uint64(e.Size)
	case *btf.Union:
		size = uint64(e.Size)
	case *btf.Enum:
		size = uint64(e.Size)
	}
	n, ok := elem.(*btf.Int)
	s.chars, s.ended = ok && n.Size == 1, false
	if !s.open(t, named, at) {
		return
	}
	for i := uint32(0); i < t.Nelems && !s.ended && s.steps <= maxShowSteps; i++ {
		s.element, s.member = true, nil
		s.show(elem, t.Type, at+uint64(i)*size, nest+1)
		s.element, s.member = false, nil
	}
	s.chars, s.ended = false, false
	s.close("]")
}

// members shows those of a struct or union, bit fields in place.
func (s *shower) members(ms []btf.Member, at uint64, nest int) {
	for i := range ms {
		m := &ms[i]
		s.member = m
		at := at + uint64(m.Offset.Bytes())
		if m.BitfieldSize == 0 {
			s.show(m.Type, m.Type, at, nest+1)
		} else if b := s.start(m.Type, m.Type, at); b != nil {
			s.bits(b, uint32(m.Offset%8), min(uint32(m.BitfieldSize), 128))
			s.end()
		}
		s.member = nil
		if s.steps > maxShowSteps {
			return
		}
	}
}
