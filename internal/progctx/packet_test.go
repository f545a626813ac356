package progctx

import (
	"bytes"
	"errors"
	"testing"
)

// room is a buffer in guest memory whose packet may get larger ones.
func room(t *testing.T, data string, meta int) *Packet {
	t.Helper()
	at := uint64(0x1000)
	more := func(n int) ([]byte, uint64, error) {
		if n > 1<<16 {
			return nil, 0, errors.New("spent")
		}
		at += 1 << 16
		return make([]byte, n), at, nil
	}
	p := NewPacket(make([]byte, Headroom+len(data)-meta+Tailroom), at, []byte(data), meta, more)
	return &p
}

func TestPacketResize(t *testing.T) {
	p := room(t, "metapacket", 4)
	if p.Data() != 0x1000+Headroom || p.Len() != 6 || string(p.Payload()) != "packet" || p.Before() != Headroom-4 || p.Behind() != Tailroom {
		t.Fatalf("%+v", p)
	}
	for _, step := range []struct {
		head, tail int
		want       string
	}{{-2, 0, "metacket"}, {2, 0, "meta\x00\x00cket"}, {0, -2, "meta\x00\x00ck"}, {0, 3, "meta\x00\x00ck\x00\x00\x00"}, {-7, 0, "meta"}, {1, 1, "meta\x00\x00"}} {
		if err := p.Resize(step.head, step.tail); err != nil || string(p.Bytes) != step.want {
			t.Errorf("%+v: %q, %v", step, p.Bytes, err)
		}
		if got := p.at + uint64(p.Before()); got != p.Start || !bytes.Equal(p.buf[p.Before():][:len(p.Bytes)], p.Bytes) {
			t.Errorf("%+v: %q at %#x", step, p.Bytes, p.Start)
		}
	}
}

func TestPacketEnlarges(t *testing.T) {
	p := room(t, "packet", 0)
	if err := p.Resize(3000, 0); err != nil || p.Len() != 3006 || string(p.Bytes[3000:]) != "packet" || p.Start < 1<<16 {
		t.Errorf("a longer head: %d bytes at %#x, %v", p.Len(), p.Start, err)
	}
	if err := p.Resize(-3000, 5000); err != nil || string(p.Bytes) != "packet"+string(make([]byte, 5000)) {
		t.Errorf("a longer tail: %d bytes, %v", p.Len(), err)
	}
	before := *p
	if err := p.Resize(1<<16, 0); err == nil || p.Start != before.Start || len(p.Bytes) != len(before.Bytes) {
		t.Errorf("without memory: %v", err)
	}
	for _, cut := range [][2]int{{-5007, 0}, {0, -5007}, {-3000, -3000}, {-5007, 10}} {
		if err := p.Resize(cut[0], cut[1]); err == nil || p.Start != before.Start {
			t.Errorf("cut by %v: %v", cut, err)
		}
	}
}

// Around a packet are zeros, whatever the packets before it were and wherever their ends went.
func TestBufferZeroesAroundPackets(t *testing.T) {
	const size = 4096
	more := func(n int) ([]byte, uint64, error) { return make([]byte, n), 1 << 20, nil }
	ones := bytes.Repeat([]byte{1}, size)
	moves := map[string]func(p *Packet){
		"stays":        func(*Packet) {},
		"grows":        func(p *Packet) { p.Resize(100, 200) },
		"head":         func(p *Packet) { p.MoveFront(-60); p.SetMeta(32) },
		"shrinks":      func(p *Packet) { p.Resize(-10, -10) },
		"inserts":      func(p *Packet) { p.Insert(4, 8) },
		"grows beyond": func(p *Packet) { copy(p.Payload(), ones); p.Resize(0, size) },
	}
	for what, move := range moves {
		var p Packet
		b := NewBuffer(make([]byte, size), 0x1000)
		for _, n := range []int{64, 1500, 20, 0, 300, 64} {
			for _, meta := range []int{0, min(n, 16)} {
				if b.Place(&p, ones[:n], meta, more); p.Before() != Headroom-meta || len(p.Bytes) != n || int(p.Meta) != meta || p.SKB != (SKB{}) {
					t.Fatalf("%s: %d bytes at %#x, %d of metadata", what, len(p.Bytes), p.Start, p.Meta)
				}
				start := Headroom - meta
				for i, v := range b.mem {
					if in := i >= start && i < start+n; (v == 1) != in {
						t.Fatalf("%s: packet of %d bytes, %d of metadata: byte %d of the buffer is %d", what, n, meta, i, v)
					}
				}
				if n >= 20 {
					move(&p)
					for i := range p.Bytes {
						p.Bytes[i] = 2
					}
				}
			}
		}
	}
}

// Packets come from any address and go to any, of any length.
func TestLay(t *testing.T) {
	data, dst := make([]byte, 320), make([]byte, 320)
	for i := range data {
		data[i] = byte(i + 1)
	}
	for from := range 9 {
		for to := range 9 {
			for n := range 300 {
				clear(dst)
				lay(dst[to:to+n], data[from:from+n])
				want := append(append(make([]byte, to), data[from:from+n]...), make([]byte, len(dst)-to-n)...)
				if !bytes.Equal(dst, want) {
					t.Fatalf("%d bytes from %d to %d: %v", n, from, to, dst)
				}
			}
		}
	}
}
