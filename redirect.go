package rivet

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/rivetbpf/rivet/internal/helpers"
	"github.com/rivetbpf/rivet/internal/progctx"
)

// RedirectKind says what a packet is sent to.
type RedirectKind uint8

const (
	RedirectDevice    = RedirectKind(helpers.ToDevice)    // bpf_redirect: a device
	RedirectPeer      = RedirectKind(helpers.ToPeer)      // bpf_redirect_peer: the other end of a pair of devices
	RedirectNeighbor  = RedirectKind(helpers.ToNeighbor)  // bpf_redirect_neigh: a device; the kernel fills in addresses
	RedirectMapDevice = RedirectKind(helpers.ToMapDevice) // bpf_redirect_map: a device, or several, in a map
	RedirectCPU       = RedirectKind(helpers.ToCPU)       // bpf_redirect_map: a processor in a CPU map
	RedirectXSK       = RedirectKind(helpers.ToXSK)       // bpf_redirect_map: an AF_XDP socket in an XSK map
	RedirectSocket    = RedirectKind(helpers.ToSocket)    // a socket in a map of sockets
)

var redirectNames = [...]string{"nothing", "device", "peer", "neighbor", "map device", "cpu", "xsk", "socket"}

func (k RedirectKind) String() string {
	if int(k) < len(redirectNames) {
		return redirectNames[k]
	}
	return fmt.Sprintf("RedirectKind(%d)", uint8(k))
}

// Redirect is where a packet goes that its program sent elsewhere: what the last of its calls to
// bpf_redirect, bpf_redirect_map and their kin said.
type Redirect struct {
	Kind RedirectKind
	// Ifindex is the device: that a call named, or that a device map has at Key. 0 where there is none.
	Ifindex uint32
	Flags   uint64 // as the program gave them
	// Ingress says that the packet comes in on the device (BPF_F_INGRESS) or is received by the socket, rather than being
	// sent.
	Ingress bool
	// NextHop is the neighbour that bpf_redirect_neigh named; invalid where it named none.
	NextHop netip.Addr
	// Map, Key and Value are the entry that the call went through. Value is an ifindex, the length of a processor's
	// queue or the queue of an AF_XDP socket.
	Map   *Map
	Key   []byte
	Value uint32
	// Broadcast are the devices that get a copy each, with BPF_F_BROADCAST.
	Broadcast []uint32
	// Socket is the socket that the data goes to.
	Socket *Socket
}

// String describes the target in a line.
func (r *Redirect) String() string {
	var b strings.Builder
	switch r.Kind {
	case RedirectCPU, RedirectXSK, RedirectSocket:
		b.WriteString(r.Kind.String())
	case RedirectMapDevice:
		if r.Broadcast != nil {
			fmt.Fprintf(&b, "devices %v", r.Broadcast)
			break
		}
		fmt.Fprintf(&b, "device %d", r.Ifindex)
	default:
		fmt.Fprintf(&b, "%v %d", r.Kind, r.Ifindex)
	}
	if r.Kind == RedirectNeighbor {
		b.Reset()
		fmt.Fprintf(&b, "device %d by neighbour", r.Ifindex)
	}
	if r.NextHop.IsValid() {
		fmt.Fprintf(&b, " %v", r.NextHop)
	}
	if r.Map != nil {
		fmt.Fprintf(&b, ", %s[%s]", r.Map.Name(), keyText(r.Key))
	}
	if r.Kind == RedirectCPU || r.Kind == RedirectXSK {
		fmt.Fprintf(&b, " = %d", r.Value)
	}
	if r.Ingress {
		b.WriteString(", ingress")
	}
	return b.String()
}

// keyText writes a key as a number if it has the size of one.
func keyText(key []byte) string {
	if len(key) == 4 {
		return fmt.Sprint(le.Uint32(key))
	}
	return fmt.Sprintf("%x", key)
}

// Clone is a copy of the packet that the program sent off while it ran (bpf_clone_redirect).
type Clone struct {
	Data    []byte // the packet as it was then
	Ifindex uint32
	Flags   uint64
	Ingress bool // it comes in on the device rather than being sent
}

// String describes where the copy went.
func (c *Clone) String() string {
	s := fmt.Sprintf("device %d, %d bytes", c.Ifindex, len(c.Data))
	if c.Ingress {
		s += ", ingress"
	}
	return s
}

// Tunnel is the metadata of a packet that a tunnel device took out of its outer headers, or is to put into
// them (struct ip_tunnel_info).
type Tunnel = helpers.Tunnel

// RxMetadata is what a driver knows of a packet beside its bytes.
type RxMetadata = helpers.RxMetadata

// redirected is the verdict with which a redirection takes place.
func redirected(l *progctx.Layout, kind helpers.RedirectKind, r0 uint64) bool {
	verdict := uint32(r0)
	switch {
	case kind == helpers.ToSocket:
		return verdict == skPass
	case l.XDP():
		return verdict == xdpRedirect
	}
	return verdict == tcRedirect
}

// SK_PASS, XDP_REDIRECT and TC_ACT_REDIRECT (BPF_REDIRECT is the same).
const (
	skPass      = 1
	xdpRedirect = 4
	tcRedirect  = 7
)

// actions fills in what the run did to the network around.
func (r *RunResult) actions(c *core, l *progctx.Layout, run *helpers.Run) {
	if r == nil {
		return // nobody asks
	}
	if d := run.Redirect(); d != nil && redirected(l, d.Kind, r.R0) {
		r.Redirect = c.redirect(d)
	}
	for _, cl := range run.Clones() {
		r.Clones = append(r.Clones, Clone{Data: cl.Data, Ifindex: cl.Ifindex, Flags: cl.Flags, Ingress: cl.Flags&helpers.FIngress != 0})
	}
	if t := run.Tunnel(); t != nil {
		copied := *t
		copied.Options = slices.Clone(t.Options)
		r.Tunnel = &copied
	}
	r.Assigned = run.Assigned()
	r.ApplyBytes, r.CorkBytes = run.Verdicts()
	r.Bound, r.Acks = run.Bound(), slices.Clone(run.Acks())
}

func (c *core) redirect(d *helpers.Redirect) *Redirect {
	r := &Redirect{Kind: RedirectKind(d.Kind), Ifindex: d.Ifindex, Flags: d.Flags, NextHop: d.NextHop, Value: d.Value, Socket: d.Socket}
	if d.Map != nil {
		r.Map, r.Key = c.mapAt(d.Map.Index), slices.Clone(d.Key)
	}
	if d.Flags&helpers.FBroadcast != 0 && d.Kind == helpers.ToMapDevice {
		r.Broadcast = append([]uint32{}, d.Broadcast...)
	}
	switch d.Kind {
	case helpers.ToDevice, helpers.ToSocket:
		r.Ingress = d.Flags&helpers.FIngress != 0
	case helpers.ToPeer:
		r.Ingress = true // on the device at the other end
	}
	return r
}
