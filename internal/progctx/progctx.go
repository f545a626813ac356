// Package progctx knows what each type of program is given: how its context
// looks in memory, where its packet lies, and what of both the caller gets back.
// A family of program types is one file and one line in [layouts].
package progctx

import (
	"encoding/binary"
	"fmt"
)

// layouts is the registry. The first layout that takes a type wins; the last takes all.
var layouts = []*Layout{
	&xdpLayout,
	&skbLayout,
	&rawLayout,
	&plainLayout,
}

// TypeRaw is the program type of raw bytecode.
const TypeRaw = "Raw"

// Headroom is how many bytes lie before a packet: XDP_PACKET_HEADROOM (256),
// and 2 more so that the packet begins at an address that is 2 modulo 4, as a
// network driver leaves it (NET_IP_ALIGN): the IP header is then aligned.
const Headroom = 256 + 2

// Tailroom is how many bytes follow a packet: what Linux keeps for struct
// skb_shared_info.
const Tailroom = 320

// MaxContext bounds a context, in bytes.
const MaxContext = 4096

// Layout is what programs of some types are given.
type Layout struct {
	Name  string
	Types []string // cilium/ebpf's names; nil: every type
	Size  int      // of the context; 0: as large as the caller's
	// Default is the size where Size is 0 and the caller gives no context.
	Default int
	// Packet says that the program is given RunOptions.Data; EmptyPacket, that
	// data of no bytes has an address, too.
	Packet, EmptyPacket bool
	// Prepare fills ctx, which is zeroed, from the caller's context (nil: none)
	// and places the packet, whose bytes are in p already. nil: the caller's bytes are all.
	Prepare func(ctx, user []byte, p *Packet) error
	// Addresses writes into ctx where the packet lies and how long it is. nil: ctx does not tell.
	Addresses func(ctx []byte, p *Packet)
	// Finish turns ctx into what the caller gets back. nil: ctx as it is.
	Finish func(ctx []byte, p *Packet)
	// DataArgs says that R1 and R2 are the address and length of the data where
	// there is no context. Otherwise R1 is the address of the context.
	DataArgs bool
}

// For returns the layout for programs of a type.
func For(progType string) *Layout {
	for _, l := range layouts {
		if l.Types == nil {
			return l
		}
		for _, t := range l.Types {
			if t == progType {
				return l
			}
		}
	}
	panic("BUG: the last layout takes every type")
}

// ContextSize returns how long the context is for a caller who gives user bytes of one.
func (l *Layout) ContextSize(user int) (int, error) {
	switch {
	case l.Size == 0 && user > MaxContext:
		return 0, fmt.Errorf("context of %d bytes: at most %d", user, MaxContext)
	case l.Size == 0 && user == 0:
		return l.Default, nil
	case l.Size == 0:
		return user, nil
	case user > l.Size:
		return 0, fmt.Errorf("context of %d bytes: %s has %d", user, l.Name, l.Size)
	}
	return l.Size, nil
}

// MetaSize returns how many of the data's bytes are metadata before the packet.
func (l *Layout) MetaSize(user []byte, data int) (int, error) {
	if l != &xdpLayout {
		return 0, nil
	}
	return xdpMeta(user, data)
}

// Args gives R1 and R2. ctxAt is 0 where there is no context.
func (l *Layout) Args(ctxAt uint64, p *Packet) (r1, r2 uint64) {
	if l.DataArgs && ctxAt == 0 && len(p.Bytes) != 0 {
		return p.Start, uint64(len(p.Bytes))
	}
	return ctxAt, 0
}

// Fill makes the context, which is zeroed, of a run.
func (l *Layout) Fill(ctx, user []byte, p *Packet) error {
	if l.Prepare == nil {
		copy(ctx, user)
		return nil
	}
	return l.Prepare(ctx, user, p)
}

var le = binary.LittleEndian

// field reads a 32-bit field of a context that may be shorter.
func field(ctx []byte, off int) uint32 {
	if len(ctx) < off+4 {
		return 0
	}
	return le.Uint32(ctx[off:])
}
