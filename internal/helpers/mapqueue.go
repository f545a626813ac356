package helpers

import (
	"fmt"

	"github.com/rivetbpf/rivet/internal/maps"
)

// Maps without keys: enum bpf_func_id 87 to 89, kernel/bpf/helpers.c.
var mapQueueHelpers = []*Helper{
	{ID: 87, Name: "map_push_elem", Args: []Arg{{Name: "map", Kind: AnyMap}, {Name: "value", Kind: MapValue}, {Name: "flags", Kind: Scalar}},
		Fn: func(c *Call) (uint64, error) {
			p, err := c.pusher(maps.FRdonlyProg)
			if err != nil {
				return 0, err
			}
			return maps.Guest(p.Push(c.Mem[1], c.Args[2])), nil
		}},
	{ID: 88, Name: "map_pop_elem", Args: []Arg{{Name: "map", Kind: AnyMap}, {Name: "value", Kind: MapValueW}},
		Fn: func(c *Call) (uint64, error) {
			p, err := c.pusher(maps.FRdonlyProg)
			if err != nil {
				return 0, err
			}
			return maps.Guest(p.Pop(c.Mem[1])), nil
		}},
	{ID: 89, Name: "map_peek_elem", Args: []Arg{{Name: "map", Kind: AnyMap}, {Name: "value", Kind: MapValueW}},
		Fn: func(c *Call) (uint64, error) {
			p, err := c.pusher(0)
			if err != nil {
				return 0, err
			}
			return maps.Guest(p.Peek(c.Mem[1])), nil
		}},
}

// pusher returns the call's map, whose flags must not have forbidden.
func (c *Call) pusher(forbidden uint32) (maps.Pusher, error) {
	p, ok := c.Map.Map.(maps.Pusher)
	if !ok {
		return nil, c.bad(0, 0, fmt.Sprintf("map %q is of kind %v, must be Queue, Stack or BloomFilter", c.Map.Def.Name, c.Map.Kind.Type))
	}
	return p, c.forbid(forbidden, "map is read-only for programs (BPF_F_RDONLY_PROG)")
}
