package helpers

import (
	"encoding/binary"
	"strconv"

	"github.com/cilium/ebpf/btf"

	"github.com/rivetbpf/rivet/internal/maps"
)

// Memory as text, by its type: enum bpf_func_id 149 and 150 (kernel/bpf/btf.c). A type's number is that
// of World.Types, as CO-RE relocations put it into the program.
var showHelpers = []*Helper{
	{ID: 149, Name: "snprintf_btf", Fn: snprintfBTF, Args: []Arg{{Name: "str", Kind: MemW}, {Name: "str_size", Kind: Size},
		{Name: "ptr", Kind: Mem}, {Name: "btf_ptr_size", Kind: Size}, {Name: "flags", Kind: Scalar}}},
	{ID: 150, Name: "seq_printf_btf", Fn: seqPrintfBTF, Args: []Arg{{Name: "m", Kind: Scalar},
		{Name: "ptr", Kind: Mem}, {Name: "ptr_size", Kind: Size}, {Name: "flags", Kind: Scalar}}},
}

// Flags (BTF_F_*). BTF_F_PTR_RAW asks for values of pointers, which are shown anyway.
const (
	showCompact = 1 << iota
	showNoName
	showRaw
	showZero
)

func snprintfBTF(c *Call) (uint64, error) {
	dst := c.Mem[0]
	s := shower{c: c, flags: c.Args[4], out: message{b: dst[:0], max: len(dst) - 1}}
	err := s.print(c.Mem[2])
	if s.out.n > 0 { // also before an error
		dst[len(s.out.b)] = 0
	}
	if err != 0 {
		return maps.Guest(err), nil
	}
	return uint64(s.out.n), nil
}

func seqPrintfBTF(c *Call) (uint64, error) {
	e := &c.Run.Effects
	had := len(e.Seq)
	s := shower{c: c, flags: c.Args[3], out: message{b: e.Seq, max: maxSeq}}
	err := s.print(c.Mem[1])
	if e.Seq = s.out.b; err == 0 && had+s.out.n > maxSeq {
		err = maps.EOVERFLOW
	}
	return maps.Guest(err), nil
}

// shower is struct btf_show: what is shown of an object and how far that has come.
type shower struct {
	c     *Call
	flags uint64
	out   message
	err   maps.Errno
	steps int

	typ    btf.Type    // what is shown, typedefs and qualifiers off
	named  btf.Type    // the same with them
	member *btf.Member // that it is of a struct
	depth  int
	// An element of an array has no name of its own. Arrays of bytes are shown as characters up to a NUL.
	element, chars, ended bool
	// Structs and arrays are gone through twice, so that such of zeros are left out: probe, if not 0, is the depth
	// below which nothing is printed yet, and shown how deep there was a value.
	probe, shown int

	// An object is copied in pieces, as much as Linux copies at a time.
	head, size uint64
	copied     uint64
	have       bool
	safe       [safeSize]byte
}

const (
	safeSize     = 32 // BTF_SHOW_OBJ_SAFE_SIZE
	baseTypeSize = 16 // BTF_SHOW_OBJ_BASE_TYPE_SIZE
	maxNameSize  = 80 // BTF_SHOW_NAME_SIZE
	maxNameIter  = 10 // BTF_SHOW_MAX_ITER

	// Types may come from files that nobody vouches for.
	maxShowSteps = 1 << 20
	maxShowDepth = 64
)

// print shows the object that a struct btf_ptr names, whose checks are those of bpf_btf_printf_prepare.
func (s *shower) print(ptr []byte) (errno maps.Errno) {
	if s.flags&^(showCompact|showNoName|showRaw|showZero) != 0 || len(ptr) != 16 {
		return maps.EINVAL
	}
	types, id := s.c.Run.World.Types, btf.TypeID(binary.LittleEndian.Uint32(ptr[8:]))
	if types == nil || id == 0 {
		return maps.EINVAL
	}
	defer func() {
		if recover() != nil { // package btf on types that are no types
			errno = maps.EINVAL
		}
	}()
	t, err := types.TypeByID(id)
	if err != nil {
		return maps.ENOENT
	}
	s.show(t, t, binary.LittleEndian.Uint64(ptr), 0)
	if s.steps > maxShowSteps {
		return maps.E2BIG
	}
	return s.err
}

// show shows the object at an address.
func (s *shower) show(t, named btf.Type, at uint64, nest int) {
	if s.steps++; s.steps > maxShowSteps || nest > maxShowDepth {
		s.steps = maxShowSteps + 1
		return
	}
	switch t := skipModifiers(t).(type) {
	case *btf.Int:
		s.integer(t, named, at)
	case *btf.Pointer:
		if b := s.start(t, named, at); b != nil {
			p := s.word(b)
			hex := strconv.AppendUint(make([]byte, 0, 16), p, 16)
			text := append(make([]byte, 0, 18), "0x0000000000000000"[:18-len(hex)]...)
			s.value(p != 0, append(text, hex...))
			s.end()
		}
	case *btf.Array, *btf.Struct, *btf.Union:
		s.aggregate(t, named, at, nest)
	case *btf.Enum:
		s.enum(t, named, at)
	default:
		text := append(make([]byte, 0, 32), "<unsupported kind:"...)
		s.emit(append(strconv.AppendInt(text, kindOf(t), 10), '>'))
	}
}

