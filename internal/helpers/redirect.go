package helpers

import (
	"fmt"
	"net/netip"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet/internal/maps"
)

// Sending packets elsewhere: enum bpf_func_id 13, 23, 51, 152 and 155, net/core/filter.c. The packet goes where the last
// call says if the program then returns the verdict that these helpers return.
var redirectHelpers = []*Helper{
	{ID: 13, Name: "clone_redirect", Fn: cloneRedirect,
		Args: []Arg{{Name: "skb", Kind: Ctx}, {Name: "ifindex", Kind: Scalar}, {Name: "flags", Kind: Scalar}}},
	{ID: 23, Name: "redirect", Fn: redirect,
		Args: []Arg{{Name: "ifindex", Kind: Scalar}, {Name: "flags", Kind: Scalar}}},
	{ID: 51, Name: "redirect_map", Fn: redirectMap,
		Args: []Arg{{Name: "map", Kind: AnyMap}, {Name: "key", Kind: Scalar}, {Name: "flags", Kind: Scalar}}},
	{ID: 152, Name: "redirect_neigh", Fn: redirectNeigh,
		Args: []Arg{{Name: "ifindex", Kind: Scalar}, {Name: "params", Kind: Mem, Nullable: true}, {Name: "plen", Kind: SizeOrZero}, {Name: "flags", Kind: Scalar}}},
	{ID: 155, Name: "redirect_peer", Fn: redirectPeer,
		Args: []Arg{{Name: "ifindex", Kind: Scalar}, {Name: "flags", Kind: Scalar}}},
}

// Verdicts (enum xdp_action, TC_ACT_* of linux/pkt_cls.h, enum sk_action).
const (
	xdpAborted  = 0
	xdpRedirect = 4
	tcShot      = 2
	tcRedirect  = 7
	skDrop      = 0
	skPass      = 1
)

// Flags of redirections.
const (
	FIngress        = 1 << 0 // BPF_F_INGRESS
	FBroadcast      = 1 << 3 // BPF_F_BROADCAST
	FExcludeIngress = 1 << 4 // BPF_F_EXCLUDE_INGRESS

	xdpActions = 3 // bits of the flags of bpf_redirect_map that are a verdict
)

// redirect is bpf_redirect and bpf_xdp_redirect.
func redirect(c *Call) (uint64, error) {
	ifindex, flags := uint32(c.Args[0]), c.Args[1]
	if c.Run.Layout != nil && c.Run.Layout.XDP() {
		if flags != 0 {
			return xdpAborted, nil
		}
		c.Run.to(ToDevice, ifindex, flags)
		return xdpRedirect, nil
	}
	if flags&^FIngress != 0 {
		return tcShot, nil
	}
	c.Run.to(ToDevice, ifindex, flags)
	return tcRedirect, nil
}

func redirectPeer(c *Call) (uint64, error) {
	if c.Args[1] != 0 {
		return tcShot, nil
	}
	c.Run.to(ToPeer, uint32(c.Args[0]), 0)
	return tcRedirect, nil
}

// redirNeighSize is the size of struct bpf_redir_neigh: a family and an address of 16 bytes.
const redirNeighSize = 20

func redirectNeigh(c *Call) (uint64, error) {
	ifindex, nh, flags := uint32(c.Args[0]), c.Mem[1], c.Args[3]
	if len(nh) != 0 && len(nh) < redirNeighSize || flags != 0 {
		return tcShot, nil
	}
	d := c.Run.to(ToNeighbor, ifindex, flags)
	if len(nh) != 0 {
		switch le.Uint32(nh) {
		case afInet:
			d.NextHop = netip.AddrFrom4([4]byte(nh[4:]))
		case afInet6:
			d.NextHop = netip.AddrFrom16([16]byte(nh[4:]))
		}
	}
	return tcRedirect, nil
}

// redirectMap is __bpf_xdp_redirect_map.
func redirectMap(c *Call) (uint64, error) {
	var kind RedirectKind
	allowed := uint64(xdpActions)
	switch c.Map.Kind.Type {
	case ebpf.DevMap, ebpf.DevMapHash:
		kind = ToMapDevice
		allowed |= FBroadcast | FExcludeIngress
	case ebpf.CPUMap:
		kind = ToCPU
	case ebpf.XSKMap:
		kind = ToXSK
	default:
		return 0, c.bad(0, 0, fmt.Sprintf("map %q is of kind %v; a packet is redirected through a DevMap, DevMapHash, CPUMap or XSKMap",
			c.Map.Def.Name, c.Map.Kind.Type))
	}
	key, flags := uint32(c.Args[1]), c.Args[2]
	if flags&^allowed != 0 {
		return xdpAborted, nil
	}
	value, ok := c.Map.Map.(maps.Targets).Target(key)
	if !ok && flags&FBroadcast == 0 {
		c.Run.to(ToNothing, 0, 0)
		return flags & xdpActions, nil
	}
	d := c.Run.to(kind, 0, flags)
	d.Map, d.Key = c.Map, le.AppendUint32(d.Key, key)
	if flags&FBroadcast != 0 {
		c.Run.broadcast(d)
		return xdpRedirect, nil
	}
	d.Value = value
	if kind == ToMapDevice {
		d.Ifindex = value
	}
	return xdpRedirect, nil
}

// broadcast lists the devices of d's map (dev_map_enqueue_multi).
func (r *Run) broadcast(d *Redirect) {
	b, ok := d.Map.Map.(maps.Broadcaster)
	if !ok {
		return
	}
	except := uint32(0)
	if d.Flags&FExcludeIngress != 0 {
		except = r.Layout.Ingress(r.Ctx)
	}
	b.All(func(ifindex uint32) {
		if ifindex != except {
			d.Broadcast = append(d.Broadcast, ifindex)
		}
	})
}

// maxCloned bounds the bytes that one run may clone, as memory does in Linux.
const maxCloned = 16 << 20

// cloneRedirect is bpf_clone_redirect: a copy of the packet goes, and the program has its own still.
func cloneRedirect(c *Call) (uint64, error) {
	ifindex, flags := uint32(c.Args[1]), c.Args[2]
	if flags&^FIngress != 0 {
		return maps.Guest(maps.EINVAL), nil
	}
	if _, ok := c.Run.World.Host.Device(ifindex); !ok {
		return maps.Guest(maps.EINVAL), nil
	}
	a := c.Run.act()
	var data []byte
	if c.Run.Packet != nil {
		if a.cloned += c.Run.Packet.Len(); a.cloned > maxCloned {
			return maps.Guest(maps.ENOMEM), nil
		}
		data = append(data, c.Run.Packet.Payload()...)
	}
	a.clones = append(a.clones, Clone{Data: data, Ifindex: ifindex, Flags: flags})
	return 0, nil
}
