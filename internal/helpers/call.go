package helpers

import (
	"context"
	"fmt"
	"io"
	"math"
	"sync"
	"sync/atomic"

	"github.com/cilium/ebpf/btf"

	"github.com/rivetbpf/rivet/internal/arena"
	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/engine"
	"github.com/rivetbpf/rivet/internal/host"
	"github.com/rivetbpf/rivet/internal/maps"
	"github.com/rivetbpf/rivet/internal/progctx"
	"github.com/rivetbpf/rivet/internal/rcu"
)

// World is what all runs of a collection share.
type World struct {
	Module *bpf.Module
	Arena  *arena.Arena
	CPUs   int
	RCU    *rcu.Domain
	Maps   []*maps.Instance
	Table  *Table
	Clock  func() uint64     // nanoseconds since the machine started, time suspended left out
	Boot   func() uint64     // the same, time suspended counted
	TAI    func() uint64     // nanoseconds since 1970, leap seconds counted
	Random func() uint32     // for get_prandom_u32
	Host   host.Host         // the machine around
	Types  *btf.Spec         // of the kernel, or of the object itself; nil: none are known
	Ksyms  map[string]uint64 // addresses of the kernel's symbols
	// Objects are the structs of the kernel that helpers gave programs pointers to.
	Objects Objects
	Timers  *Timers

	heap *heap
	made atomic.Pointer[[]*maps.Instance] // maps that were made after the module's

	mu    sync.Mutex
	print io.Writer // for trace_printk; nil: thrown away
}

// NewWorld returns a world whose trace_printk writes to print, one call at a time.
func NewWorld(m *bpf.Module, env *maps.Env, ms []*maps.Instance, t *Table, print io.Writer) *World {
	w := &World{Module: m, Arena: env.Arena, CPUs: env.CPUs, RCU: env.RCU, Maps: ms, Table: t,
		Clock: since(monotonic0), Boot: since(boot0), TAI: since(tai0), Random: random, Host: host.Default{}, print: print}
	w.Timers, w.heap = newTimers(w), newHeap(w)
	env.Release = w.Release
	return w
}

// mapAt returns the map of an index, nil when there is none.
func (w *World) mapAt(i int) *maps.Instance {
	if i < len(w.Maps) {
		return w.Maps[i]
	}
	if made := w.made.Load(); made != nil && i-len(w.Maps) < len(*made) {
		return (*made)[i-len(w.Maps)]
	}
	return nil
}

// NumMaps returns how many maps there are, and so the index of the next.
func (w *World) NumMaps() int {
	if made := w.made.Load(); made != nil {
		return len(w.Maps) + len(*made)
	}
	return len(w.Maps)
}

// AddMap lets programs use a map whose index is NumMaps. Calls take turns.
func (w *World) AddMap(m *maps.Instance) error {
	if _, ok := bpf.MapIndex(bpf.MapHandle(m.Index)); !ok || m.Index != w.NumMaps() {
		return fmt.Errorf("there are %d maps, no more can have a handle", w.NumMaps())
	}
	var made []*maps.Instance
	if p := w.made.Load(); p != nil {
		made = *p
	}
	made = append(made, m) // readers of the old list do not see what is behind its end
	w.made.Store(&made)
	return nil
}

// MaxNesting is how deep runs may nest: a helper may call back into the guest,
// which may call a helper, and so on.
const MaxNesting = 4

