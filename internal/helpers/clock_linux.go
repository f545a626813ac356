package helpers

import (
	"time"

	"golang.org/x/sys/unix"
)

// clocksAtStart reads the clocks that Linux's helpers read, so that a program's time
// compares with what the process itself asks of the kernel.
func clocksAtStart() (monotonic, boot, tai uint64) {
	read := func(clock int32) uint64 {
		var t unix.Timespec
		if unix.ClockGettime(clock, &t) != nil {
			return uint64(time.Second)
		}
		return uint64(t.Nano())
	}
	return read(unix.CLOCK_MONOTONIC), read(unix.CLOCK_BOOTTIME), read(unix.CLOCK_TAI)
}
