package rivet

import (
	"runtime"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet/internal/host"
)

// Host is the machine around programs: what helpers ask about processes,
// memory, routes and sockets. Embed [DefaultHost] to implement a part of it.
type Host = host.Host

// DefaultHost is the host of collections that are given none: this process for
// questions about the current task, and nothing where a kernel would be needed.
type DefaultHost = host.Default

// Task is a thread of a process, as [Host] tells of it.
type Task = host.Task

// PIDNamespace is a task as a PID namespace has it.
type PIDNamespace = host.PIDNamespace

// MemoryMap is memory for a [Host] to give, made of ranges.
type MemoryMap = host.MemoryMap

// possibleCPUs is how many processors the host can have. Only Linux tells more
// than there are.
func possibleCPUs() int {
	if n, err := ebpf.PossibleCPU(); err == nil {
		return n
	}
	return runtime.NumCPU()
}
