//go:build !linux

package helpers

import "time"

// clocksAtStart lets the machine start a second before the process: never 0, which
// programs take for "no time yet".
func clocksAtStart() (monotonic, boot, tai uint64) {
	return uint64(time.Second), uint64(time.Second), uint64(time.Now().UnixNano())
}
