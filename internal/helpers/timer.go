package helpers

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/maps"
)

// Work that is done later: timers, enum bpf_func_id 169 to 172, and work queues (kernel/bpf/helpers.c).
var timerHelpers = []*Helper{
	{ID: 169, Name: "timer_init", Fn: timerInit,
		Args: []Arg{{Name: "timer", Kind: MemW, Size: 16}, {Name: "map", Kind: AnyMap}, {Name: "flags", Kind: Scalar}}},
	{ID: 170, Name: "timer_set_callback", Fn: timerSetCallback,
		Args: []Arg{{Name: "timer", Kind: MemW, Size: 16}, {Name: "callback_fn", Kind: Func}}},
	{ID: 171, Name: "timer_start", Fn: timerStart,
		Args: []Arg{{Name: "timer", Kind: MemW, Size: 16}, {Name: "nsecs", Kind: Scalar}, {Name: "flags", Kind: Scalar}}},
	{ID: 172, Name: "timer_cancel", Fn: timerCancel, Args: []Arg{{Name: "timer", Kind: MemW, Size: 16}}},
	{Name: "bpf_wq_init", Fn: wqInit,
		Args: []Arg{{Name: "wq", Kind: MemW, Size: 16}, {Name: "map", Kind: AnyMap}, {Name: "flags", Kind: Scalar}}},
	{Name: "bpf_wq_set_callback", Fn: wqSetCallback, Args: wqCallbackArgs},
	{Name: "bpf_wq_set_callback_impl", Fn: wqSetCallback, Args: wqCallbackArgs},
	{Name: "bpf_wq_start", Fn: wqStart, Args: []Arg{{Name: "wq", Kind: MemW, Size: 16}, {Name: "flags", Kind: Scalar}}},
}

var wqCallbackArgs = []Arg{{Name: "wq", Kind: MemW, Size: 16}, {Name: "callback_fn", Kind: Func}, {Name: "flags", Kind: Scalar}}

// Flags of timer_start, and clocks that timer_init takes (linux/time.h).
const (
	timerAbs    = 1
	timerCPUPin = 2

	clockRealtime  = 0
	clockMonotonic = 1
	clockBoottime  = 7
)

// Timers are the timers and works of a collection. What is known of one is kept here by its
// address; nothing of it is in the guest's memory.
type Timers struct {
	world *World
	// Manual says that nothing is done before [Timers.RunDue] is called.
	Manual bool
	// Run calls a function on a run of its own: the one that begin returns once there is room, unless it
	// says that there is nothing to do any more.
	Run func(begin func() (Callback, bool))
	// Stop is set when callbacks are to end.
	Stop atomic.Bool

	mu     sync.Mutex
	ended  sync.Cond // a callback has ended
	all    map[uint64]*timer
	starts uint64 // how many there were, so that what is due at the same time is done in order
	active int    // callbacks that run
	closed bool
}

// Callback is one call of a timer's function.
type Callback struct {
	Func  int    // index in the module
	CPU   uint32 // of the run that started the timer
	Map   uint64 // the map's handle
	Key   []byte // of the value that the timer is in
	Value uint64 // address of that value

	timer *timer
}

// timer is a bpf_timer or a bpf_wq in a value of a map. A lock of all guards it.
type timer struct {
	at       uint64
	inst     *maps.Instance
	clock    uint64
	callback uint64 // function handle; 0: none
	cpu      uint32
	due      uint64 // by its clock
	start    uint64
	pending  bool
	wake     *time.Timer

	running, cancelling int
}

func newTimers(w *World) *Timers {
	ts := &Timers{world: w, all: map[uint64]*timer{}}
	ts.ended.L = &ts.mu
	return ts
}

// now is what a timer's clock shows.
func (ts *Timers) now(clock uint64) uint64 {
	switch {
	case clock == clockBoottime:
		return ts.world.Boot()
	case clock == clockRealtime && !ts.Manual:
		return uint64(time.Now().UnixNano())
	}
	return ts.world.Clock()
}

// init makes a timer of the field at addr, if there is one of that kind in a value of the map.
func (ts *Timers) init(c *Call, kind bpf.FieldKind, clock uint64) (uint64, error) {
	at, def := c.Args[0], c.Map.Def
	h, ok := c.Map.Map.(maps.Holder)
	if !ok {
		return 0, c.bad(1, 0, fmt.Sprintf("map %q is of kind %v, whose values hold no %v", def.Name, c.Map.Kind.Type, kind))
	}
	value := h.Holds(at, c.key(def.KeySize))
	if value == 0 || bpf.FieldAt(def.Fields, kind, at-value) == nil {
		return 0, c.bad(0, 0, fmt.Sprintf("not a %v in a value of map %q", kind, def.Name))
	}
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if ts.all[at] != nil {
		return maps.Guest(maps.EBUSY), nil
	}
	ts.all[at] = &timer{at: at, inst: c.Map, clock: clock}
	return 0, nil
}

// key returns scratch for a key.
func (c *Call) key(size uint32) []byte {
	if cap(c.buf) < int(size) {
		c.buf = make([]byte, size)
	}
	return c.buf[:size]
}

// set gives a timer its function.
func (ts *Timers) set(at, callback uint64) uint64 {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	t := ts.all[at]
	if t == nil {
		return maps.Guest(maps.EINVAL)
	}
	t.callback = callback
	return 0
}

