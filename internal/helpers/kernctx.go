package helpers

import (
	"fmt"

	"github.com/cilium/ebpf/btf"

	"github.com/rivetbpf/rivet/internal/maps"
	"github.com/rivetbpf/rivet/internal/progctx"
)

// The kernel's own structure behind a context (bpf_cast_to_kern_ctx of kernel/bpf/helpers.c): guest memory, as
// other structs of the kernel are. Members that are not known here are 0.
var kernelContextHelpers = []*Helper{
	{Name: "bpf_cast_to_kern_ctx", Fn: castToKernCtx, Args: []Arg{{Name: "obj", Kind: Ctx}}},
}

// kernelContext is the structure that a run was given. It stays where it is, also when the run is repeated, and is filled in
// again at each cast.
type kernelContext struct {
	b, shared []byte
	at, end   uint64 // address of the structure, and of the struct skb_shared_info of a packet's end
}

func castToKernCtx(c *Call) (uint64, error) {
	l := c.Run.Layout
	switch {
	case l == nil || l.Fields == nil: // the context is what the kernel has
		return c.Args[0], nil
	case l.SKB():
		return c.kernelSKB()
	case l.XDP():
		return c.kernelXDP()
	}
	return 0, c.bad(0, 0, fmt.Sprintf("the kernel's structure behind %s is not known", l.Name))
}

func (c *Call) layout(kind ObjectKind) *btf.Struct {
	o := &c.Run.World.Objects
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.layout(c.Run.World.Types, kind)
}

// structure returns how the kernel's structure looks, and makes room for it in the run.
func (c *Call) structure(kind ObjectKind) (*kernelContext, *btf.Struct, error) {
	layout := c.layout(kind)
	if layout == nil {
		return nil, nil, c.bad(0, 0, fmt.Sprintf("no struct %v in CollectionOptions.KernelTypes", kind))
	}
	k := &c.Run.kernel
	if k.at == 0 {
		if c.Run.More == nil {
			return nil, nil, maps.ENOMEM
		}
		size := (uint64(layout.Size) + 7) &^ 7
		b, at, err := c.Run.More(int(size) + sharedInfoSize)
		if err != nil {
			return nil, nil, err
		}
		*k = kernelContext{b: b[:layout.Size], shared: b[size : size+sharedInfoSize], at: at, end: at + size}
	}
	clear(k.b)
	return k, layout, nil
}

// sharedInfoSize is room enough for struct skb_shared_info.
const sharedInfoSize = 512

// skbMembers are members of struct sk_buff, and where struct __sk_buff has them.
var skbMembers = [...]struct {
	name string
	off  int
}{
	{"len", progctx.SkbLen}, {"mark", progctx.SkbMark}, {"queue_mapping", progctx.SkbQueue}, {"protocol", progctx.SkbProtocol},
	{"vlan_tci", progctx.SkbVLANTCI}, {"vlan_proto", progctx.SkbVLANProto}, {"priority", 32}, {"skb_iif", 36}, {"tc_index", 44},
	{"hash", progctx.SkbHash},
}

// kernelSKB fills in struct sk_buff from the context and the packet.
func (c *Call) kernelSKB() (uint64, error) {
	k, s, err := c.structure(SkbObject)
	if err != nil {
		return 0, err
	}
	p := c.Run.Packet
	head := p.Start - uint64(p.Before())
	set := func(name string, v uint64) { setField(k.b, s, name, v) }
	for _, m := range skbMembers {
		set(m.name, uint64(c.skb(m.off)))
	}
	set("tstamp", le.Uint64(c.Run.Ctx[progctx.SkbTstamp:]))
	set("head", head)
	set("data", p.Data())
	set("tail", p.End()-head)
	set("mac_header", p.SKB.Mac-head)
	set("network_header", p.SKB.Network-head)
	set("transport_header", 0xffff) // where nobody has said where it is
	if p.SKB.Transport != 0 {
		set("transport_header", p.SKB.Transport-head)
	}
	set("end", k.end-head)
	c.sharedInfo(k.shared)
	return k.at, nil
}

// sharedInfo fills in the struct skb_shared_info at the end of a packet's buffer.
func (c *Call) sharedInfo(b []byte) {
	clear(b)
	if s := c.layout(sharedInfoObject); s != nil {
		setField(b, s, "gso_size", uint64(c.skb(progctx.SkbGSOSize)))
		setField(b, s, "gso_segs", uint64(c.skb(progctx.SkbGSOSegs)))
	}
}

// kernelXDP fills in struct xdp_buff.
func (c *Call) kernelXDP() (uint64, error) {
	k, s, err := c.structure(XDPObject)
	if err != nil {
		return 0, err
	}
	p := c.Run.Packet
	setField(k.b, s, "data", p.Data())
	setField(k.b, s, "data_end", p.End())
	setField(k.b, s, "data_meta", p.Start)
	setField(k.b, s, "data_hard_start", p.Start-uint64(p.Before())+frameStart)
	setField(k.b, s, "frame_sz", uint64(p.Before()+len(p.Bytes)+p.Behind()-frameStart))
	return k.at, nil
}
