package helpers

import (
	"net/netip"

	"github.com/rivetbpf/rivet/internal/host"
	"github.com/rivetbpf/rivet/internal/maps"
)

// Routes and lengths: enum bpf_func_id 69 and 163, net/core/filter.c.
var fibHelpers = []*Helper{
	{ID: 69, Name: "fib_lookup", Fn: fibLookup,
		Args: []Arg{{Name: "ctx", Kind: Ctx}, {Name: "params", Kind: MemW}, {Name: "plen", Kind: Size}, {Name: "flags", Kind: Scalar}}},
	{ID: 163, Name: "check_mtu", Fn: checkMTU,
		Args: []Arg{{Name: "ctx", Kind: Ctx}, {Name: "ifindex", Kind: Scalar}, {Name: "mtu_len", Kind: MemW, Size: 4},
			{Name: "len_diff", Kind: Scalar}, {Name: "flags", Kind: Scalar}}},
}

// Families as structures of the kernel have them.
const (
	afInet  = 2
	afInet6 = 10
)

// BPF_FIB_LOOKUP_*.
const (
	fibDirect    = 1 << 0
	fibOutput    = 1 << 1
	fibSkipNeigh = 1 << 2
	fibTableID   = 1 << 3
	fibSource    = 1 << 4
	fibMark      = 1 << 5
	fibMask      = fibDirect | fibOutput | fibSkipNeigh | fibTableID | fibSource | fibMark
)

// BPF_FIB_LKUP_RET_*.
const (
	fibSuccess      = 0
	fibBlackhole    = 1
	fibUnreachable  = 2
	fibProhibit     = 3
	fibNotForwarded = 4
	fibFwdDisabled  = 5
	fibUnsuppLWT    = 6
	fibNoNeighbor   = 7
	fibFragNeeded   = 8
	fibNoSource     = 9
)

// struct bpf_fib_lookup.
const (
	fibFamily  = 0
	fibProto   = 1
	fibSport   = 2
	fibDport   = 4
	fibTotLen  = 6 // mtu_result on the way back
	fibIfindex = 8
	fibTOS     = 12 // and flowinfo; rt_metric on the way back
	fibSrc     = 16
	fibDst     = 32
	fibTable   = 48 // h_vlan_proto and h_vlan_TCI on the way back
	fibMarkAt  = 52 // the same place as smac
	fibSmac    = 52
	fibDmac    = 58
	fibSize    = 64
)

// fibLookup is bpf_xdp_fib_lookup and bpf_skb_fib_lookup.
func fibLookup(c *Call) (uint64, error) {
	p, flags := c.Mem[1], uint32(c.Args[3])
	if len(p) < fibSize || flags&^fibMask != 0 {
		return maps.Guest(maps.EINVAL), nil
	}
	family := p[fibFamily]
	if family != afInet && family != afInet6 {
		return maps.Guest(maps.EAFNOSUPPORT), nil
	}
	xdp := c.Run.Layout != nil && c.Run.Layout.XDP()
	checks := xdp || le.Uint16(p[fibTotLen:]) != 0
	f := fibRequest{p: p, net: c.Run.World.Host, flags: flags, ipv6: family == afInet6, mtu: checks}
	code := f.lookup()
	if code == fibSuccess && !checks {
		code = f.forwardable(c.Run)
	}
	return uint64(code), nil
}

// fibRequest is one call, on the program's struct bpf_fib_lookup.
type fibRequest struct {
	p     []byte
	net   host.Network
	flags uint32
	ipv6  bool
	mtu   bool // compare tot_len with the route's MTU
}

// forwardable is is_skb_forwardable for programs that give no length: the packet itself is held against the device.
func (f *fibRequest) forwardable(r *Run) int64 {
	d, ok := f.net.Device(le.Uint32(f.p[fibIfindex:]))
	if !ok {
		return fibSuccess
	}
	le.PutUint16(f.p[fibTotLen:], uint16(d.MTU))
	const vlan = 4
	if d.MTU != 0 && r.Packet != nil && r.Packet.Len() > int(d.MTU)+ethHeader+vlan {
		return fibFragNeeded
	}
	return fibSuccess
}