// Run is one run's way out of the engine. It implements engine.Gate and is used
// again and again; nothing on the way to a helper allocates.
type Run struct {
	World *World
	Ctx   []byte // the context, as bytes
	CtxAt uint64 // and its guest address; 0: none
	CPU   uint32 // below World.CPUs
	// Received is the metadata that a tunnel device left with the packet, Socket the socket that the packet or context
	// belongs to; nil: none. More gives zeroed guest memory until the end of the run.
	Received   *Tunnel
	RxMetadata *RxMetadata // what the driver knows of the packet; nil: nothing
	SkAt       uint64      // address of the struct bpf_sock of a struct __sk_buff
	Socket     *host.Socket
	More       func(n int) (b []byte, addr uint64, err error)
	acts       *actions // what was done to the network around; nil until something was
	Type       string   // of the program, as cilium/ebpf names it
	// Layout is what the program is given, Packet its packet; nil where it has none.
	Layout *progctx.Layout
	Packet *progctx.Packet
	// Context is what ends the run, for helpers that take long; nil: nothing.
	Context context.Context
	// Nested runs function fn of the module below the frames in use; depth is 1
	// in a helper that the program itself called.
	Nested func(depth, fn int, args *[5]uint64) (uint64, error)
	// Keys is the guest address of MaxNesting words of 8 bytes, for keys of arrays that callbacks get.
	Keys uint64

	// Section is the program's, Probe what the caller says of the place where it is attached.
	Section string
	Probe   Probe
	// Retval is what bpf_get_retval gives and bpf_set_retval sets, Effects what else the caller can read.
	Retval  int32
	Effects Effects
	Sysctl  *Sysctl // that the program decides about; nil: none

	// Callback is what is run where the run is not a program's, but a timer's.
	Callback *Callback

	kernel   kernelContext
	depth    int
	thrown   *engine.Exit  // by bpf_throw
	held     held          // locks
	owned    []*heapObject // objects that the run has references to
	reserved []reservation // records of ring buffers that the run has open

	calls   [MaxNesting]Call // large, as what follows: behind all that each run touches
	current host.Task        // scratch of task
	texts   [2]text          // and of what compares strings
}

// Call is one call of a helper, its arguments checked.
type Call struct {
	Run  *Run
	Args [5]uint64
	// Mem holds the bytes behind pointers (Ctx, MapKey, MapValue, MapValueW,
	// Mem, MemW); nil for NULL. They are guest memory itself.
	Mem [5][]byte
	Map *maps.Instance // the last argument of kind Map

	Helper *Helper
	User   any    // what package rivet keeps for the next call
	buf    []byte // scratch of what prints, likewise
	step   [64]byte
	text   [maxPacked]byte
	vars   [maxVarargs]uint64
	walk   maps.Walk
	called [5]uint64 // arguments of a callback
}

// Depth returns how many helpers are active in this run, this one included.
func (c *Call) Depth() int { return c.Run.depth }

// Reset makes a run ready for another start, after one that may have ended in a panic.
func (r *Run) Reset() { r.depth, r.thrown, r.Callback, r.kernel.at = 0, nil, nil, 0 }

// Moved writes the packet's new addresses and length into the context, after a helper changed them.
func (r *Run) Moved() { r.Layout.Refresh(r.Ctx, r.Packet) }

// Helper implements engine.Gate.
func (r *Run) Helper(kind uint8, id int32, args *[5]uint64) (uint64, error) {
	h := r.World.Table.Find(kind, id)
	depth := r.depth
	if h == nil || depth >= MaxNesting {
		return 0, r.refused(h, kind, id)
	}
	c := &r.calls[depth]
	if c.Helper != h {
		c.become(r, h)
	}
	c.Args = *args
	if !h.scalars {
		if err := c.bind(); err != nil {
			return 0, err
		}
	}
	r.depth = depth + 1
	r0, err := h.Fn(c)
	r.depth = depth // also right when a panic further in was recovered in h.Fn
	return r0, err
}

// become makes c calls of another helper. Where its arguments are all scalars, bind does not see to it that
// nothing is left of the one before.
func (c *Call) become(r *Run, h *Helper) {
	c.Run, c.Helper, c.Map = r, h, nil
	if h.scalars {
		c.Mem = [5][]byte{}
	}
}

// refused says why a helper is not called.
func (r *Run) refused(h *Helper, kind uint8, id int32) error {
	if h == nil {
		return fmt.Errorf("no %s", NameOf(r.World.Module, kind, id))
	}
	return fmt.Errorf("%s: helpers and callbacks nest deeper than %d", h.Name, MaxNesting)
}

// Invoke calls function fn of the module, as a helper with a callback does.
func (c *Call) Invoke(handle uint64, args *[5]uint64) (uint64, error) {
	fn, ok := bpf.FuncIndex(handle)
	if !ok || fn >= len(c.Run.World.Module.Funcs) {
		return 0, fmt.Errorf("%s: callback %#x is no function", c.Helper.Name, handle)
	}
	if c.Run.Nested == nil || c.Run.depth >= MaxNesting {
		return 0, fmt.Errorf("%s: helpers and callbacks nest deeper than %d", c.Helper.Name, MaxNesting)
	}
	r0, err := c.Run.Nested(c.Run.depth, fn, args)
	if c.Run.thrown != nil && err == nil {
		err = c.Run.thrown // on its way out of the callback
	}
	return r0, err
}

