//go:build !unix

// Package cputime tells how much processor time the process has used. Here that
// is not to be had, and elapsed time has to do.
package cputime

import "time"

var start = time.Now()

// Used is the time since the process began.
func Used() time.Duration { return time.Since(start) }
