//go:build unix

// Package cputime tells how much processor time the process has used. Unlike
// elapsed time, differences of it depend little on what else the machine does.
package cputime

import (
	"syscall"
	"time"
)

// Used is the time that the process has spent on processors, garbage
// collection included.
func Used() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic("BUG: getrusage: " + err.Error())
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
