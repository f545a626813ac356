// Package btfjson writes bytes of guest memory as JSON, as their BTF type says.
//
// Integers are numbers, with all their digits; enums are names where the value
// has one; arrays of char are strings up to their trailing NULs, one character
// for each byte; pointers, and integers of more than 64 bits, are strings of hex
// digits. Structs, unions and data sections are objects in the order of
// declaration; members of anonymous structs and unions belong to the object
// around them.
package btfjson

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math"
	"strconv"

	"github.com/cilium/ebpf/btf"
)

// Append appends raw, which holds a value of type t, to dst. A nil type gives
// the bytes as hex. What raw is too short for becomes null.
func Append(dst []byte, t btf.Type, raw []byte) []byte {
	if t == nil {
		return appendHex(dst, raw)
	}
	switch v := btf.UnderlyingType(t).(type) {
	case *btf.Int:
		return appendInt(dst, v, raw)
	case *btf.Enum:
		return appendEnum(dst, v, raw, v.Size)
	case *btf.Pointer:
		return appendPointer(dst, raw)
	case *btf.Float:
		return appendFloat(dst, v, raw)
	case *btf.Array:
		return appendArray(dst, v, raw)
	case *btf.Struct:
		return appendObject(dst, v.Members, raw)
	case *btf.Union:
		return appendObject(dst, v.Members, raw)
	case *btf.Var:
		return Append(dst, v.Type, raw)
	case *btf.Datasec:
		return appendSection(dst, v, raw)
	}
	return appendHex(dst, raw)
}

// cut returns size bytes of raw from off; ok is false when it does not have them.
func cut(raw []byte, off, size uint64) (b []byte, ok bool) {
	if off > uint64(len(raw)) || size > uint64(len(raw))-off {
		return nil, false
	}
	return raw[off : off+size], true
}

// number reads up to 8 bytes, little-endian.
func number(raw []byte) uint64 {
	var w [8]byte
	copy(w[:], raw)
	return binary.LittleEndian.Uint64(w[:])
}

// extend sign-extends a number of so many bits.
func extend(v uint64, bits uint32) int64 { return int64(v<<(64-bits)) >> (64 - bits) }

func appendNull(dst []byte) []byte { return append(dst, "null"...) }

func appendHex(dst, raw []byte) []byte {
	dst = append(dst, '"')
	dst = hex.AppendEncode(dst, raw)
	return append(dst, '"')
}

func appendInt(dst []byte, t *btf.Int, raw []byte) []byte {
	b, ok := cut(raw, 0, uint64(t.Size))
	switch {
	case !ok || t.Size == 0:
		return appendNull(dst)
	case t.Size > 8:
		dst = append(dst, `"0x`...)
		for i := len(b) - 1; i >= 0; i-- {
			dst = hex.AppendEncode(dst, b[i:i+1])
		}
		return append(dst, '"')
	}
	return appendBits(dst, t, number(b), t.Size*8)
}

// appendBits appends an integer whose bits are v.
func appendBits(dst []byte, t *btf.Int, v uint64, bits uint32) []byte {
	switch {
	case t.Encoding == btf.Bool && v <= 1:
		return strconv.AppendBool(dst, v == 1)
	case t.Encoding == btf.Signed:
		return strconv.AppendInt(dst, extend(v, bits), 10)
	}
	return strconv.AppendUint(dst, v, 10)
}

func appendEnum(dst []byte, t *btf.Enum, raw []byte, size uint32) []byte {
	b, ok := cut(raw, 0, uint64(size))
	if !ok || size == 0 || size > 8 {
		return appendNull(dst)
	}
	return appendEnumBits(dst, t, number(b), size*8)
}

func appendEnumBits(dst []byte, t *btf.Enum, v uint64, bits uint32) []byte {
	if t.Signed {
		v = uint64(extend(v, bits))
	}
	mask := uint64(math.MaxUint64) >> (64 - bits)
	for _, e := range t.Values {
		if e.Value&mask == v&mask {
			return AppendString(dst, e.Name)
		}
	}
	if t.Signed {
		return strconv.AppendInt(dst, int64(v), 10)
	}
	return strconv.AppendUint(dst, v, 10)
}

func appendPointer(dst, raw []byte) []byte {
	b, ok := cut(raw, 0, 8)
	if !ok {
		return appendNull(dst)
	}
	dst = append(dst, `"0x`...)
	dst = strconv.AppendUint(dst, number(b), 16)
	return append(dst, '"')
}

