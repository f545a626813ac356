package helpers

import "math/rand/v2"

// Random numbers and processors: enum bpf_func_id 7 and 8.
var miscHelpers = []*Helper{
	{ID: 7, Name: "get_prandom_u32", Fn: func(c *Call) (uint64, error) { return uint64(c.Run.World.Random()), nil }},
	{ID: 8, Name: "get_smp_processor_id", Fn: func(c *Call) (uint64, error) { return uint64(c.Run.CPU), nil }},
}

func random() uint32 { return rand.Uint32() }