const ethHeader = 14

// addr reads an address of the request.
func (f *fibRequest) addr(off int) netip.Addr {
	if f.ipv6 {
		return netip.AddrFrom16([16]byte(f.p[off:]))
	}
	return netip.AddrFrom4([4]byte(f.p[off:]))
}

func (f *fibRequest) putAddr(off int, a netip.Addr) {
	if a.Is4() {
		v := a.As4()
		copy(f.p[off:], v[:])
		return
	}
	v := a.As16()
	copy(f.p[off:], v[:])
}

// lookup is bpf_ipv4_fib_lookup and bpf_ipv6_fib_lookup, steps in their order. What it returns below 0 is an error number.
func (f *fibRequest) lookup() int64 {
	if f.ipv6 && (strict(f.addr(fibDst)) || strict(f.addr(fibSrc))) {
		return fibNotForwarded
	}
	in, ok := f.net.Device(le.Uint32(f.p[fibIfindex:]))
	switch {
	case !ok:
		return -int64(maps.ENODEV)
	case f.ipv6 && in.NoForward6, !f.ipv6 && in.NoForward4:
		return fibFwdDisabled
	}
	r := f.net.Route(f.query())
	if code := refused(r.Type); code != fibSuccess {
		return code
	}
	mtu, code := f.checkLength(r)
	if code != fibSuccess {
		return code
	}
	if r.Encap {
		return fibUnsuppLWT
	}
	return f.answer(r, mtu)
}

// strict is rt6_need_strict: addresses that mean something on one link alone.
func strict(a netip.Addr) bool {
	return a.IsMulticast() || a.IsLinkLocalUnicast() || a.IsLoopback()
}

// query takes what is asked out of the structure. A table that is named there makes room for the answer at once.
func (f *fibRequest) query() host.RouteQuery {
	p := f.p
	q := host.RouteQuery{
		Src: f.addr(fibSrc), Dst: f.addr(fibDst), Proto: p[fibProto],
		SrcPort: be.Uint16(p[fibSport:]), DstPort: be.Uint16(p[fibDport:]),
		Direct: f.flags&fibDirect != 0, Source: f.flags&fibSource != 0,
	}
	if f.ipv6 {
		q.FlowInfo = be.Uint32(p[fibTOS:])
	} else {
		q.TOS = p[fibTOS]
	}
	ifindex := le.Uint32(p[fibIfindex:])
	if f.flags&fibOutput != 0 {
		q.In, q.Out = 1, ifindex // the loopback device
	} else {
		q.In = ifindex
	}
	switch {
	case q.Direct && f.flags&fibTableID != 0:
		q.Table = le.Uint32(p[fibTable:])
		le.PutUint32(p[fibTable:], 0)
	case !q.Direct && f.flags&fibMark != 0:
		q.Mark = le.Uint32(p[fibMarkAt:])
	}
	return q
}

// refused says what a route of a type gives.
func refused(t host.RouteType) int64 {
	switch t {
	case host.RouteUnicast:
		return fibSuccess
	case host.RouteBlackhole:
		return fibBlackhole
	case host.RouteUnreachable:
		return fibUnreachable
	case host.RouteProhibit:
		return fibProhibit
	}
	return fibNotForwarded
}

// checkLength compares the packet's length with what may leave.
func (f *fibRequest) checkLength(r host.Route) (mtu uint32, code int64) {
	if !f.mtu {
		return 0, fibSuccess
	}
	if mtu = r.MTU; mtu == 0 {
		if d, ok := f.net.Device(r.Ifindex); ok {
			mtu = d.MTU
		}
	}
	if mtu != 0 && uint32(le.Uint16(f.p[fibTotLen:])) > mtu {
		le.PutUint16(f.p[fibTotLen:], uint16(mtu))
		return mtu, fibFragNeeded
	}
	return mtu, fibSuccess
}

