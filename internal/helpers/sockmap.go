package helpers

import (
	"fmt"
	"slices"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet/internal/host"
	"github.com/rivetbpf/rivet/internal/maps"
)

// Maps of sockets: enum bpf_func_id 52, 53, 60, 70 to 72 and 82, net/core/sock_map.c and net/core/filter.c.
var sockmapHelpers = []*Helper{
	{ID: 52, Name: "sk_redirect_map", Fn: skRedirect(false, ebpf.SockMap), Args: redirectIndexArgs("skb")},
	{ID: 53, Name: "sock_map_update", Fn: sockMapUpdate(ebpf.SockMap), Args: sockUpdateArgs},
	{ID: 60, Name: "msg_redirect_map", Fn: skRedirect(false, ebpf.SockMap), Args: redirectIndexArgs("msg")},
	{ID: 70, Name: "sock_hash_update", Fn: sockMapUpdate(ebpf.SockHash), Args: sockUpdateArgs},
	{ID: 71, Name: "msg_redirect_hash", Fn: skRedirect(true, ebpf.SockHash), Args: redirectKeyArgs("msg")},
	{ID: 72, Name: "sk_redirect_hash", Fn: skRedirect(true, ebpf.SockHash), Args: redirectKeyArgs("skb")},
	{ID: 82, Name: "sk_select_reuseport", Fn: skSelectReuseport,
		Args: []Arg{{Name: "ctx", Kind: Ctx}, {Name: "map", Kind: AnyMap}, {Name: "key", Kind: MapKey}, {Name: "flags", Kind: Scalar}}},
}

var sockUpdateArgs = []Arg{{Name: "skops", Kind: Ctx}, {Name: "map", Kind: AnyMap}, {Name: "key", Kind: MapKey}, {Name: "flags", Kind: Scalar}}

func redirectIndexArgs(ctx string) []Arg {
	return []Arg{{Name: ctx, Kind: Ctx}, {Name: "map", Kind: AnyMap}, {Name: "key", Kind: Scalar}, {Name: "flags", Kind: Scalar}}
}

func redirectKeyArgs(ctx string) []Arg {
	return []Arg{{Name: ctx, Kind: Ctx}, {Name: "map", Kind: AnyMap}, {Name: "key", Kind: MapKey}, {Name: "flags", Kind: Scalar}}
}

// socketMap returns the map of sockets in argument i, which is of one of the kinds.
func (c *Call) socketMap(i int, kinds ...ebpf.MapType) (*maps.SockMap, error) {
	if m, ok := c.Map.Map.(*maps.SockMap); ok && slices.Contains(kinds, c.Map.Kind.Type) {
		return m, nil
	}
	return nil, c.bad(i, 0, fmt.Sprintf("map %q is of kind %v, must be %v", c.Map.Def.Name, c.Map.Kind.Type, kinds))
}

// skRedirect is bpf_sk_redirect_map and _hash, bpf_msg_redirect_map and _hash: the data goes to a socket of the map.
func skRedirect(byKey bool, kind ebpf.MapType) func(*Call) (uint64, error) {
	return func(c *Call) (uint64, error) {
		m, err := c.socketMap(1, kind)
		if err != nil {
			return 0, err
		}
		flags := c.Args[3]
		if flags&^FIngress != 0 {
			return skDrop, nil
		}
		var index [4]byte
		key := c.Mem[2]
		if !byKey {
			le.PutUint32(index[:], uint32(c.Args[2]))
			key = index[:]
		}
		s := m.Socket(key)
		if s == nil || !redirectAllowed(s) {
			return skDrop, nil
		}
		c.toSocket(s, key, flags)
		return skPass, nil
	}
}

// redirectAllowed is sock_map_redirect_allowed.
func redirectAllowed(s *host.Socket) bool {
	if s.TypeOf() == host.SockStream {
		return s.State == host.TCPEstablished || s.Protocol != host.ProtoTCP && s.State != host.TCPListen
	}
	return true
}

func (c *Call) toSocket(s *host.Socket, key []byte, flags uint64) {
	d := c.Run.to(ToSocket, 0, flags)
	d.Map, d.Socket, d.Key = c.Map, s, append(d.Key, key...)
}

// sockMapUpdate puts the socket of a sock_ops context into a map.
func sockMapUpdate(kind ebpf.MapType) func(*Call) (uint64, error) {
	return func(c *Call) (uint64, error) {
		m, err := c.socketMap(1, kind)
		if err != nil {
			return 0, err
		}
		if c.Run.Socket == nil {
			return maps.Guest(maps.EOPNOTSUPP), nil
		}
		return maps.Guest(m.Put(c.Mem[2], c.Run.Socket, c.Args[3])), nil
	}
}

// skSelectReuseport is sk_select_reuseport: which of the sockets that share a port gets the packet.
func skSelectReuseport(c *Call) (uint64, error) {
	m, err := c.socketMap(1, ebpf.ReusePortSockArray, ebpf.SockMap, ebpf.SockHash)
	if err != nil {
		return 0, err
	}
	if c.Args[3] != 0 {
		return maps.Guest(maps.EINVAL), nil
	}
	s := m.Socket(c.Mem[2])
	if s == nil {
		return maps.Guest(maps.ENOENT), nil
	}
	c.toSocket(s, c.Mem[2], 0)
	return 0, nil
}

// lookupSocket is what map_lookup_elem gives where a map has no value at an address: a socket, which the
// program is to release, or NULL.
func (c *Call) lookupSocket() (uint64, error) {
	if m, ok := c.Map.Map.(*maps.SockMap); ok {
		return c.take(m.Socket(c.Mem[1]))
	}
	return 0, nil
}
