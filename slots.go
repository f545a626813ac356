package rivet

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"syscall"

	"github.com/rivetbpf/rivet/internal/arena"
	"github.com/rivetbpf/rivet/internal/bpf"
	"github.com/rivetbpf/rivet/internal/engine"
	"github.com/rivetbpf/rivet/internal/helpers"
	"github.com/rivetbpf/rivet/internal/idle"
	"github.com/rivetbpf/rivet/internal/progctx"
	"github.com/rivetbpf/rivet/internal/rcu"
)

// errClosed is what a run of a closed program gives.
var errClosed = fmt.Errorf("the program is closed: %w", syscall.EBADF)

// packetRoom is what every slot has for headroom, packet and tailroom; larger
// packets borrow memory for the time of their run.
const packetRoom = 4096

// slot is the guest memory of one run in flight, and all else that it needs, so
// that a run allocates nothing.
type slot struct {
	number   uint32       // from 1
	untidy   bool         // the run has more than its slot: reader, borrowed, run.Context
	reader   *rcu.Reader  // nil where maps free nothing
	last     *bpf.Program // whose Type and Section run has
	unwatch  func() bool  // of the context that the run is under, if it can end
	borrowed []borrowed   // larger buffers, for the time of the run
	more     func(n int) ([]byte, uint64, error)

	stack    []byte // the whole data stack
	stackTop uint64 // guest address after it
	ctx      []byte
	ctxAt    uint64
	context  progctx.Context // of the current run
	pkt      progctx.Packet  // of the current run
	packet   progctx.Buffer  // the slot's own

	requests [helpers.MaxNesting + 1]engine.Request
	run      helpers.Run // at the end: it is large, and RISC-V reaches 2,047 bytes with one instruction
}

// borrowed is a buffer that goes back to the arena with the end of the run.
type borrowed struct{ at, size uint64 }

// geometry is how much data stack the functions of a module take.
type geometry struct {
	clean int // what the deepest chain of calls uses, without tail calls
	chain int // the same, at least one word
	whole int // with tail calls from the deepest frames
	nests int // how many runs may be nested in each other
}

// measure walks the call graph, which package load made sure has no cycles.
func measure(m *bpf.Module, nests int) geometry {
	depth := make([]int, len(m.Funcs))
	for i := range depth {
		depth[i] = -1
	}
	var walk func(int) int
	walk = func(i int) int {
		if depth[i] < 0 {
			depth[i] = 0 // were there a cycle, it would end here
			below := 0
			for _, c := range m.Funcs[i].Callees {
				below = max(below, walk(c))
			}
			depth[i] = m.Funcs[i].FrameSize + below
		}
		return depth[i]
	}
	g := geometry{nests: nests}
	mixed := false
	for i, f := range m.Funcs {
		g.clean = max(g.clean, walk(i))
		for _, c := range f.Callees {
			mixed = mixed || m.Funcs[c].ReachTailCall
		}
	}
	g.chain = max(g.clean, 8)
	g.whole = g.chain
	if mixed {
		// A subprogram's tail call leaves its callers' frames in place and starts a chain below them.
		g.whole = g.chain * (bpf.MaxTailCalls + 1)
	}
	return g
}

func (g geometry) stack() uint64 { return uint64(g.whole) * uint64(g.nests) }

// slotMemory is what one slot takes of the arena, with the allocator's rounding.
func (g geometry) slotMemory() uint64 {
	return g.stack() + progctx.MaxContext + packetRoom + 8*helpers.MaxNesting + 4*128
}

// pool hands out slots. They are made when they are first needed.
//
// While somebody waits for a slot, and once the pool is closed, the spot for one
// idle slot is barred.
type pool struct {
	arena    *arena.Arena
	geometry geometry
	world    *helpers.World
	frees    bool // some map frees values, so that runs are readers
	nested   func(*slot, int, int, *[5]uint64) (uint64, error)
	close    func() // called once closed and no run is in flight

	spot  idle.Spot
	slots []*slot // by number - 1; the first made are there

	mu       sync.Mutex
	wake     sync.Cond
	free     []*slot
	made     int
	waiting  int
	closed   bool
	released bool // close was called
}

func defaultRuns() int { return max(16, 2*runtime.GOMAXPROCS(0)) }

// ready takes the slot that lies ready. Without one it returns nil, and a slot is
// to be awaited.
func (p *pool) ready() *slot {
	if n := p.spot.Take(); n != 0 {
		return p.slots[n-1]
	}
	return nil
}

// await waits for a slot, at most until ctx ends; a nil ctx does not.
func (p *pool) await(ctx context.Context) (*slot, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	waiting := false
	for {
		p.collect()
		switch {
		case p.closed:
			p.release()
			return nil, errClosed
		case waiting && ctx != nil && ctx.Err() != nil:
			p.open()
			p.wake.Signal() // what woke this one may have been meant for another
			return nil, fmt.Errorf("not run, as %d runs were in flight: %w (raise CollectionOptions.MaxRuns)", p.made, ended(ctx))
		case len(p.free) > 0:
			s := p.free[len(p.free)-1]
			p.free = p.free[:len(p.free)-1]
			p.open()
			return s, nil
		case p.made < len(p.slots):
			p.open()
			return p.make()
		}
		if !waiting && ctx != nil && ctx.Done() != nil {
			defer context.AfterFunc(ctx, p.wakeAll)()
		}
		waiting = true
		p.waiting++
		p.wake.Wait()
		p.waiting--
	}
}

