// Package rivet runs eBPF programs in user space: as RV64 machine code, natively on
// linux/riscv64 and on an embedded RV64 machine (the hart) elsewhere, or in a reference interpreter.
//
// Objects are read with [github.com/cilium/ebpf]; names, arguments and error
// sentinels here are that package's wherever the thing is the same, so that
// code written for the kernel needs few changes:
//
//	spec, err := rivet.LoadCollectionSpec("prog.o")
//	coll, err := rivet.NewCollection(spec)
//	defer coll.Close()
//	verdict, err := coll.Programs["entry"].Run(&rivet.RunOptions{Data: packet})
//
// A program never harms its process: what it does wrong ends its run with a
// [*Fault] that names program, instruction and source line. There is no
// verifier: a program that Linux would refuse runs until it does something
// that it must not.
//
// Global data in .rodata is constant for users, not for programs: a store to it
// lands, as there is no verifier to refuse it.
//
// All data that guests see is little-endian, on every host.
package rivet

import (
	"fmt"
	"io"

	"github.com/cilium/ebpf/btf"

	"github.com/rivetbpf/rivet/internal/engine"
	"github.com/rivetbpf/rivet/internal/helpers"
)

// Engine says what executes programs.
type Engine uint8

const (
	// EngineDefault is the best engine of this build.
	EngineDefault Engine = iota
	// EngineHart compiles to RV64 machine code and runs it on an RV64 machine in Go, on any host.
	EngineHart
	// EngineInterp is the reference interpreter.
	EngineInterp
	// EngineNative compiles to the host's own machine code.
	EngineNative
)

var engineNames = [...]string{"default", "hart", "interp", "native"}

func (e Engine) String() string {
	if int(e) < len(engineNames) {
		return engineNames[e]
	}
	return fmt.Sprintf("Engine(%d)", uint8(e))
}

// ParseEngine is the inverse of [Engine.String].
func ParseEngine(name string) (Engine, error) {
	for i, n := range engineNames {
		if n == name {
			return Engine(i), nil
		}
	}
	return 0, fmt.Errorf("engine %q: must be hart, interp or native", name)
}

// TailCalls says how the count of tail calls travels. In both schemes at most
// 33 tail calls (MAX_TAIL_CALL_CNT) follow each other; they differ where
// subprograms tail-call.
type TailCalls uint8

const (
	// TailCallsShared keeps one count for the whole call tree of a run, as Linux
	// does on x86-64 and arm64 since 6.12.
	TailCallsShared TailCalls = iota
	// TailCallsPropagated passes the count by value: a subprogram starts with its
	// caller's count and the caller goes on with its own.
	TailCallsPropagated
)

func (t TailCalls) String() string { return t.scheme().String() }

func (t TailCalls) scheme() engine.Scheme {
	if t == TailCallsPropagated {
		return engine.Propagated
	}
	return engine.Shared
}

// ParseTailCalls is the inverse of [TailCalls.String].
func ParseTailCalls(name string) (TailCalls, error) {
	for _, t := range []TailCalls{TailCallsShared, TailCallsPropagated} {
		if t.String() == name {
			return t, nil
		}
	}
	return 0, fmt.Errorf("tail-call scheme %q: must be shared or propagated", name)
}

// DefaultFuel is the fuel of a run whose options say nothing: seconds of work.
const DefaultFuel = 1 << 28

