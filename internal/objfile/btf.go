package objfile

import "bytes"

// types is a .BTF section (Documentation/bpf/btf.rst) that can be changed in
// place: its types keep their numbers, and strings are added at the end.
type types struct {
	b       []byte // the section, in the file
	hdr     uint32 // length of its header
	strOff  uint32 // of the strings, in the section
	strLen  uint32
	at      []uint32 // offset of each type, by its number; that of type 0 is 0
	strings []byte   // added
	grown   bool
}

// Kinds of types.
const (
	kindInt = iota + 1
	kindPtr
	kindArray
	kindStruct
	kindUnion
	kindEnum
	kindFwd
	kindTypedef
	kindVolatile
	kindConst
	kindRestrict
	kindFunc
	kindFuncProto
	kindVar
	kindDatasec
	kindFloat
	kindDeclTag
	kindTypeTag
	kindEnum64
)

// trailer is how many bytes follow a type's 12: so many, and so many for each of its vlen.
var trailer = [...]struct{ fixed, each uint32 }{
	kindInt: {4, 0}, kindPtr: {}, kindArray: {12, 0}, kindStruct: {0, 12}, kindUnion: {0, 12}, kindEnum: {0, 8}, kindFwd: {},
	kindTypedef: {}, kindVolatile: {}, kindConst: {}, kindRestrict: {}, kindFunc: {}, kindFuncProto: {0, 8}, kindVar: {4, 0},
	kindDatasec: {0, 12}, kindFloat: {}, kindDeclTag: {4, 0}, kindTypeTag: {}, kindEnum64: {0, 12},
}

// parseBTF finds the types of a section. It returns nil when something is
// wrong with it, which the library then says better.
func parseBTF(b []byte) *types {
	if len(b) < 24 || le.Uint16(b) != 0xeb9f {
		return nil
	}
	t := &types{b: b, hdr: le.Uint32(b[4:]), at: []uint32{0}}
	typeOff, typeLen := le.Uint32(b[8:]), le.Uint32(b[12:])
	t.strOff, t.strLen = le.Uint32(b[16:]), le.Uint32(b[20:])
	n := uint64(len(b))
	start, end := uint64(t.hdr)+uint64(typeOff), uint64(t.hdr)+uint64(typeOff)+uint64(typeLen)
	if end > n || uint64(t.hdr)+uint64(t.strOff)+uint64(t.strLen) > n {
		return nil
	}
	for at := start; at < end; {
		if at+12 > end {
			return nil
		}
		t.at = append(t.at, uint32(at))
		kind, vlen := t.info(uint32(len(t.at) - 1))
		if int(kind) >= len(trailer) || kind == 0 {
			return nil
		}
		at += 12 + uint64(trailer[kind].fixed) + uint64(trailer[kind].each)*uint64(vlen)
		if at > end {
			return nil
		}
	}
	return t
}

func (t *types) info(id uint32) (kind, vlen uint32) {
	v := le.Uint32(t.b[t.at[id]+4:])
	return v >> 24 & 31, v & 0xffff
}

// kind returns a type's kind, 0 for void and numbers that are none.
func (t *types) kind(id uint32) uint32 {
	if id == 0 || int(id) >= len(t.at) {
		return 0
	}
	k, _ := t.info(id)
	return k
}

// target returns the type that a pointer, typedef or qualifier refers to.
func (t *types) target(id uint32) uint32 { return le.Uint32(t.b[t.at[id]+8:]) }

func (t *types) setTarget(id, to uint32) { le.PutUint32(t.b[t.at[id]+8:], to) }

// member is an entry behind a struct or data section: the second word is a type.
func (t *types) member(id, i uint32) []byte { return t.b[t.at[id]+12+12*i:][:12] }

func (t *types) name(id uint32) string { return t.str(le.Uint32(t.b[t.at[id]:])) }

func (t *types) str(off uint32) string {
	if off >= t.strLen {
		return ""
	}
	s := t.b[t.hdr+t.strOff+off:][:t.strLen-off]
	if i := bytes.IndexByte(s, 0); i >= 0 {
		s = s[:i]
	}
	return string(s)
}

// datasec returns the data section of that name, 0 when there is none.
func (t *types) datasec(name string) uint32 {
	if t == nil {
		return 0
	}
	for id := range t.at {
		if t.kind(uint32(id)) == kindDatasec && t.name(uint32(id)) == name {
			return uint32(id)
		}
	}
	return 0
}

// vars calls f for the types that a data section holds.
func (t *types) vars(datasec uint32, f func(id uint32)) {
	if datasec == 0 {
		return
	}
	_, n := t.info(datasec)
	for i := range n {
		f(le.Uint32(t.member(datasec, i)))
	}
}

func (t *types) renameDatasec(was, name string) {
	if id := t.datasec(was); id != 0 {
		le.PutUint32(t.b[t.at[id]:], t.strLen+uint32(len(t.strings)))
		t.strings = append(append(t.strings, name...), 0)
		t.grown = true
	}
}

// bytes returns the section with the strings that were added. Strings that are
// not its end are moved there.
func (t *types) bytes() []byte {
	b := bytes.Clone(t.b)
	old := b[t.hdr+t.strOff:][:t.strLen]
	if int(t.hdr+t.strOff+t.strLen) != len(b) {
		le.PutUint32(b[16:], uint32(len(b))-t.hdr)
		b = append(b, old...)
	}
	le.PutUint32(b[20:], t.strLen+uint32(len(t.strings)))
	return append(b, t.strings...)
}

// plain follows typedefs and qualifiers.
func (t *types) plain(id uint32) uint32 {
	for range 64 { // a file may have a circle
		switch t.kind(id) {
		case kindTypedef, kindVolatile, kindConst, kindRestrict, kindTypeTag:
			id = t.target(id)
		default:
			return id
		}
	}
	return id
}
