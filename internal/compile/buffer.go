package compile

import (
	"encoding/binary"
	"slices"
)

// Buffer collects the code of an image as a target emits it: fixed bytes, with
// jumps between them whose size is not known yet.
type Buffer struct {
	raw    []byte
	jumps  []jump
	labels []position
	lines  []line
	sites  []site
	marks  []mark
}

// position is a place in the code: raw bytes and jumps before it.
type position struct{ raw, jumps int32 }

// jump is a jump to a label. Its kind and word belong to the target.
type jump struct {
	at    int32 // raw bytes before it
	label Label
	word  uint32
	kind  uint8
	form  uint8 // index into the target's forms of that kind
	size  uint8 // of that form
}

type line struct {
	position
	fn, insn int32
}

type site struct {
	position
	Site
}

type mark struct {
	position
	Mark
}

// Label is a place that jumps go to.
type Label int32

// reset empties the buffer, keeps its memory, and makes room for the code of
// about n BPF instructions.
func (b *Buffer) reset(n int) {
	b.raw = slices.Grow(b.raw[:0], 5*n)
	b.lines = slices.Grow(b.lines[:0], n+n/8)
	b.jumps = slices.Grow(b.jumps[:0], n/2)
	b.labels = slices.Grow(b.labels[:0], n/2)
	b.sites = slices.Grow(b.sites[:0], n/4)
	b.marks = b.marks[:0]
}

// Emit16 appends a 16-bit instruction.
func (b *Buffer) Emit16(w uint16) { b.raw = binary.LittleEndian.AppendUint16(b.raw, w) }

// Emit32 appends a 32-bit instruction.
func (b *Buffer) Emit32(w uint32) { b.raw = binary.LittleEndian.AppendUint32(b.raw, w) }

// NewLabel returns a label that is not bound yet.
func (b *Buffer) NewLabel() Label {
	b.labels = append(b.labels, position{-1, 0})
	return Label(len(b.labels) - 1)
}

// NewLabels returns the first of n labels in a row.
func (b *Buffer) NewLabels(n int) Label {
	l := Label(len(b.labels))
	for range n {
		b.labels = append(b.labels, position{-1, 0})
	}
	return l
}

// Bind puts a label here.
func (b *Buffer) Bind(l Label) { b.labels[l] = b.here() }

// Jump appends a jump to a label. The target's Forms(kind) says which sizes
// there are; its EncodeJump writes it, given word.
func (b *Buffer) Jump(kind uint8, word uint32, to Label) {
	b.jumps = append(b.jumps, jump{at: int32(len(b.raw)), label: to, word: word, kind: kind})
}

// Line says that what follows is code of a BPF instruction.
func (b *Buffer) Line(fn, insn int32) {
	if n := len(b.lines); n > 0 && b.lines[n-1].fn == fn && b.lines[n-1].insn == insn {
		return
	}
	b.lines = append(b.lines, line{b.here(), fn, insn})
}

// Site records what leaves the code here.
func (b *Buffer) Site(s Site) { b.sites = append(b.sites, site{b.here(), s}) }

// Mark records a step of the flow here, for traces.
func (b *Buffer) Mark(m Mark) { b.marks = append(b.marks, mark{b.here(), m}) }

func (b *Buffer) here() position { return position{int32(len(b.raw)), int32(len(b.jumps))} }
