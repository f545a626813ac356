package helpers

import (
	"math/bits"

	"github.com/rivetbpf/rivet/internal/maps"
	"github.com/rivetbpf/rivet/internal/progctx"
)

// Internet checksums (RFC 1071): enum bpf_func_id 10, 11, 28, 40 and 135, net/core/filter.c.
var checksumHelpers = []*Helper{
	{ID: 10, Name: "l3_csum_replace", Fn: onSKB(l3CsumReplace), Args: []Arg{{Name: "skb", Kind: Ctx}, {Name: "offset", Kind: Scalar},
		{Name: "from", Kind: Scalar}, {Name: "to", Kind: Scalar}, {Name: "flags", Kind: Scalar}}},
	{ID: 11, Name: "l4_csum_replace", Fn: onSKB(l4CsumReplace), Args: []Arg{{Name: "skb", Kind: Ctx}, {Name: "offset", Kind: Scalar},
		{Name: "from", Kind: Scalar}, {Name: "to", Kind: Scalar}, {Name: "flags", Kind: Scalar}}},
	{ID: 28, Name: "csum_diff", Fn: csumDiff, Args: []Arg{{Name: "from", Kind: Mem, Nullable: true}, {Name: "from_size", Kind: SizeOrZero},
		{Name: "to", Kind: Mem, Nullable: true}, {Name: "to_size", Kind: SizeOrZero}, {Name: "seed", Kind: Scalar}}},
	{ID: 40, Name: "csum_update", Fn: onSKB(csumUpdate), Args: []Arg{{Name: "skb", Kind: Ctx}, {Name: "csum", Kind: Scalar}}},
	{ID: 135, Name: "csum_level", Fn: onSKB(csumLevel), Args: []Arg{{Name: "skb", Kind: Ctx}, {Name: "level", Kind: Scalar}}},
}

// Flags of l3_csum_replace and l4_csum_replace.
const (
	fHdrFieldMask  = 0xf
	fPseudoHdr     = 1 << 4
	fMarkMangled0  = 1 << 5
	fMarkEnforce   = 1 << 6
	fIPv6          = 1 << 7
	csumMangled0   = 0xffff
	maxCsumLevel   = 3
	csumLevelQuery = 0
	csumLevelInc   = 1
	csumLevelDec   = 2
	csumLevelReset = 3
)

// A sum is a number modulo 2^32-1 that has two forms of 0. Which one comes out is Linux's: 0 of zeros alone.

// csumPartial adds the bytes of b, in words of 16 bits as they lie in memory.
func csumPartial(b []byte, sum uint32) uint32 {
	s := uint64(sum)
	for ; len(b) >= 4; b = b[4:] {
		s += uint64(le.Uint32(b))
	}
	if len(b) >= 2 {
		s += uint64(le.Uint16(b))
		b = b[2:]
	}
	if len(b) == 1 {
		s += uint64(b[0])
	}
	s = s&(1<<32-1) + s>>32
	return uint32(s + s>>32)
}

func csumAdd(a, b uint32) uint32 {
	s, carry := bits.Add32(a, b, 0)
	return s + carry
}

func csumSub(a, b uint32) uint32 { return csumAdd(a, ^b) }

// csum16 folds a sum to 16 bits (csum_from32to16).
func csum16(s uint32) uint16 {
	s = s&0xffff + s>>16
	return uint16(s + s>>16)
}

// csumAt turns the sum of bytes into their sum at an offset (csum_shift): at odd ones each byte is in the other half.
func csumAt(s uint32, off int) uint32 {
	if off&1 != 0 {
		return bits.RotateLeft32(s, 8)
	}
	return s
}

// SumUp lets the packet have been summed up from its network header on (CHECKSUM_COMPLETE).
func (r *Run) SumUp() { r.Packet.SKB.Summed, r.Packet.SKB.Sum = progctx.SummedComplete, r.sumNow() }

// SumHolds reports whether skb->csum is the sum of the packet. BPF_PROG_TEST_RUN asks, also where a helper made it void.
func (r *Run) SumHolds() bool { return csum16(r.Packet.SKB.Sum) == csum16(r.sumNow()) }

func (r *Run) sumNow() uint32 {
	p := r.Packet
	b, ok := p.At(p.SKB.Network, int(p.End()-p.SKB.Network))
	if !ok {
		return 0
	}
	return csumPartial(b, 0)
}

// unsum and sum take bytes at an offset of the packet out of skb->csum and put them in (skb_postpull_rcsum, skb_postpush_rcsum).
func (c *Call) unsum(b []byte, off int) {
	if s := &c.Run.Packet.SKB; s.Summed == progctx.SummedComplete {
		s.Sum = csumSub(s.Sum, csumAt(csumPartial(b, 0), off))
	}
}

func (c *Call) sum(b []byte, off int) {
	if s := &c.Run.Packet.SKB; s.Summed == progctx.SummedComplete {
		s.Sum = csumAdd(s.Sum, csumAt(csumPartial(b, 0), off))
	}
}

// csumField returns the checksum at an offset; nil where the arguments are bad.
func (c *Call) csumField() ([]byte, maps.Errno) {
	off, b := uint64(uint32(c.Args[1])), c.Run.Packet.Payload()
	if off > maxOffset || off&1 != 0 || !within(b, off, 2) {
		return nil, maps.EFAULT
	}
	return b[off : off+2], 0
}