// answer writes what was found.
func (f *fibRequest) answer(r host.Route, mtu uint32) int64 {
	p := f.p
	le.PutUint32(p[fibTOS:], r.Metric)
	le.PutUint32(p[fibIfindex:], r.Ifindex)
	if !f.ipv6 && f.flags&fibSource != 0 {
		f.source(r)
	}
	switch {
	case r.Gateway.Is4() && !f.ipv6, r.Gateway.Is6() && f.ipv6:
		f.putAddr(fibDst, r.Gateway)
	case r.Gateway.Is6():
		p[fibFamily], f.ipv6 = afInet6, true // a next hop of IPv6 on a route of IPv4
		f.putAddr(fibDst, r.Gateway)
	}
	if p[fibFamily] == afInet6 && f.flags&fibSource != 0 && !f.source(r) {
		return fibNoSource
	}
	if f.flags&fibSkipNeigh == 0 {
		mac, ok := f.net.Neighbor(r.Ifindex, f.addr(fibDst))
		if !ok {
			return fibNoNeighbor
		}
		copy(p[fibDmac:fibSize], mac[:])
		if d, ok := f.net.Device(r.Ifindex); ok {
			copy(p[fibSmac:], d.MAC[:])
		}
	}
	le.PutUint32(p[fibTable:], 0) // no VLAN
	if mtu != 0 {
		le.PutUint16(p[fibTotLen:], uint16(mtu))
	}
	return fibSuccess
}

// source writes the preferred source address, zeros for IPv4 if there is none.
func (f *fibRequest) source(r host.Route) bool {
	if !r.Source.IsValid() {
		if !f.ipv6 {
			le.PutUint32(f.p[fibSrc:], 0)
		}
		return false
	}
	f.putAddr(fibSrc, r.Source)
	return true
}

// BPF_MTU_CHK_*.
const (
	mtuSegments   = 1 << 0
	mtuSuccess    = 0
	mtuFragNeeded = 1
	mtuSegsTooBig = 2
)

// checkMTU is bpf_xdp_check_mtu and bpf_skb_check_mtu.
func checkMTU(c *Call) (uint64, error) {
	ifindex, out, diff, flags := uint32(c.Args[1]), c.Mem[2], int(int32(c.Args[3])), c.Args[4]
	given := int(le.Uint32(out)) // the length of the network layer and what it carries; 0: the packet's
	allowed := uint64(mtuSegments)
	if c.Run.Layout.XDP() {
		allowed = 0
	}
	if flags&^allowed != 0 || flags&mtuSegments != 0 && (diff != 0 || given != 0) {
		return maps.Guest(maps.EINVAL), nil
	}
	if ifindex == 0 {
		ifindex = c.Run.Layout.Ingress(c.Run.Ctx)
	}
	d, ok := c.Run.World.Host.Device(ifindex)
	if !ok {
		return maps.Guest(maps.ENODEV), nil
	}
	length := given + ethHeader
	if given == 0 && c.Run.Packet != nil {
		length = c.Run.Packet.Len()
	}
	le.PutUint32(out, d.MTU)
	if d.MTU == 0 || length+diff <= int(d.MTU)+ethHeader {
		return mtuSuccess, nil
	}
	return longer(c.Run, flags, d.MTU), nil
}

// longer judges a packet beyond the MTU: one that is cut into segments when it leaves may be so long.
func longer(r *Run, flags uint64, mtu uint32) uint64 {
	segment := uint32(0)
	if !r.Layout.XDP() {
		segment = r.Layout.Segment(r.Ctx)
	}
	switch {
	case segment == 0:
		return mtuFragNeeded
	case flags&mtuSegments != 0 && segment > mtu:
		return mtuSegsTooBig
	}
	return mtuSuccess
}
