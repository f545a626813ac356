package host

import "net/netip"

// Network tells about network devices, routes and neighbours: what bpf_fib_lookup and
// bpf_check_mtu ask, and maps of devices.
type Network interface {
	// Device returns the device with an index; ok is false when there is none.
	Device(ifindex uint32) (d Device, ok bool)
	// Route finds the way of a packet.
	Route(q RouteQuery) Route
	// Neighbor returns the link-layer address of a host that device ifindex reaches directly; ok is
	// false when it is not known.
	Neighbor(ifindex uint32, ip netip.Addr) (mac [6]byte, ok bool)
}

// Device is a network device.
type Device struct {
	Index uint32
	MAC   [6]byte
	MTU   uint32 // 0: any length goes
	// NoForward4 and NoForward6 say that packets that come in here are not forwarded
	// (net.ipv4.conf.DEV.forwarding, net.ipv6.conf.DEV.forwarding).
	NoForward4, NoForward6 bool
}

// RouteQuery is a packet that looks for its way (struct flowi4 and flowi6).
type RouteQuery struct {
	In, Out          uint32 // ifindex it came in on; that it must leave by, 0: any
	Src, Dst         netip.Addr
	Proto            uint8
	SrcPort, DstPort uint16
	TOS              uint8  // of IPv4
	FlowInfo         uint32 // of IPv6, in host byte order
	Mark             uint32 // what routing rules may look at
	Table            uint32 // the one table to look in, 0: as the rules say
	Direct           bool   // no rules: the table of In's device, or Table
	Source           bool   // the preferred source address is wanted
}

// RouteType is what becomes of a packet (RTN_* of linux/rtnetlink.h).
type RouteType uint8

const (
	RouteNone        RouteType = iota // no route: the packet is not forwarded
	RouteUnicast                      // goes on to another host
	RouteLocal                        // is for this host
	RouteBlackhole                    // dropped in silence
	RouteUnreachable                  // refused with "host unreachable"
	RouteProhibit                     // refused with "prohibited"
)

// Route is the answer to a [RouteQuery].
type Route struct {
	Type    RouteType
	Ifindex uint32     // device that it leaves by
	Gateway netip.Addr // next hop, of either family; invalid: the destination is a neighbour
	Source  netip.Addr // preferred source address; invalid: none
	Metric  uint32
	MTU     uint32 // locked to the route (mtu lock); 0: the device's
	Encap   bool   // leaves through a lightweight tunnel
}

// noNetwork is a network of which nothing is known. Its methods are promoted to [Default] through one
// more level than those of a Network that is embedded beside it, which so take their place.
type noNetwork struct{}

// Device returns a device for every index from 1 on, of which nothing is known. Programs that
// send packets by the number of a device so run without a host that describes it.
func (noNetwork) Device(ifindex uint32) (Device, bool) { return Device{Index: ifindex}, ifindex != 0 }

// Route finds nothing.
func (noNetwork) Route(RouteQuery) Route { return Route{} }

// Neighbor knows nobody.
func (noNetwork) Neighbor(uint32, netip.Addr) (mac [6]byte, ok bool) { return mac, false }