// csumReplace changes a checksum for what changed from one value to another; size 0 says that to is their difference.
func csumReplace(field []byte, from, to uint64, size uint64) maps.Errno {
	old := ^uint32(le.Uint16(field)) // ~csum_unfold: the upper half is ones
	var sum uint32
	switch {
	case size == 0 && from != 0:
		return maps.EINVAL
	case size == 0:
		sum = csumAdd(uint32(to), old)
	case size == 2:
		sum = csumAdd(csumSub(old&0xffff, uint32(uint16(from))), uint32(uint16(to)))
	case size == 4:
		sum = csumAdd(csumSub(old, uint32(from)), uint32(to))
	default:
		return maps.EINVAL
	}
	le.PutUint16(field, ^csum16(sum))
	return 0
}

func l3CsumReplace(c *Call) (uint64, error) {
	flags := c.Args[4]
	if flags&^fHdrFieldMask != 0 {
		return errno(maps.EINVAL)
	}
	field, e := c.csumField()
	if e == 0 {
		if flags == 2 {
			return 0, csumReplace2(field, uint16(c.Args[2]), uint16(c.Args[3]))
		}
		e = csumReplace(field, c.Args[2], c.Args[3], flags)
	}
	if e != 0 {
		return errno(e)
	}
	return 0, nil
}

// csumReplace2 is csum_replace2, which counts in 16 bits.
func csumReplace2(field []byte, from, to uint16) error {
	add := func(a, b uint16) uint16 {
		s, carry := uint32(a)+uint32(b), uint32(0)
		carry = s >> 16
		return uint16(s + carry)
	}
	le.PutUint16(field, ^add(add(^le.Uint16(field), ^from), to))
	return nil
}

func l4CsumReplace(c *Call) (uint64, error) {
	from, to, flags := c.Args[2], c.Args[3], c.Args[4]
	if flags&^(fMarkMangled0|fMarkEnforce|fPseudoHdr|fHdrFieldMask|fIPv6) != 0 {
		return errno(maps.EINVAL)
	}
	field, e := c.csumField()
	if e != 0 {
		return errno(e)
	}
	mangle := flags&fMarkMangled0 != 0
	if mangle && flags&fMarkEnforce == 0 && le.Uint16(field) == 0 {
		return 0, nil
	}
	size := flags & fHdrFieldMask
	if size == 2 { // inet_proto_csum_replace2 counts in 32 bits
		from, to, size = uint64(uint16(from)), uint64(uint16(to)), 4
	}
	if e := csumReplace(field, from, to, size); e != 0 {
		return errno(e)
	}
	if s := &c.Run.Packet.SKB; s.Summed == progctx.SummedComplete && flags&fPseudoHdr != 0 {
		switch {
		case size == 4:
			s.Sum = ^csumAdd(csumSub(^s.Sum, uint32(from)), uint32(to))
		case flags&fIPv6 == 0:
			s.Sum = ^csumSub(uint32(to), s.Sum)
		}
	}
	if mangle && le.Uint16(field) == 0 {
		le.PutUint16(field, csumMangled0)
	}
	return 0, nil
}

// csumDiff is bpf_csum_diff: the sum of to, less that of from, with what was summed before.
func csumDiff(c *Call) (uint64, error) {
	from, to, seed := c.Mem[0], c.Mem[2], uint32(c.Args[4])
	for i, b := range [][]byte{from, to} {
		if uint64(len(b)) != c.Args[2*i+1] {
			return 0, c.bad(2*i, c.Args[2*i+1], "a NULL pointer")
		}
	}
	sum := seed
	switch {
	case len(from) != 0 && len(to) != 0:
		sum = csumSub(csumPartial(to, seed), csumPartial(from, 0))
	case len(to) != 0:
		sum = csumPartial(to, seed)
	case len(from) != 0:
		sum = ^csumPartial(from, ^seed)
	}
	return uint64(csum16(sum)), nil
}

func csumUpdate(c *Call) (uint64, error) {
	s := &c.Run.Packet.SKB
	if s.Summed != progctx.SummedComplete {
		return errno(maps.ENOTSUPP)
	}
	s.Sum = csumAdd(s.Sum, uint32(c.Args[1]))
	return uint64(s.Sum), nil
}

func csumLevel(c *Call) (uint64, error) {
	s := &c.Run.Packet.SKB
	known := s.Summed == progctx.SummedUnnecessary
	switch c.Args[1] {
	case csumLevelInc:
		switch {
		case known:
			s.Level = min(s.Level+1, maxCsumLevel)
		case s.Summed == progctx.SummedNone:
			s.Summed, s.Level = progctx.SummedUnnecessary, 0
		}
	case csumLevelDec:
		switch {
		case known && s.Level == 0:
			s.Summed = progctx.SummedNone
		case known:
			s.Level--
		}
	case csumLevelReset:
		c.forgetSums()
	case csumLevelQuery:
		if !known {
			return errno(maps.EACCES)
		}
		return uint64(s.Level), nil
	default:
		return errno(maps.EINVAL)
	}
	return 0, nil
}

// forgetSums is __skb_reset_checksum_unnecessary.
func (c *Call) forgetSums() {
	if s := &c.Run.Packet.SKB; s.Summed == progctx.SummedUnnecessary {
		s.Summed, s.Level = progctx.SummedNone, 0
	}
}
