// Package native is the engine that runs an image on this CPU, in the process
// itself, without cgo. It exists on linux/riscv64; elsewhere [New] says so.
//
// Generated code runs on a control stack of its own, in memory that the garbage
// collector does not know, and comes back to Go through the gate (gate_riscv64.s)
// to run a helper, when it faults, when a slice of fuel is used up, and when it
// returns. docs/RATIONALE.md says why that is safe beside the Go runtime.
package native

import "github.com/rivetbpf/rivet/internal/gate"

// Options say how a module is compiled and run; March is empty for what the CPU has.
type Options = gate.Options
