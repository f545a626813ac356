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
	&tcLayout,
	&filterLayout,
	&cgroupSkbLayout,
	&lwtLayout,
	&skSkbLayout,
	&classicLayout,
	&flowLayout,
	&sockLayout,
	&sockAddrLayout,
	&sockOpsLayout,
	&sockoptLayout,
	&sysctlLayout,
	&deviceLayout,
	&skLookupLayout,
	&skMsgLayout,
	&reuseportLayout,
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
	Given int      // how much of it is the caller's; 0: Size
	// Default is the size where Size is 0 and the caller gives no context.
	Default int
	// Packet says that the program is given RunOptions.Data; EmptyPacket, that
	// data of no bytes has an address, too.
	Packet, EmptyPacket bool
	// Fields are what programs find in the context. nil: it is the caller's business.
	Fields Fields
	// Objects is how many bytes the context needs besides, for what its pointers point to.
	Objects int
	// Prepare fills the context, which is zeroed, from the caller's (nil: none)
	// and places the packet, whose bytes are in p already. nil: the caller's bytes are all.
	Prepare func(c *Context, user []byte, p *Packet) error
	// Whole says that Prepare writes every byte where the caller gives no context, which so need not be zeroed.
	Whole bool
	// Addresses writes into ctx where the packet lies and how long it is. nil: ctx does not tell.
	Addresses func(ctx []byte, p *Packet)
	// Finish turns the context into what the caller gets back. nil: it stays as it is.
	Finish func(c *Context, p *Packet)
	// Result returns what the caller gets as data. nil: the packet.
	Result func(c *Context, p *Packet) ([]byte, error)
	// DataArgs says that R1 and R2 are the address and length of the data where
	// there is no context. Otherwise R1 is the address of the context.
	DataArgs bool
}

// Context is a context in guest memory.
type Context struct {
	Bytes []byte
	At    uint64 // address of Bytes[0]
	// Objects, at ObjectsAt, is zeroed memory for what pointers of the context point to.
	Objects   []byte
	ObjectsAt uint64
}

// objectsAlign is what the address of the objects is aligned to.
const objectsAlign = 64

// Room returns how many bytes a context of size bytes takes with all that belongs to it.
func (l *Layout) Room(size int) int { return l.objectsFrom(size) + l.Objects }

func (l *Layout) objectsFrom(size int) int { return (size + objectsAlign - 1) &^ (objectsAlign - 1) }

// Place lays a context of size bytes, which may be 0, into room, Room(size) bytes of guest memory at address at.
func (l *Layout) Place(c *Context, room []byte, at uint64, size int) {
	from := l.objectsFrom(size)
	*c = Context{Bytes: room[:size:size], At: at}
	if l.Objects != 0 {
		c.Objects, c.ObjectsAt = room[from:from+l.Objects:from+l.Objects], at+uint64(from)
	}
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
	case user > l.given():
		return 0, fmt.Errorf("context of %d bytes: %s has %d", user, l.Name, l.given())
	}
	return l.Size, nil
}

func (l *Layout) given() int {
	if l.Given != 0 {
		return l.Given
	}
	return l.Size
}

// Output returns what the caller gets of the context.
func (l *Layout) Output(c *Context, p *Packet) []byte {
	if l.Finish != nil {
		l.Finish(c, p)
	}
	if l.Size == 0 {
		return c.Bytes
	}
	return c.Bytes[:l.given()]
}

// Data returns what the caller gets of the packet.
func (l *Layout) Data(c *Context, p *Packet) ([]byte, error) {
	if l.Result != nil {
		return l.Result(c, p)
	}
	return p.Bytes, nil
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
func (l *Layout) Fill(c *Context, user []byte, p *Packet) error {
	if l.Prepare == nil {
		copy(c.Bytes, user)
		return nil
	}
	return l.Prepare(c, user, p)
}

var le = binary.LittleEndian

// field reads a 32-bit field of a context that may be shorter.
func field(ctx []byte, off int) uint32 {
	if len(ctx) < off+4 {
		return 0
	}
	return le.Uint32(ctx[off:])
}
