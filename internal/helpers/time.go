package helpers

import "time"

// Clocks: enum bpf_func_id 5.
var timeHelpers = []*Helper{
	{ID: 5, Name: "ktime_get_ns", Fn: func(c *Call) (uint64, error) { return c.Run.World.Clock(), nil }},
}

var started = time.Now()

// monotonic is the default clock: nanoseconds since an unknown moment, never
// going back, never 0 (programs take 0 for "no time yet").
func monotonic() uint64 { return uint64(time.Since(started)) + uint64(time.Second) }
