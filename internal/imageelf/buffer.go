package imageelf

import "encoding/binary"

// buffer is a section's content as it grows, little-endian.
type buffer []byte

func (b *buffer) u8(v ...byte)  { *b = append(*b, v...) }
func (b *buffer) u16(v uint16)  { *b = binary.LittleEndian.AppendUint16(*b, v) }
func (b *buffer) u32(v uint32)  { *b = binary.LittleEndian.AppendUint32(*b, v) }
func (b *buffer) u64(v uint64)  { *b = binary.LittleEndian.AppendUint64(*b, v) }
func (b *buffer) cstr(s string) { *b = append(append(*b, s...), 0) }

// uleb appends an unsigned LEB128 number (DWARF 5, 7.6).
func (b *buffer) uleb(v uint64) {
	for ; v >= 0x80; v >>= 7 {
		b.u8(byte(v) | 0x80)
	}
	b.u8(byte(v))
}

// sleb appends a signed one.
func (b *buffer) sleb(v int64) {
	for ; v < -0x40 || v >= 0x40; v >>= 7 {
		b.u8(byte(v)&0x7f | 0x80)
	}
	b.u8(byte(v) & 0x7f)
}

// length sets aside a 4-byte length that done fills in, of what is appended in between.
func (b *buffer) length() (done func()) {
	at := len(*b)
	b.u32(0)
	return func() { binary.LittleEndian.PutUint32((*b)[at:], uint32(len(*b)-at-4)) }
}

// table is a string table: each string once.
type table struct {
	buffer
	at map[string]uint32
}

// add returns the offset of a string.
func (t *table) add(s string) uint32 {
	if at, ok := t.at[s]; ok {
		return at
	}
	if t.at == nil {
		t.at = map[string]uint32{}
	}
	at := uint32(len(t.buffer))
	t.at[s] = at
	t.cstr(s)
	return at
}
