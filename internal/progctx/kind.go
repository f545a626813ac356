package progctx

// XDP reports whether programs of this layout are XDP programs: some helpers differ between them and those that
// are given a struct __sk_buff.
func (l *Layout) XDP() bool { return l == &xdpLayout }

// SKB reports whether programs of this layout are given a struct __sk_buff.
func (l *Layout) SKB() bool { return l.Name == skbName }

// SkSKB reports whether programs of this layout look at the packets of a stream of a socket.
func (l *Layout) SkSKB() bool { return l == &skSkbLayout }

// Offsets of ifindex and gso_size in struct __sk_buff.
const (
	ofIfindex = 40
	ofGSOSize = 176
)

// Ingress returns the index of the device that the context of an XDP or skb program says the packet came in on.
func (l *Layout) Ingress(ctx []byte) uint32 {
	if l == &xdpLayout {
		return field(ctx, xdpIngress)
	}
	return field(ctx, ofIfindex)
}

// Segment returns gso_size of an skb program's context.
func (l *Layout) Segment(ctx []byte) uint32 { return field(ctx, ofGSOSize) }

// SkLookup reports whether programs of this layout choose sockets for connections (struct bpf_sk_lookup).
func (l *Layout) SkLookup() bool { return l.Name == "struct bpf_sk_lookup" }

// LookupFor returns family and protocol of struct bpf_sk_lookup.
func (l *Layout) LookupFor(ctx []byte) (family, protocol uint32) {
	return field(ctx, 8), field(ctx, 12)
}

// Window makes data and data_end of struct sk_msg_md the ends of a part of the message.
func (l *Layout) Window(ctx []byte, p *Packet, start, end uint32) {
	if len(ctx) < 16 {
		return
	}
	le.PutUint64(ctx, p.Start+uint64(start))
	le.PutUint64(ctx[8:], p.Start+uint64(end))
}