// collect bars the spot. The lock is held.
func (p *pool) collect() {
	if n := p.spot.Bar(); n != 0 {
		p.free = append(p.free, p.slots[n-1])
	}
}

// open opens the spot, unless somebody waits for a slot. The lock is held.
func (p *pool) open() {
	if p.waiting == 0 {
		p.spot.Open()
	}
}

// release frees what the engine holds once nothing runs and nothing ever will. The lock is held.
func (p *pool) release() {
	if p.closed && !p.released && len(p.free) == p.made {
		p.released = true
		p.close()
	}
}

// wakeAll lets everyone who waits for a slot look at his context.
func (p *pool) wakeAll() {
	p.mu.Lock() // or a waiter that has looked and does not wait yet would miss it
	defer p.mu.Unlock()
	p.wake.Broadcast()
}

// put takes back the slot of a run.
func (p *pool) put(s *slot) {
	if !s.tidy() || !p.spot.Leave(s.number) {
		p.takeBack(s)
	}
}

// tidy reports whether the run had nothing beside its slot that is to be given back.
func (s *slot) tidy() bool { return !s.untidy && !s.run.Open() }

// takeBack is put where that is more than to leave the slot in the spot: it gives back what the run had beside it.
func (p *pool) takeBack(s *slot) {
	if s.unwatch != nil {
		s.unwatch()
	}
	s.run.Context, s.unwatch = nil, nil // they may hold much
	if s.reader != nil {
		s.reader.Exit()
	}
	s.run.End()
	for _, b := range s.borrowed {
		p.arena.Free(b.at, b.size)
	}
	s.borrowed, s.untidy = s.borrowed[:0], s.reader != nil
	if !p.spot.Leave(s.number) {
		p.hand(s)
	}
}

// hand is put where the spot is taken or barred.
func (p *pool) hand(s *slot) {
	p.mu.Lock()
	p.free = append(p.free, s)
	p.release()
	p.mu.Unlock()
	p.wake.Signal()
}

// shut refuses further runs and ends what timers do. What the engine holds is freed with the end of the last run.
func (p *pool) shut() {
	p.mu.Lock()
	p.closed = true
	p.collect()
	p.release()
	p.mu.Unlock()
	p.wake.Broadcast()
	if p.world != nil {
		p.world.Timers.Close()
	}
}

// make adds a slot. The lock is held.
func (p *pool) make() (*slot, error) {
	s := &slot{}
	var err error
	if s.stack, s.stackTop, err = p.region(p.geometry.stack()); err != nil {
		return nil, err
	}
	s.stackTop += p.geometry.stack()
	if s.ctx, s.ctxAt, err = p.region(progctx.MaxContext); err != nil {
		return nil, err
	}
	b, at, err := p.region(packetRoom)
	if err != nil {
		return nil, err
	}
	s.packet = progctx.NewBuffer(b, at)
	if _, s.run.Keys, err = p.region(8 * helpers.MaxNesting); err != nil {
		return nil, err
	}
	s.run.World, s.run.Packet = p.world, &s.pkt
	if p.frees {
		s.reader, s.untidy = p.world.RCU.NewReader(), true
	}
	s.run.Nested = func(depth, fn int, args *[5]uint64) (uint64, error) { return p.nested(s, depth, fn, args) }
	s.more = func(n int) ([]byte, uint64, error) { return p.borrow(s, n) }
	s.run.More = s.more
	s.requests[0].StackTop, s.requests[0].Gate = s.stackTop, &s.run
	p.slots[p.made] = s
	p.made++
	s.number = uint32(p.made)
	return s, nil
}

func (p *pool) region(n uint64) ([]byte, uint64, error) {
	at, err := p.arena.Alloc(n)
	if err != nil {
		return nil, 0, fmt.Errorf("memory for a run: %w", err)
	}
	b, ok := p.arena.Bytes(at, n)
	if !ok {
		panic("BUG: arena gave an address that it does not have")
	}
	return b, at, nil
}

// borrow returns zeroed memory of at least total bytes that the slot has until its run ends.
func (p *pool) borrow(s *slot, total int) ([]byte, uint64, error) {
	size := uint64(packetRoom)
	for size < uint64(total) { // powers of two, so that buffers given back fit others
		size *= 2
	}
	b, at, err := p.region(size)
	if err != nil {
		return nil, 0, fmt.Errorf("packet buffer of %d bytes: %w (raise CollectionOptions.PacketMemory)", total, err)
	}
	s.borrowed, s.untidy = append(s.borrowed, borrowed{at, size}), true
	return b, at, nil
}

// clean zeroes the part of the data stack that the program itself can reach
// without tail calls, so that what a run reads there does not depend on others.
func (s *slot) clean(g *geometry) {
	if g.clean != 0 {
		clear(s.stack[len(s.stack)-g.clean:])
	}
}
