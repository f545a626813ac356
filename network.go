package rivet

import (
	"net/netip"
	"slices"

	"github.com/rivetbpf/rivet/internal/host"
)

// Network is the part of [Host] that knows devices, routes and neighbours. [FIB] is one.
type Network = host.Network

// Device is a network device, as a [Network] tells of it.
type Device = host.Device

// RouteQuery is a packet that looks for its way.
type RouteQuery = host.RouteQuery

// RouteType is what becomes of a packet.
type RouteType = host.RouteType

// Route is the answer to a [RouteQuery].
type Route = host.Route

const (
	RouteNone        = host.RouteNone        // no route: the packet is not forwarded
	RouteUnicast     = host.RouteUnicast     // goes on to another host
	RouteLocal       = host.RouteLocal       // is for this host
	RouteBlackhole   = host.RouteBlackhole   // dropped in silence
	RouteUnreachable = host.RouteUnreachable // refused with "host unreachable"
	RouteProhibit    = host.RouteProhibit    // refused with "prohibited"
)

// FIB is a [Network] out of tables. Fill it before programs run; they only read it. To make it a part of a
// host, embed both:
//
//	type machine struct {
//		rivet.DefaultHost
//		*rivet.FIB
//	}
type FIB struct {
	// Devices are the devices that there are.
	Devices []Device
	// Routes of a table are looked through for the longest prefix that holds the destination; of several such routes, for
	// the lowest metric, then for the first.
	Routes []FIBRoute
	// Rules name tables that are looked through after the local one (255) and before the main one (254), in order.
	Rules []FIBRule
	// Neighbors are the hosts whose link-layer addresses are known.
	Neighbors []Neighbor
}

// FIBRoute is a route of a [FIB].
type FIBRoute struct {
	Prefix netip.Prefix
	// Table is the number of the routing table. 0 is the local table for routes of type RouteLocal, the main table for others.
	Table uint32
	// Route is the way. Type RouteNone stands for RouteUnicast.
	Route Route
}

// Neighbor is a host on a device's link.
type Neighbor struct {
	Ifindex uint32
	IP      netip.Addr
	MAC     [6]byte
}

// FIBRule sends packets with a mark to a table.
type FIBRule struct {
	Mark  uint32 // 0: all packets
	Table uint32
}

// RT_TABLE_MAIN and RT_TABLE_LOCAL.
const (
	mainTable  = 254
	localTable = 255
)

// Device implements [Network].
func (f *FIB) Device(ifindex uint32) (Device, bool) {
	i := slices.IndexFunc(f.Devices, func(d Device) bool { return d.Index == ifindex })
	if i < 0 {
		return Device{}, false
	}
	return f.Devices[i], true
}

// Route implements [Network].
func (f *FIB) Route(q RouteQuery) Route {
	switch {
	case q.Table != 0:
		return f.table(&q, q.Table)
	case q.Direct:
		return f.table(&q, mainTable)
	}
	if r := f.table(&q, localTable); r.Type != RouteNone {
		return r
	}
	for _, rule := range f.Rules {
		if rule.Mark != 0 && rule.Mark != q.Mark {
			continue
		}
		if r := f.table(&q, rule.Table); r.Type != RouteNone {
			return r
		}
	}
	return f.table(&q, mainTable)
}

// table looks through one table.
func (f *FIB) table(q *RouteQuery, n uint32) Route {
	var best *FIBRoute
	for i := range f.Routes {
		if r := &f.Routes[i]; r.holds(q, n) && (best == nil || r.before(best)) {
			best = r
		}
	}
	if best == nil {
		return Route{}
	}
	r := best.Route
	if r.Type == RouteNone {
		r.Type = RouteUnicast
	}
	return r
}

// holds reports whether a packet may take the route. A device to leave by is a wish alone in IPv6 (rt6_score_route).
func (r *FIBRoute) holds(q *RouteQuery, table uint32) bool {
	own := r.Table
	switch {
	case own == 0 && r.Route.Type == RouteLocal:
		own = localTable
	case own == 0:
		own = mainTable
	}
	refuses := r.Route.Type >= RouteBlackhole // has no device
	return own == table && (q.Out == 0 || q.Out == r.Route.Ifindex || refuses || q.Dst.Is6()) && r.Prefix.Contains(q.Dst)
}

// before reports whether the route is taken rather than another that also holds the packet.
func (r *FIBRoute) before(o *FIBRoute) bool {
	if r.Prefix.Bits() != o.Prefix.Bits() {
		return r.Prefix.Bits() > o.Prefix.Bits()
	}
	return r.Route.Metric < o.Route.Metric
}

// Neighbor implements [Network].
func (f *FIB) Neighbor(ifindex uint32, ip netip.Addr) (mac [6]byte, ok bool) {
	i := slices.IndexFunc(f.Neighbors, func(n Neighbor) bool { return n.Ifindex == ifindex && n.IP == ip })
	if i < 0 {
		return mac, false
	}
	return f.Neighbors[i].MAC, true
}
