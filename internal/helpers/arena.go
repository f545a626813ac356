package helpers

import (
	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet/internal/maps"
)

// Pages of arenas: kfuncs of kernel/bpf/arena.c.
var arenaHelpers = []*Helper{
	{Name: "bpf_arena_alloc_pages", Args: []Arg{{Name: "map", Kind: MapOf, Type: ebpf.Arena}, {Name: "addr", Kind: Scalar}, {Name: "page_cnt", Kind: Scalar},
		{Name: "node_id", Kind: Scalar}, {Name: "flags", Kind: Scalar}},
		Fn: func(c *Call) (uint64, error) {
			if c.Args[4] != 0 {
				return 0, nil
			}
			return c.Map.Map.(*maps.ArenaMap).Alloc(c.Args[1], uint64(uint32(c.Args[2]))), nil
		}},
	{Name: "bpf_arena_free_pages", Args: arenaRange,
		Fn: func(c *Call) (uint64, error) {
			if c.Args[1] != 0 {
				c.Map.Map.(*maps.ArenaMap).Free(c.Args[1], uint64(uint32(c.Args[2])))
			}
			return 0, nil
		}},
	{Name: "bpf_arena_reserve_pages", Args: arenaRange,
		Fn: func(c *Call) (uint64, error) {
			return maps.Guest(c.Map.Map.(*maps.ArenaMap).Reserve(c.Args[1], uint64(uint32(c.Args[2])))), nil
		}},
}

var arenaRange = []Arg{{Name: "map", Kind: MapOf, Type: ebpf.Arena}, {Name: "ptr", Kind: Scalar}, {Name: "page_cnt", Kind: Scalar}}