// CollectionOptions control [NewCollectionWithOptions]. The zero value is ready to use.
type CollectionOptions struct {
	// Engine executes the programs.
	Engine Engine
	// TailCalls is the scheme of the tail-call count.
	TailCalls TailCalls
	// March names the RV64 extensions that compiled code may use, such as
	// "rv64gc_zba_zbb". Empty: "rv64gc". Engines that do not compile ignore it.
	March string
	// Dump, if set, gets the text of the compiler's stages that DumpStages names:
	// "ir" for the intermediate representation, "asm" for the machine code.
	Dump       io.Writer
	DumpStages []string
	// Disable names optimizer passes to leave out. Engines that do not compile ignore it.
	Disable []string
	// Helpers are helpers and kfuncs in addition to the built-in ones, or in
	// place of those with the same number.
	Helpers []Helper
	// TracePrintk gets what programs print with bpf_trace_printk, one Write for
	// each line. nil: thrown away.
	TracePrintk io.Writer
	// Fuel bounds every run that does not bring its own: the number of backward
	// jumps that it may execute, of tail calls where TailCalls leaves their number
	// open, and of functions that helpers call back. A run spends it in the same way on every
	// engine. 0: DefaultFuel. Negative: no bound.
	Fuel int64
	// KernelTypes is what CO-RE relocations are made against, such as the host's
	// types ([btf.LoadKernelSpec]). nil: the object's own types, so that every
	// field is where its compiler saw it.
	KernelTypes *btf.Spec
	// Kconfig gives the values of extern __kconfig variables, written as in a
	// kernel's .config file. Missing ones are taken from the host, where it tells them.
	Kconfig map[string]string
	// Ksyms gives the addresses of extern __ksym variables. Weak ones that are not listed are 0. They are also what
	// bpf_kallsyms_lookup_name finds.
	Ksyms map[string]uint64
	// MaxMemory bounds the guest memory of the collection in bytes: its maps, and
	// stacks, contexts and packets of the runs. 0: as much as is needed, up to
	// the 1.25 GiB that the address space has.
	MaxMemory uint64
	// PacketMemory is how many bytes are kept for packets of more than 3.5 KiB. 0: 1 MiB.
	PacketMemory uint64
	// MaxRuns bounds how many runs are in flight at once; further ones wait. A
	// run that a helper starts counts too, while the one that called the helper waits.
	// 0: 16, or twice the number of processors if that is more.
	MaxRuns int
	// CPUs is how many processors per-CPU maps have values for, and
	// [RunOptions.CPU] may name. 0: as many as the host can have, as the kernel counts them.
	CPUs int
	// MapMemory is how many bytes of guest memory there are for maps that [Collection.NewMap] makes, beside
	// what outer maps let expect.
	MapMemory uint64
	// Host is the machine around the programs: what helpers ask about processes,
	// memory, routes and sockets. nil: [DefaultHost].
	Host Host
	// Coverage counts how often each source line is executed, for [Collection.Coverage].
	// The interpreter does it: with another engine than that or EngineDefault it is an error.
	Coverage bool
	// Clock, if set, is what all clocks of programs read, in nanoseconds since the machine started:
	// bpf_ktime_get_ns and bpf_ktime_get_boot_ns give it as it is, bpf_ktime_get_coarse_ns rounded
	// down to a timer tick of 4 ms, bpf_ktime_get_tai_ns as if the machine had started at the epoch, and bpf_jiffies64 in
	// ticks, from 2^32-75000 on as Linux counts with CONFIG_HZ=250. Timers then go off when
	// [Collection.RunTimers] is called. nil: the host's clocks.
	Clock func() uint64
	// OnFault, if set, is called with the [*Fault] of a timer's or a work queue's function, which nobody
	// waits for. It may be called by several goroutines at once, and must not close programs.
	OnFault func(error)
	// Random, if set, is what bpf_get_prandom_u32 reads.
	Random func() uint32

	// The fields below are cilium/ebpf's, for code that fills them in.

	// Maps is ignored: maps live in this process and each collection has its own,
	// so none is pinned, or found where another has pinned it.
	Maps MapOptions
	// Programs.KernelTypes is used where KernelTypes is nil. ExtraRelocationTargets
	// must be empty. What is said of the verifier's log is ignored, as there is no verifier.
	Programs ProgramOptions
	// MapReplacements must be empty: a map is in the guest memory of its
	// collection, which programs of another cannot reach.
	MapReplacements map[string]*Map
	// Cache is ignored.
	Cache *btf.Cache
}

// adopt looks at the fields that are cilium/ebpf's.
func (o *CollectionOptions) adopt() error {
	if len(o.MapReplacements) > 0 {
		return fmt.Errorf("CollectionOptions.MapReplacements: %w: a collection has its own guest memory, and no map of another in it", ErrNotSupported)
	}
	if len(o.Programs.ExtraRelocationTargets) > 0 {
		return fmt.Errorf("CollectionOptions.Programs.ExtraRelocationTargets: %w: give the types in KernelTypes", ErrNotSupported)
	}
	if o.KernelTypes == nil {
		o.KernelTypes = o.Programs.KernelTypes
	}
	return nil
}

// haveKfunc tells the loader what weak references to kfuncs become.
func (o *CollectionOptions) haveKfunc(name string) bool {
	for i := range o.Helpers {
		if h := &o.Helpers[i]; h.ID == 0 && h.Name == name {
			return true
		}
	}
	return helpers.HasKfunc(name)
}
