package helpers

import (
	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet/internal/host"
	"github.com/rivetbpf/rivet/internal/maps"
)

// Storage of sockets: enum bpf_func_id 107 and 108, net/core/bpf_sk_storage.c. A socket's id is its cookie.
var skStorageHelpers = []*Helper{
	{ID: 107, Name: "sk_storage_get", Fn: skStorageGet, Args: []Arg{{Name: "map", Kind: MapOf, Type: ebpf.SkStorage}, {Name: "sk", Kind: Scalar},
		{Name: "value", Kind: MapValue, Nullable: true}, {Name: "flags", Kind: Scalar}}},
	{ID: 108, Name: "sk_storage_delete", Fn: skStorageDelete, Args: []Arg{{Name: "map", Kind: MapOf, Type: ebpf.SkStorage}, {Name: "sk", Kind: Scalar}}},
}

// storing returns the full socket in argument 2; nil where there is none.
func (c *Call) storing() (*host.Socket, error) {
	s, err := c.ofArg(1)
	if s == nil || !s.Full() {
		return nil, err
	}
	return s, nil
}

func skStorageGet(c *Call) (uint64, error) {
	s, err := c.storing()
	if s == nil || c.Args[3] > storageCreate {
		return 0, err
	}
	addr := c.Storage(s.CookieOf())
	if a := c.Run.act(); addr != 0 && s == a.dummy { // which ends with the run
		a.stored = append(a.stored, c.Map.Map.(*maps.LocalStorage))
	}
	return addr, nil
}

func skStorageDelete(c *Call) (uint64, error) {
	s, err := c.storing()
	if err != nil {
		return 0, err
	}
	if s == nil {
		return maps.Guest(maps.EINVAL), nil
	}
	return maps.Guest(c.Map.Map.(*maps.LocalStorage).Remove(s.CookieOf())), nil
}
