package hart

import "encoding/binary"

// Code is text prepared for execution. It does not change, and any number of
// harts may run it at the same time.
//
// The text is decoded once, from its first byte on, one op an instruction. A
// jump to an address that this sweep did not take for the start of an
// instruction (data between functions, or a jump into the middle of an
// instruction) is still right: there the hart decodes one instruction at a time
// until it is back in step.
type Code struct {
	base uint64
	text []byte
	ext  Ext
	// ops holds the instructions in the order of their addresses, then an
	// opGoto to the end of the text, then one opGoto for each jump that leaves
	// what the sweep decoded.
	ops    []op
	starts []uint32 // of each instruction in ops, as distance from base
	index  []int32  // of each parcel: its instruction's place in ops, or -1
	// longest is how many instructions can run from any place without a jump.
	longest uint64
	breaks  map[uint64]bool
}

// NewCode prepares text, whose first byte is at address base, for a hart that
// has every extension. Any bytes will do: what is no instruction traps when it
// is reached.
func NewCode(base uint64, text []byte) *Code { return NewCodeExt(base, text, ExtAll) }

// NewCodeExt prepares text for a hart that has only the extensions ext; the
// instructions of others are illegal.
func NewCodeExt(base uint64, text []byte, ext Ext) *Code {
	c := &Code{base: base, text: text, ext: ext}
	c.prepare(true)
	return c
}

// WithBreaks returns a copy of c in which Run stops, with a trap of kind
// [Break], before it executes an instruction at any address in pcs. Running c
// itself costs nothing.
func (c *Code) WithBreaks(pcs []uint64) *Code {
	b := &Code{base: c.base, text: c.text, ext: c.ext, breaks: map[uint64]bool{}}
	for _, pc := range pcs {
		b.breaks[pc] = true
	}
	b.prepare(false)
	return b
}

// Base returns the address of the first byte.
func (c *Code) Base() uint64 { return c.base }

// Size returns the number of bytes.
func (c *Code) Size() int { return len(c.text) }

// fetch decodes the instruction at pc. Where there is none it is an opFetch
// whose imm is the address that could not be fetched.
func (c *Code) fetch(pc uint64) insn {
	off := pc - c.base
	n := uint64(len(c.text))
	align := uint64(1)
	if c.ext&ExtC == 0 {
		align = 3 // IALIGN is 32 without C
	}
	if off >= n || pc&align != 0 || n-off < 2 {
		return insn{code: opFetch, size: 2, imm: int64(pc)}
	}
	p := binary.LittleEndian.Uint16(c.text[off:])
	switch {
	case p&3 != 3 && c.ext&ExtC != 0:
		return decode16(p)
	case p&3 != 3:
		return insn{code: opIllegal, size: 4}
	case n-off < 4:
		return insn{code: opFetch, size: 2, imm: int64(pc + 2)}
	}
	return decode32(binary.LittleEndian.Uint32(c.text[off:]), c.ext)
}

// at returns the place in ops of the instruction at pc.
func (c *Code) at(pc uint64) (i int, ok bool) {
	off := pc - c.base
	if off>>1 >= uint64(len(c.index)) || off&1 != 0 || c.index[off>>1] < 0 {
		return 0, false
	}
	return int(c.index[off>>1]), true
}
