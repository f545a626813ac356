package progctx

import "fmt"

// Packet is a packet in guest memory: the middle of a buffer whose rest is
// headroom and tailroom. Helpers move its ends, see [Packet.Resize]; after that the
// context has old addresses until [Layout.Refresh].
type Packet struct {
	Bytes []byte // the packet as it is now; XDP metadata lies at its front
	Start uint64 // address of Bytes[0]
	Meta  uint64 // bytes of metadata before the packet proper

	SKB SKB // of programs that are given a struct __sk_buff

	front int     // bytes of a header before the packet that the program does not see
	buf   []byte  // the whole buffer, Bytes included, as far as its capacity goes
	at    uint64  // address of buf[0]
	in    *Buffer // that buf is of; nil: it is used once
	// more gives n zeroed bytes that last until the end of the run, and their address.
	more func(n int) ([]byte, uint64, error)
}

// Buffer is memory for the packets of one run after the other. It is zeroed once; after that no more is zeroed
// than packets have covered, so that a run on a packet as long as the one before zeroes nothing.
//
// That hides the packets of other runs as well as zeroing all would: a program gets at no more of the buffer
// than its packet covers, and whoever moves an end of the packet says so. It does not hide what a program
// writes beside its packet. Linux loads no such program, and here it could write what it likes to any other
// guest memory that programs of its collection share.
type Buffer struct {
	mem       []byte
	at        uint64 // address of mem[0]
	low, high int    // between them lay packets
}

// NewBuffer makes a buffer of mem, which is zeroed, at a guest address.
func NewBuffer(mem []byte, at uint64) Buffer { return Buffer{mem: mem, at: at} }

// Fits reports whether a packet of n bytes, metadata left out, has head- and tailroom in the buffer.
func (b *Buffer) Fits(n int) bool { return Headroom+n+Tailroom <= len(b.mem) }

// Place does what NewPacket does, in a buffer that the packet fits.
func (b *Buffer) Place(p *Packet, data []byte, meta int, more func(n int) ([]byte, uint64, error)) {
	start := Headroom - meta
	end := start + len(data)
	if b.low < start {
		clear(b.mem[b.low:start])
	}
	if b.high > end {
		clear(b.mem[end:b.high])
	}
	b.low, b.high = start, end
	if dst := b.mem[start:end]; len(data) < layFrom {
		copy(dst, data)
	} else {
		lay(dst, data)
	}
	p.Bytes, p.Start, p.Meta = b.mem[start:end:end], b.at+uint64(start), uint64(meta)
	p.SKB, p.front = SKB{}, 0
	if p.in != b {
		p.in, p.buf, p.at, p.more = b, b.mem, b.at, more
	}
}

// layFrom is how many bytes lay is worth its call for.
const layFrom = 128

// covers notes that a packet in the buffer goes from start to end.
func (b *Buffer) covers(start, end int) {
	if b != nil {
		b.low, b.high = min(b.low, start), max(b.high, end)
	}
}

// NewPacket lays data, whose first meta bytes are metadata, into a buffer: the packet proper begins
// [Headroom] bytes behind its start. more gives larger buffers when this one is full.
func NewPacket(buf []byte, at uint64, data []byte, meta int, more func(n int) ([]byte, uint64, error)) Packet {
	start := Headroom - meta
	end := start + len(data)
	lay(buf[start:end], data)
	return Packet{Bytes: buf[start:end:end], Start: at + uint64(start), Meta: uint64(meta), buf: buf, at: at, more: more}
}

// Data returns the address of the packet proper.
func (p *Packet) Data() uint64 { return p.Start + p.Meta }

// End returns the address after the packet.
func (p *Packet) End() uint64 { return p.Start + uint64(len(p.Bytes)) }

// Len returns the length of the packet proper.
func (p *Packet) Len() int { return len(p.Bytes) - int(p.Meta) }

// Payload returns the packet proper.
func (p *Packet) Payload() []byte { return p.Bytes[p.Meta:] }

// Before returns how many bytes of the buffer lie before the packet and its metadata.
func (p *Packet) Before() int { return int(p.Start - p.at) }

// Behind returns how many bytes of the buffer lie behind the packet.
func (p *Packet) Behind() int { return cap(p.buf) - p.Before() - len(p.Bytes) }