func appendFloat(dst []byte, t *btf.Float, raw []byte) []byte {
	b, ok := cut(raw, 0, uint64(t.Size))
	if !ok {
		return appendNull(dst)
	}
	var f float64
	switch t.Size {
	case 4:
		f = float64(math.Float32frombits(uint32(number(b))))
	case 8:
		f = math.Float64frombits(number(b))
	default:
		return appendHex(dst, b)
	}
	if math.IsNaN(f) || math.IsInf(f, 0) { // JSON has no numbers for these
		return AppendString(dst, strconv.FormatFloat(f, 'g', -1, 64))
	}
	return strconv.AppendFloat(dst, f, 'g', -1, int(t.Size)*8)
}

func appendArray(dst []byte, t *btf.Array, raw []byte) []byte {
	size, err := btf.Sizeof(t.Type)
	if err != nil {
		return appendHex(dst, raw)
	}
	if i, ok := btf.UnderlyingType(t.Type).(*btf.Int); ok && i.Size == 1 && (i.Name == "char" || i.Encoding == btf.Char) {
		if b, ok := cut(raw, 0, uint64(t.Nelems)); ok {
			return appendChars(dst, b)
		}
		return appendNull(dst)
	}
	dst = append(dst, '[')
	for i := uint64(0); i < uint64(t.Nelems) && size > 0; i++ {
		b, ok := cut(raw, i*uint64(size), uint64(size))
		if !ok {
			break
		}
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = Append(dst, t.Type, b)
	}
	return append(dst, ']')
}

// appendChars appends a character for each byte, without the NULs at the end.
func appendChars(dst, b []byte) []byte {
	for len(b) > 0 && b[len(b)-1] == 0 {
		b = b[:len(b)-1]
	}
	runes := make([]rune, len(b))
	for i, c := range b {
		runes[i] = rune(c)
	}
	return AppendString(dst, string(runes))
}

// AppendString appends s as a JSON string.
func AppendString(dst []byte, s string) []byte {
	b, err := json.Marshal(s)
	if err != nil {
		return appendNull(dst) // strings always marshal
	}
	return append(dst, b...)
}

func appendObject(dst []byte, members []btf.Member, raw []byte) []byte {
	dst = append(dst, '{')
	dst, _ = appendMembers(dst, members, raw, true)
	return append(dst, '}')
}

// appendMembers appends members without braces; first says that none came before.
func appendMembers(dst []byte, members []btf.Member, raw []byte, first bool) ([]byte, bool) {
	for _, m := range members {
		rest, ok := cut(raw, uint64(m.Offset/8), 0)
		if ok {
			rest = raw[m.Offset/8:]
		}
		if m.Name == "" {
			switch t := btf.UnderlyingType(m.Type).(type) {
			case *btf.Struct:
				dst, first = appendMembers(dst, t.Members, rest, first)
			case *btf.Union:
				dst, first = appendMembers(dst, t.Members, rest, first)
			}
			continue // unnamed bitfields are padding
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(AppendString(dst, m.Name), ':')
		if m.BitfieldSize != 0 {
			dst = appendBitfield(dst, &m, raw)
		} else {
			dst = appendSized(dst, m.Type, rest)
		}
	}
	return dst, first
}

// appendSized appends the value at the front of raw.
func appendSized(dst []byte, t btf.Type, raw []byte) []byte {
	size, err := btf.Sizeof(t)
	if err != nil {
		return appendNull(dst)
	}
	b, ok := cut(raw, 0, uint64(size))
	if !ok {
		return appendNull(dst)
	}
	return Append(dst, t, b)
}

// appendBitfield appends a member of fewer bits than its type has. A bitfield
// of 64 bits that does not begin at a byte spans nine.
func appendBitfield(dst []byte, m *btf.Member, raw []byte) []byte {
	bits, shift := uint64(m.BitfieldSize), uint64(m.Offset%8)
	b, ok := cut(raw, uint64(m.Offset/8), (shift+bits+7)/8)
	if !ok || bits > 64 {
		return appendNull(dst)
	}
	v := number(b) >> shift
	if len(b) > 8 {
		v |= uint64(b[8]) << (64 - shift)
	}
	v &= math.MaxUint64 >> (64 - bits)
	switch t := btf.UnderlyingType(m.Type).(type) {
	case *btf.Int:
		return appendBits(dst, t, v, uint32(bits))
	case *btf.Enum:
		return appendEnumBits(dst, t, v, uint32(bits))
	}
	return strconv.AppendUint(dst, v, 10)
}

func appendSection(dst []byte, t *btf.Datasec, raw []byte) []byte {
	dst = append(dst, '{')
	first := true
	for _, v := range t.Vars {
		if v.Type.TypeName() == "" {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(AppendString(dst, v.Type.TypeName()), ':')
		b, ok := cut(raw, uint64(v.Offset), uint64(v.Size))
		if !ok {
			dst = appendNull(dst)
			continue
		}
		dst = Append(dst, v.Type, b)
	}
	return append(dst, '}')
}