// kindOf is the number of the kind of a type that has a name (BTF_KIND_*).
func kindOf(t btf.Type) int64 {
	switch t := t.(type) {
	case *btf.Int:
		return 1
	case *btf.Struct:
		return 4
	case *btf.Union:
		return 5
	case *btf.Enum:
		if t.Size == 8 {
			return 19
		}
		return 6
	case *btf.Typedef:
		return 8
	case *btf.Fwd:
		return 7
	case *btf.Func:
		return 12
	case *btf.FuncProto:
		return 13
	case *btf.Var:
		return 14
	case *btf.Datasec:
		return 15
	case *btf.Float:
		return 16
	case *btf.TypeTag:
		return 18
	}
	return 0
}

// skipQualifiers is btf_type_skip_qualifiers: typedefs stay.
func skipQualifiers(t btf.Type) btf.Type {
	for range maxShowDepth {
		switch q := t.(type) {
		case *btf.Const:
			t = q.Type
		case *btf.Volatile:
			t = q.Type
		case *btf.Restrict:
			t = q.Type
		case *btf.TypeTag:
			t = q.Type
		default:
			return t
		}
	}
	return (*btf.Void)(nil)
}

// skipModifiers is btf_type_skip_modifiers.
func skipModifiers(t btf.Type) btf.Type {
	for range maxShowDepth {
		t = skipQualifiers(t)
		d, ok := t.(*btf.Typedef)
		if !ok {
			return t
		}
		t = d.Type
	}
	return (*btf.Void)(nil)
}

// start is btf_show_start_type: it returns the bytes at an address and what of the piece is behind them; nil
// where there are none.
func (s *shower) start(t, named btf.Type, at uint64) []byte {
	s.typ, s.named = t, named
	n, err := btf.Sizeof(t)
	if err != nil {
		s.err = maps.EINVAL
		return nil
	}
	size := uint64(n)
	if s.depth == 0 {
		s.head, s.size = at, size
	} else if off := at - s.copied; s.have && off < safeSize && off+min(size, baseTypeSize) < safeSize {
		return s.safe[off:]
	}
	left := s.head + s.size - at
	if left > s.size {
		s.err = maps.EFAULT // a member outside of its struct
		return nil
	}
	left = min(left, safeSize)
	b := s.c.step[:left]
	got, errno := readKernel(s.c, at, b)
	if uint64(got) < left {
		s.err = errno
		return nil
	}
	s.err, s.have, s.copied = 0, true, at
	copy(s.safe[:], b)
	return s.safe[:]
}

func (s *shower) end() { s.typ, s.named = nil, nil }

// word reads 8 bytes, zeros where the piece ends.
func (s *shower) word(b []byte) uint64 {
	var w [8]byte
	copy(w[:], b)
	return binary.LittleEndian.Uint64(w[:])
}

// emit is btf_show.
func (s *shower) emit(parts ...[]byte) {
	if s.probe != 0 {
		return
	}
	for _, p := range parts {
		s.out.write(p)
	}
}

// value is btf_show_type_value: zeros are not shown unless they are asked for, or are all that there is.
func (s *shower) value(nonzero bool, text []byte) {
	if nonzero || s.flags&showZero != 0 || s.depth == 0 {
		s.values(text)
	}
}

// values is btf_show_type_values.
func (s *shower) values(text []byte) {
	s.emit(s.indent(), s.name(), text, s.delim(), s.newline())
	s.shown = max(s.shown, s.depth)
}

var (
	indents    = []byte("                                ")
	newline    = []byte("\n")
	comma, bar = []byte(","), []byte("|")
)

func (s *shower) indent() []byte {
	if s.flags&showCompact != 0 {
		return nil
	}
	return indents[:min(s.depth, len(indents))]
}

func (s *shower) newline() []byte {
	if s.flags&showCompact != 0 {
		return nil
	}
	return newline
}

func (s *shower) delim() []byte {
	if s.depth == 0 {
		return nil
	}
	if _, ok := s.typ.(*btf.Union); ok && s.flags&showCompact != 0 {
		return bar
	}
	return comma
}

// name is btf_show_name: .member = (type) and the bracket that opens it. It is good until the next.
func (s *shower) name() []byte {
	if s.element {
		return nil
	}
	t, member := s.named, ""
	if s.member != nil {
		t, member = s.member.Type, s.member.Name
	}
	n, ok := nameOf(t)
	if !ok {
		return nil
	}
	m := message{b: s.c.text[:0], max: maxNameSize - 1}
	if s.flags&showNoName != 0 {
		m.text(n.opens)
		return m.b
	}
	if member != "" {
		m.text(".")
		m.text(member)
		m.text(" = ")
	}
	n.write(&m)
	return m.b
}

// text is write for a string.
func (m *message) text(s string) {
	if room := m.max - len(m.b); room > 0 {
		m.b = append(m.b, s[:min(len(s), room)]...)
	}
	m.n += len(s)
}
