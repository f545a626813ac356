package helpers

import (
	"net/netip"
	"slices"

	"github.com/rivetbpf/rivet/internal/host"
	"github.com/rivetbpf/rivet/internal/maps"
)

// networkHelpers is all that a program does to the network around its packet and asks of it.
var networkHelpers = slices.Concat(redirectHelpers, fibHelpers, tunnelHelpers, socketHelpers, cookieHelpers, sockmapHelpers, msgHelpers,
	sockoptHelpers, hdroptHelpers, skStorageHelpers, xfrmHelpers, metadataKfuncs, conntrackKfuncs)

// RedirectKind says what a packet is sent to.
type RedirectKind uint8

// The kinds of redirection.
const (
	ToNothing   RedirectKind = iota // no redirection
	ToDevice                        // bpf_redirect: a device
	ToPeer                          // bpf_redirect_peer: the device at the other end of a pair, in its namespace
	ToNeighbor                      // bpf_redirect_neigh: a device, addressed by the neighbour table
	ToMapDevice                     // bpf_redirect_map: a device in a map
	ToCPU                           // the same: a processor in a CPU map
	ToXSK                           // the same: an AF_XDP socket in an XSK map
	ToSocket                        // bpf_sk_redirect_*, bpf_msg_redirect_*, bpf_sk_select_reuseport: a socket in a map
)

// Redirect is where a program sends its packet, should it return the verdict that says so
// (struct bpf_redirect_info).
type Redirect struct {
	Kind    RedirectKind
	Ifindex uint32 // of the device, where there is one
	Flags   uint64 // as the program gave them
	NextHop netip.Addr
	Map     *maps.Instance // nil: none
	Key     []byte         // in Map
	Value   uint32         // at Key
	// Broadcast are the devices that each get a copy (BPF_F_BROADCAST).
	Broadcast []uint32
	Socket    *host.Socket
}

// Clone is a copy of a packet that a program sent off (bpf_clone_redirect).
type Clone struct {
	Data    []byte
	Ifindex uint32
	Flags   uint64
}

// actions is what a run did to the network around. It is made at the first such act in a place of the
// pool and then used again.
type actions struct {
	redirect Redirect
	clones   []Clone
	cloned   int // bytes of clones
	tunnel   tunnelState
	assigned *host.Socket
	socks    socketTable
	msg      msgState
	dummy    *host.Socket         // of a packet that has no socket
	stored   []*maps.LocalStorage // in which it has a value
	conns    []heldConn
	bound    netip.AddrPort
	reserved int      // bytes of TCP options
	acks     []uint32 // that were sent
}

func (a *actions) reset() {
	a.redirect.Broadcast, a.redirect.Key = a.redirect.Broadcast[:0], a.redirect.Key[:0]
	a.redirect = Redirect{Broadcast: a.redirect.Broadcast, Key: a.redirect.Key}
	clear(a.clones)
	a.clones, a.cloned = a.clones[:0], 0
	a.tunnel = tunnelState{}
	a.assigned = nil
	a.socks.reset()
	for _, m := range a.stored {
		_ = m.Remove(a.dummy.CookieOf()) // it may be gone already
	}
	a.stored = a.stored[:0]
	a.conns, a.acks = a.conns[:0], a.acks[:0]
	a.msg, a.bound, a.reserved = msgState{}, netip.AddrPort{}, 0
}

// Acted reports whether ResetActions has something to forget, or may have.
func (r *Run) Acted() bool { return r.acts != nil || r.Effects.any() }

// ResetActions forgets what the run before did to the network around, and its effects.
func (r *Run) ResetActions() {
	r.Effects.reset()
	if r.acts != nil {
		r.acts.reset()
	}
}

// act returns the run's actions.
func (r *Run) act() *actions {
	if r.acts == nil {
		r.acts = new(actions)
	}
	return r.acts
}

// Redirect returns where the run sends its packet; nil when it does not. It is valid until the next run.
func (r *Run) Redirect() *Redirect {
	if r.acts == nil || r.acts.redirect.Kind == ToNothing {
		return nil
	}
	return &r.acts.redirect
}

// Clones returns the copies of packets that the run sent off. It is valid until the next run; the bytes
// are the caller's to keep.
func (r *Run) Clones() []Clone {
	if r.acts == nil {
		return nil
	}
	return r.acts.clones
}

// to begins a new redirection, which replaces the one before.
func (r *Run) to(kind RedirectKind, ifindex uint32, flags uint64) *Redirect {
	d := &r.act().redirect
	*d = Redirect{Kind: kind, Ifindex: ifindex, Flags: flags, Broadcast: d.Broadcast[:0], Key: d.Key[:0]}
	return d
}
