// Package kernel loads collections into the Linux kernel of the machine and runs
// their programs there, to compare with what rivet makes of them.
package kernel

import (
	"fmt"
	"strings"

	"github.com/cilium/ebpf"
)

// Headroom is how many bytes more than its input a packet may have afterwards.
const Headroom = 1 << 10

// Input is what a program is run on.
type Input struct {
	Packet  []byte
	Context []byte // nil: none
	CPU     uint32 // to run on, where this process may
}

// Result is what one run gives.
type Result struct {
	Ret    uint32
	Packet []byte // as the program leaves it
	// Context is as the program leaves it, as long as the one that it was given; nil where it was given none.
	Context []byte
}

// Refused is the error of a program that the verifier does not let in.
type Refused struct {
	Program string // empty when it is not known
	Log     []string
	Err     error // the system call's
}

// tail is how many lines of the verifier's log a message shows: the last ones say why.
const tail = 12

// Error ends with the end of the verifier's log.
func (r *Refused) Error() string {
	var b strings.Builder
	b.WriteString("the kernel's verifier refuses ")
	if r.Program != "" {
		fmt.Fprintf(&b, "program %s", r.Program)
	} else {
		b.WriteString("the object")
	}
	fmt.Fprintf(&b, " (%v)", r.Err)
	log := r.Log
	if len(log) > tail {
		fmt.Fprintf(&b, "; the last %d of %d lines of its log", tail, len(log))
		log = log[len(log)-tail:]
	}
	b.WriteByte(':')
	for _, line := range log {
		b.WriteString("\n    " + strings.TrimRight(line, "\r\n\t "))
	}
	return b.String()
}

// Unwrap returns the system call's error.
func (r *Refused) Unwrap() error { return r.Err }

// Prune removes the programs of a collection that neither keep names nor a
// program array holds from the start: those would be verified for nothing.
func Prune(spec *ebpf.CollectionSpec, keep ...string) {
	used := map[string]bool{}
	for _, name := range keep {
		used[name] = true
	}
	for _, m := range spec.Maps {
		for _, kv := range m.Contents {
			if name, ok := kv.Value.(string); ok && m.Type == ebpf.ProgramArray {
				used[name] = true
			}
		}
	}
	for name := range spec.Programs {
		if !used[name] {
			delete(spec.Programs, name)
		}
	}
}
