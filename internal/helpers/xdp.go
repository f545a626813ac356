package helpers

import (
	"github.com/rivetbpf/rivet/internal/maps"
	"github.com/rivetbpf/rivet/internal/progctx"
)

// The packet of an XDP program: enum bpf_func_id 44, 54, 65 and 188 to 190, net/core/filter.c. It is always
// linear, however long.
var xdpHelpers = []*Helper{
	{ID: 44, Name: "xdp_adjust_head", Fn: onXDP(xdpAdjustHead), Args: []Arg{{Name: "xdp_md", Kind: Ctx}, {Name: "delta", Kind: Scalar}}},
	{ID: 54, Name: "xdp_adjust_meta", Fn: onXDP(xdpAdjustMeta), Args: []Arg{{Name: "xdp_md", Kind: Ctx}, {Name: "delta", Kind: Scalar}}},
	{ID: 65, Name: "xdp_adjust_tail", Fn: onXDP(xdpAdjustTail), Args: []Arg{{Name: "xdp_md", Kind: Ctx}, {Name: "delta", Kind: Scalar}}},
	{ID: 188, Name: "xdp_get_buff_len", Args: []Arg{{Name: "xdp_md", Kind: Ctx}},
		Fn: onXDP(func(c *Call) (uint64, error) { return uint64(c.Run.Packet.Len()), nil })},
	{ID: 189, Name: "xdp_load_bytes", Fn: onXDP(xdpLoadBytes),
		Args: []Arg{{Name: "xdp_md", Kind: Ctx}, {Name: "offset", Kind: Scalar}, {Name: "buf", Kind: MemW}, {Name: "len", Kind: Size}}},
	{ID: 190, Name: "xdp_store_bytes", Fn: onXDP(xdpStoreBytes),
		Args: []Arg{{Name: "xdp_md", Kind: Ctx}, {Name: "offset", Kind: Scalar}, {Name: "buf", Kind: Mem}, {Name: "len", Kind: Size}}},
}

// What Linux keeps of a packet's frame for itself: struct xdp_frame at its start, and struct skb_shared_info at its end.
// The frame begins XDP_PACKET_HEADROOM (256) bytes before the packet as it came.
const (
	xdpFrame   = 40
	frameStart = progctx.Headroom - 256
	frameEnd   = progctx.Tailroom - frameStart
)

// errno is what a helper returns that fails.
func errno(e maps.Errno) (uint64, error) { return maps.Guest(e), nil }

// onXDP is a helper that Linux has for XDP programs alone.
func onXDP(fn func(*Call) (uint64, error)) func(*Call) (uint64, error) {
	return func(c *Call) (uint64, error) {
		if c.Run.Layout == nil || !c.Run.Layout.XDP() {
			return 0, c.bad(0, 0, "not the context of an XDP program")
		}
		return fn(c)
	}
}

func xdpAdjustHead(c *Call) (uint64, error) {
	p, by := c.Run.Packet, int(int32(c.Args[1]))
	if p.Before()+by < frameStart+xdpFrame || by > p.Len()-ethHeader {
		return errno(maps.EINVAL)
	}
	p.MoveFront(by)
	c.Run.Moved()
	return 0, nil
}

// maxMeta is what fits the byte that Linux keeps the length of metadata in (xdp_metalen_invalid).
const maxMeta = 252

func xdpAdjustMeta(c *Call) (uint64, error) {
	p, by := c.Run.Packet, int(int32(c.Args[1]))
	n := int(p.Meta) - by
	switch {
	case p.Before()+by < frameStart+xdpFrame || n < 0:
		return errno(maps.EINVAL)
	case n%4 != 0 || n > maxMeta:
		return errno(maps.EACCES)
	}
	p.SetMeta(n)
	c.Run.Moved()
	return 0, nil
}

func xdpAdjustTail(c *Call) (uint64, error) {
	p, by := c.Run.Packet, int(int32(c.Args[1]))
	if by > p.Behind()-frameEnd || p.Len()+by < ethHeader {
		return errno(maps.EINVAL)
	}
	if err := p.Resize(0, by); err != nil {
		return 0, err
	}
	c.Run.Moved()
	return 0, nil
}

// maxXDPBytes is how far bpf_xdp_pointer reaches.
const maxXDPBytes = 0xffff

// xdpBytes is bpf_xdp_pointer.
func (c *Call) xdpBytes(offset, n uint64) ([]byte, maps.Errno) {
	b := c.Run.Packet.Payload()
	switch {
	case offset > maxXDPBytes || n > maxXDPBytes:
		return nil, maps.EFAULT
	case offset+n > uint64(len(b)):
		return nil, maps.EINVAL
	}
	return b[offset : offset+n], 0
}

func xdpLoadBytes(c *Call) (uint64, error) {
	b, e := c.xdpBytes(uint64(uint32(c.Args[1])), c.Args[3])
	if e != 0 {
		return errno(e)
	}
	copy(c.Mem[2], b)
	return 0, nil
}

func xdpStoreBytes(c *Call) (uint64, error) {
	b, e := c.xdpBytes(uint64(uint32(c.Args[1])), c.Args[3])
	if e != 0 {
		return errno(e)
	}
	copy(b, c.Mem[2])
	return 0, nil
}