// start lets a timer go off in so many nanoseconds. One that waits already waits anew.
func (ts *Timers) start(at, nsecs, flags uint64, cpu uint32) uint64 {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	t := ts.all[at]
	if t == nil || t.callback == 0 {
		return maps.Guest(maps.EINVAL)
	}
	if ts.closed {
		return 0
	}
	now := ts.now(t.clock)
	if t.due = nsecs; flags&timerAbs == 0 {
		t.due = now + nsecs
		if t.due < now {
			t.due = ^uint64(0)
		}
	}
	ts.starts++
	t.stopWaking()
	t.pending, t.start, t.cpu = true, ts.starts, cpu
	if !ts.Manual {
		start := t.start
		t.wake = time.AfterFunc(time.Duration(min(t.due-min(now, t.due), 1<<62)), func() { ts.fire(t, start) })
	}
	return 0
}

func (t *timer) stopWaking() {
	t.pending = false
	if t.wake != nil {
		t.wake.Stop()
		t.wake = nil
	}
}

// fire does what a timer is for, if it has not been started again or cancelled before there is room for a run.
func (ts *Timers) fire(t *timer, start uint64) {
	began := false
	ts.Run(func() (cb Callback, ok bool) {
		cb, began = ts.begin(t, start)
		return cb, began && cb.Value != 0
	})
	if !began {
		return
	}
	ts.mu.Lock()
	t.running--
	ts.active--
	ts.mu.Unlock()
	ts.ended.Broadcast()
}

// begin takes a timer for running.
func (ts *Timers) begin(t *timer, start uint64) (cb Callback, ok bool) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	fn, ok := bpf.FuncIndex(t.callback)
	if !ok || !t.pending || t.start != start || ts.closed {
		return cb, false
	}
	t.stopWaking()
	t.running++
	ts.active++
	cb = Callback{Func: fn, CPU: t.cpu, Map: bpf.MapHandle(t.inst.Index), Key: make([]byte, t.inst.Def.KeySize), timer: t}
	cb.Value = t.inst.Map.(maps.Holder).Holds(t.at, cb.Key)
	return cb, true
}

// cancel is bpf_timer_cancel. It waits for a callback that runs, unless the two would wait for
// each other.
func (ts *Timers) cancel(at uint64, in *Callback) uint64 {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	t := ts.all[at]
	if t == nil {
		return maps.Guest(maps.EINVAL)
	}
	if in != nil {
		if in.timer == t {
			return maps.Guest(maps.EDEADLK)
		}
		t.cancelling++
		defer func() { t.cancelling-- }()
		if in.timer.cancelling > 0 {
			return maps.Guest(maps.EDEADLK)
		}
	}
	was := t.pending
	t.stopWaking()
	t.callback = 0
	for t.running > 0 && !ts.closed {
		ts.ended.Wait()
	}
	if was {
		return 1
	}
	return 0
}

// forget ends the timers and works among the fields of a value that is no more.
func (ts *Timers) forget(fields []bpf.Field, value uint64) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	for i := range fields {
		if f := &fields[i]; f.Kind == bpf.Timer || f.Kind == bpf.Workqueue {
			if t := ts.all[value+uint64(f.Offset)]; t != nil {
				t.stopWaking()
				t.callback = 0
				delete(ts.all, t.at)
			}
		}
	}
}

// RunDue does what is due, in the order of time, and returns how much that was. What is started
// meanwhile waits for the next call.
func (ts *Timers) RunDue() int {
	type job struct {
		t          *timer
		due, start uint64
	}
	var jobs []job
	ts.mu.Lock()
	for _, t := range ts.all {
		if t.pending && t.due <= ts.now(t.clock) {
			jobs = append(jobs, job{t, t.due, t.start})
		}
	}
	ts.mu.Unlock()
	slices.SortFunc(jobs, func(a, b job) int {
		if a.due != b.due {
			return cmpUint(a.due, b.due)
		}
		return cmpUint(a.start, b.start)
	})
	for _, j := range jobs {
		ts.fire(j.t, j.start)
	}
	return len(jobs)
}

func cmpUint(a, b uint64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// Close cancels everything and waits until no callback runs.
func (ts *Timers) Close() {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.closed = true
	ts.Stop.Store(true)
	for _, t := range ts.all {
		t.stopWaking()
	}
	ts.ended.Broadcast()
	for ts.active > 0 {
		ts.ended.Wait()
	}
}

func timerInit(c *Call) (uint64, error) {
	switch c.Args[2] {
	case clockRealtime, clockMonotonic, clockBoottime:
		return c.Run.World.Timers.init(c, bpf.Timer, c.Args[2])
	}
	return maps.Guest(maps.EINVAL), nil
}

func timerSetCallback(c *Call) (uint64, error) {
	return c.Run.World.Timers.set(c.Args[0], c.Args[1]), nil
}

func timerStart(c *Call) (uint64, error) {
	if c.Args[2]&^(timerAbs|timerCPUPin) != 0 {
		return maps.Guest(maps.EINVAL), nil
	}
	return c.Run.World.Timers.start(c.Args[0], c.Args[1], c.Args[2], c.Run.CPU), nil
}

func timerCancel(c *Call) (uint64, error) {
	return c.Run.World.Timers.cancel(c.Args[0], c.Run.Callback), nil
}

func wqInit(c *Call) (uint64, error) {
	if c.Args[2] != 0 {
		return maps.Guest(maps.EINVAL), nil
	}
	return c.Run.World.Timers.init(c, bpf.Workqueue, clockMonotonic)
}

func wqSetCallback(c *Call) (uint64, error) {
	if c.Args[2] != 0 {
		return maps.Guest(maps.EINVAL), nil
	}
	return c.Run.World.Timers.set(c.Args[0], c.Args[1]), nil
}

func wqStart(c *Call) (uint64, error) {
	if c.Args[1] != 0 {
		return maps.Guest(maps.EINVAL), nil
	}
	return c.Run.World.Timers.start(c.Args[0], 0, 0, c.Run.CPU), nil
}
