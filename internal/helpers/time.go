package helpers

import "time"

// Clocks: enum bpf_func_id 5, 118, 125, 160 and 208.
var timeHelpers = []*Helper{
	{ID: 5, Name: "ktime_get_ns", Fn: func(c *Call) (uint64, error) { return c.Run.World.Clock(), nil }},
	{ID: 118, Name: "jiffies64", Fn: func(c *Call) (uint64, error) { return c.Run.World.jiffies(), nil }},
	{ID: 125, Name: "ktime_get_boot_ns", Fn: func(c *Call) (uint64, error) { return c.Run.World.Boot(), nil }},
	{ID: 160, Name: "ktime_get_coarse_ns", Fn: func(c *Call) (uint64, error) { return c.Run.World.coarse(), nil }},
	{ID: 208, Name: "ktime_get_tai_ns", Fn: func(c *Call) (uint64, error) { return c.Run.World.TAI(), nil }},
}

// hz is how many timer ticks there are a second, CONFIG_HZ.
const hz = 250

// firstJiffy is INITIAL_JIFFIES of include/linux/jiffies.h: the low 32 bits
// overflow five minutes after the machine starts.
const firstJiffy = 1<<32 - 300*hz

func (w *World) jiffies() uint64 { return firstJiffy + w.Clock()/(1e9/hz) }

// coarse is the clock as the last timer tick left it.
func (w *World) coarse() uint64 {
	ns := w.Clock()
	return ns - ns%(1e9/hz)
}

// SetClock makes one clock of all: the time since the machine started, which it did at the
// epoch and without ever being suspended.
func (w *World) SetClock(now func() uint64) { w.Clock, w.Boot, w.TAI = now, now, now }

// started and what the clocks showed then. Each goes on as Go's monotonic clock does, so that no
// call asks the kernel.
var (
	started                 = time.Now()
	monotonic0, boot0, tai0 = clocksAtStart()
)

func since(at uint64) func() uint64 {
	return func() uint64 { return at + uint64(time.Since(started)) }
}