// ArgError says which argument of which helper is bad and why. Args count from 1.
type ArgError struct {
	Helper string
	Arg    int
	Name   string
	Addr   uint64
	Size   uint64 // bytes asked for; 0 when the argument is no pointer
	Why    string
}

func (e *ArgError) Error() string {
	s := fmt.Sprintf("%s: argument %d", e.Helper, e.Arg)
	if e.Name != "" {
		s += " (" + e.Name + ")"
	}
	if e.Size != 0 {
		return fmt.Sprintf("%s: %d bytes at %#x: %s", s, e.Size, e.Addr, e.Why)
	}
	return fmt.Sprintf("%s: %#x: %s", s, e.Addr, e.Why)
}

func (c *Call) bad(i int, size uint64, why string) error {
	return &ArgError{Helper: c.Helper.Name, Arg: i + 1, Name: c.Helper.Args[i].Name, Addr: c.Args[i], Size: size, Why: why}
}

// bind checks every argument and finds the bytes behind the pointers.
func (c *Call) bind() error {
	c.Map = nil
	for i := range c.Helper.Args {
		a := &c.Helper.Args[i]
		v := c.Args[i]
		var err error
		c.Mem[i] = nil
		switch a.Kind {
		case Map, AnyMap, MapOf:
			err = c.bindMap(i)
		case MapKey:
			err = c.bindMem(i, uint64(c.Map.Def.KeySize))
		case MapValue, MapValueW:
			err = c.bindMem(i, uint64(c.Map.Def.ValueSize))
		case Mem, MemW:
			err = c.bindSized(i)
		case Ctx:
			if v != c.Run.CtxAt || v == 0 {
				return c.bad(i, 0, "not the program's context")
			}
			c.Mem[i] = c.Run.Ctx
		case Func:
			if fn, ok := bpf.FuncIndex(v); (!ok || fn >= len(c.Run.World.Module.Funcs)) && !(v == 0 && a.Nullable) {
				return c.bad(i, 0, "not a function")
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *Call) bindMap(i int) error {
	var m *maps.Instance
	if n, ok := bpf.MapIndex(c.Args[i]); ok {
		m = c.Run.World.mapAt(n)
	}
	if m == nil {
		return c.bad(i, 0, "not a map")
	}
	if a := &c.Helper.Args[i]; a.Kind == MapOf && m.Kind.Type != a.Type {
		return c.bad(i, 0, fmt.Sprintf("map %q is of kind %v, must be %v", m.Def.Name, m.Kind.Type, a.Type))
	}
	if !m.Kind.Guest && c.Helper.Args[i].Kind == Map {
		return c.bad(i, 0, fmt.Sprintf("map %q is of kind %v, which programs cannot access", m.Def.Name, m.Kind.Type))
	}
	c.Map = m
	return nil
}

// bindSized checks a pointer whose size is fixed or follows it.
func (c *Call) bindSized(i int) error {
	a := &c.Helper.Args[i]
	if a.Size != 0 {
		return c.bindMem(i, uint64(a.Size))
	}
	n := c.Args[i+1]
	if n == 0 && c.Helper.Args[i+1].Kind == Size {
		return c.bad(i+1, 0, "a size of 0")
	}
	if n > math.MaxInt32 {
		return c.bad(i+1, 0, "a size that is negative or beyond all memory")
	}
	return c.bindMem(i, n)
}

func (c *Call) bindMem(i int, n uint64) error {
	addr := c.Args[i]
	if addr == 0 && c.Helper.Args[i].Nullable {
		return nil
	}
	b, ok := c.Run.World.Arena.Bytes(addr, n)
	switch {
	case ok:
		c.Mem[i] = b
	case n == 0: // nothing is accessed
	case addr == 0:
		return c.bad(i, n, "a NULL pointer")
	default:
		return c.bad(i, n, "outside guest memory")
	}
	return nil
}
