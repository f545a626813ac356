// Package bridge is how the packages beside rivet (ringbuf, perf) reach what lies behind a
// rivet.Map, without that being anybody else's to reach.
package bridge

import "github.com/rivetbpf/rivet/internal/maps"

// Instance returns what a *rivet.Map stands for, nil for one that is closed and for anything else. Package rivet sets it.
// Who touches guest memory through it keeps the *rivet.Map alive until then.
var Instance func(rivetMap any) *maps.Instance