// Resize moves the packet's front up (head > 0) or down, and its end down or up (tail > 0), within the
// buffer or into a larger one. Metadata stays in front of the packet. What is added is zeroed. An
// error says that guest memory is spent; a cut beyond the packet is the caller's mistake.
func (p *Packet) Resize(head, tail int) error {
	switch {
	case p.Len()+head+tail < 0 || p.Len()+min(head, 0) < 0:
		return fmt.Errorf("packet of %d bytes: cannot be cut by %d", p.Len(), -head-tail)
	case head > p.Before() || tail > p.Behind():
		if err := p.enlarge(max(head, 0), max(tail, 0)); err != nil {
			return err
		}
	}
	start, n := p.Before()-head, len(p.Bytes)+head+tail
	p.buf = p.buf[:max(len(p.buf), start+n)]
	p.in.covers(start, start+n)
	meta := int(p.Meta)
	if head != 0 && meta != 0 {
		copy(p.buf[start:start+meta], p.Bytes[:meta])
	}
	if head > 0 {
		clear(p.buf[start+meta : start+meta+head])
	}
	if tail > 0 {
		clear(p.buf[start+n-tail : start+n])
	}
	p.Bytes, p.Start = p.buf[start:start+n:start+n], p.at+uint64(start)
	return nil
}

// MoveFront cuts by bytes off the packet's front, or uncovers -by bytes of the headroom as they are. Metadata
// stays in front of the packet. The caller has seen that there is room.
func (p *Packet) MoveFront(by int) {
	start, n := p.Before()+by, len(p.Bytes)-by
	p.in.covers(start, start+n)
	copy(p.buf[start:start+int(p.Meta)], p.Bytes[:p.Meta])
	p.Bytes, p.Start = p.buf[start:start+n:start+n], p.at+uint64(start)
}

// SetMeta makes the n bytes before the packet its metadata, as they are. The caller has seen that there is room.
func (p *Packet) SetMeta(n int) {
	start := p.Before() + int(p.Meta) - n
	end := p.Before() + len(p.Bytes)
	p.in.covers(start, end)
	p.Bytes, p.Start, p.Meta = p.buf[start:end:end], p.at+uint64(start), uint64(n)
}

// Insert makes room for n zeros behind the first off bytes of the packet, which move down.
func (p *Packet) Insert(off, n int) error {
	if err := p.Resize(n, 0); err != nil {
		return err
	}
	b := p.Payload()
	copy(b[:off], b[n:n+off])
	clear(b[off : off+n])
	return nil
}

// Remove takes out n bytes behind the first off bytes of the packet, which move up. The caller has seen that
// they are there.
func (p *Packet) Remove(off, n int) {
	b := p.Payload()
	copy(b[n:n+off], b[:off])
	p.MoveFront(n)
}

// At returns the n bytes at an address, if they lie in the buffer before the packet's end.
func (p *Packet) At(addr uint64, n int) ([]byte, bool) {
	off := addr - p.at
	end := uint64(p.Before() + len(p.Bytes))
	if off > end || uint64(n) > end-off {
		return nil, false
	}
	return p.buf[off : off+uint64(n)], true
}

// enlarge puts the packet into a buffer with at least so much room on both sides.
func (p *Packet) enlarge(head, tail int) error {
	before, behind := max(head, Headroom), max(tail, Tailroom)
	if p.more == nil {
		return fmt.Errorf("packet of %d bytes has no room for %d more", len(p.Bytes), head+tail)
	}
	buf, at, err := p.more(before + len(p.Bytes) + behind)
	if err != nil {
		return err
	}
	end := before + copy(buf[before:], p.Bytes)
	p.SKB.move(at + uint64(before) - p.Start)
	p.Bytes, p.Start, p.buf, p.at, p.in = buf[before:end:end], at+uint64(before), buf, at, nil
	return nil
}

// move follows the packet into another buffer.
func (s *SKB) move(by uint64) {
	s.Mac, s.Network = s.Mac+by, s.Network+by
	if s.Transport != 0 {
		s.Transport += by
	}
}

// hideFront lets the packet begin behind a header of n bytes.
func (p *Packet) hideFront(n int) { p.Bytes, p.Start, p.front = p.Bytes[n:], p.Start+uint64(n), n }

// withFront returns the packet as BPF_PROG_TEST_RUN gives it back: behind as many zeros as were hidden.
func (p *Packet) withFront() ([]byte, error) {
	if p.Before() < p.front {
		if err := p.enlarge(p.front, 0); err != nil {
			return nil, err
		}
	}
	start := p.Before() - p.front
	clear(p.buf[start : start+p.front])
	return p.buf[start : p.Before()+len(p.Bytes)], nil
}

// Refresh writes the packet's addresses and length into the context, after they changed.
func (l *Layout) Refresh(ctx []byte, p *Packet) {
	if l.Addresses != nil {
		l.Addresses(ctx, p)
	}
}
