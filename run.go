package rivet

import (
	"context"
	"fmt"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/rivetbpf/rivet/internal/engine"
	"github.com/rivetbpf/rivet/internal/progctx"
	"github.com/rivetbpf/rivet/internal/trace"
)

// noOptions stands for options that are nil. Nothing writes to it.
var noOptions RunOptions

// Run runs the program and returns the lower half of R0. The error of a run
// that ended early holds a [*Fault].
//
// An empty program is run here in the time of a dozen calls. So the usual run, which waits for no slot and
// happens once, has all it needs in this function and the two that it calls; run does the others.
func (p *Program) Run(opts *RunOptions) (uint32, error) {
	if opts == nil {
		opts = &noOptions
	}
	pool := p.core.pool
	if opts.Flags != 0 || opts.Repeat > 1 || p.closed.Load() {
		return p.runAny(opts)
	}
	s := pool.ready()
	if s == nil {
		return p.runAny(opts)
	}
	defer func() { // pool.put in place
		if !s.tidy() || !pool.spot.Leave(s.number) {
			pool.takeBack(s)
		}
	}()
	if s.reader != nil {
		s.reader.Enter(s.run.World.RCU)
	}
	if err := p.prepare(s, opts); err != nil {
		return 0, p.wrap(err)
	}
	s.clean(&p.core.geometry)
	res, err := p.core.backend.Run(&s.requests[0])
	if err != nil || opts.DataOut != nil || opts.ContextOut != nil {
		err = p.finish(s, opts, err)
	}
	return uint32(res.R0), err
}

func (p *Program) runAny(opts *RunOptions) (uint32, error) {
	r0, err := p.run(nil, opts, nil)
	return uint32(r0), err
}

// run does all of [Program.RunContext]. A nil ctx never ends. detail, if not nil,
// gets all that is known about the run.
func (p *Program) run(ctx context.Context, opts *RunOptions, detail *RunResult) (r0 uint64, err error) {
	if opts == nil {
		opts = &noOptions
	}
	if opts.Flags != 0 && !p.knows(opts.Flags) || p.closed.Load() || ctx != nil && ctx.Err() != nil {
		return 0, p.refused(ctx, opts)
	}
	s := p.core.pool.ready()
	if s == nil {
		if s, err = p.core.pool.await(ctx); err != nil {
			return 0, p.wrap(err)
		}
	}
	defer p.core.pool.put(s)
	if s.reader != nil {
		s.reader.Enter(s.run.World.RCU)
	}
	if err := p.prepare(s, opts); err != nil {
		return 0, p.wrap(err)
	}
	if opts.Flags != 0 {
		s.run.SumUp()
	}
	if ctx != nil {
		s.stopWith(ctx)
	}
	if detail == nil && opts.Repeat <= 1 {
		s.clean(&p.core.geometry)
		var res engine.Result
		res, err = p.core.backend.Run(&s.requests[0])
		r0 = res.R0
	} else {
		r0, err = p.repeat(s, max(opts.Repeat, 1), detail)
	}
	if err == nil && opts.Flags != 0 && !s.run.SumHolds() {
		return r0, p.wrap(fmt.Errorf("the packet is not what its checksum says (TestSumComplete): %w", syscall.EBADMSG))
	}
	return r0, p.finish(s, opts, stopped(ctx, err))
}

// TestSumComplete, in [RunOptions.Flags], is BPF_F_TEST_SKB_CHECKSUM_COMPLETE: the packet of a program that is given a struct
// __sk_buff has been summed up (CHECKSUM_COMPLETE), and a program that leaves another sum than its bytes have gives EBADMSG.
const TestSumComplete = 1 << 2

// knows reports whether flags mean something for p.
func (p *Program) knows(flags uint32) bool { return flags == TestSumComplete && p.layout.SKB() }

func (p *Program) wrap(err error) error { return fmt.Errorf("program %s: %w", p.def.Name, err) }

// refused says why nothing is run.
func (p *Program) refused(ctx context.Context, opts *RunOptions) error {
	if p.closed.Load() {
		return p.wrap(errClosed)
	}
	if opts.Flags != 0 && !p.knows(opts.Flags) {
		return fmt.Errorf("program %s: flags %#x: %w", p.def.Name, opts.Flags, ErrNotSupported)
	}
	return fmt.Errorf("program %s was not run: %w", p.def.Name, ended(ctx))
}

// stopWith stops the prepared run when ctx ends, until s.unwatch is called.
func (s *slot) stopWith(ctx context.Context) {
	s.run.Context, s.untidy = ctx, true
	if ctx.Done() == nil {
		return
	}
	stop := new(atomic.Bool) // of this run alone: the context may set it when the run is over
	s.requests[0].Stop = stop
	s.unwatch = context.AfterFunc(ctx, func() { stop.Store(true) })
}

// ended says why ctx ended.
func ended(ctx context.Context) error {
	err := ctx.Err()
	if cause := context.Cause(ctx); cause != err {
		return fmt.Errorf("%w: %w", err, cause)
	}
	return err
}

// stopped gives the fault of a run that ctx stopped its reason.
func stopped(ctx context.Context, err error) error {
	if f, ok := err.(*engine.Fault); ok && ctx != nil && f.Kind == engine.FaultStopped && f.Err == nil {
		f.Err = ended(ctx)
	}
	return err
}

// prepare lays out context and packet in the slot's memory and the request for the engine.
func (p *Program) prepare(s *slot, opts *RunOptions) error {
	var user []byte
	size := p.ctxSize
	if opts.Context != nil {
		var err error
		if user, size, err = p.callersContext(opts); err != nil {
			return err
		}
	}
	if len(opts.Data) != 0 || p.layout.EmptyPacket {
		if user == nil && p.layout.Packet && s.packet.Fits(len(opts.Data)) {
			s.packet.Place(&s.pkt, opts.Data, 0, s.more)
		} else if err := p.placePacket(s, user, opts.Data); err != nil {
			return err
		}
	} else if s.pkt.Start != 0 {
		s.pkt = progctx.Packet{}
	}
	if size != 0 {
		if err := p.placeContext(s, user, size); err != nil {
			return err
		}
	} else if s.context.At != 0 {
		s.run.Ctx, s.run.CtxAt, s.context = nil, 0, progctx.Context{}
	}
	s.run.Reset()
	if s.run.Acted() {
		s.run.ResetActions()
	}
	if opts.CPU >= uint32(p.core.opts.CPUs) {
		return fmt.Errorf("CPU is %d, there are %d (CollectionOptions.CPUs)", opts.CPU, p.core.opts.CPUs)
	}
	run, req := &s.run, &s.requests[0] // what is the same in all runs of a slot is there
	if s.last != p.def {
		s.last, run.Type, run.Section = p.def, p.def.Type, p.def.Section
	}
	run.Received, run.Socket, run.RxMetadata, run.Sysctl, run.Layout = opts.Tunnel, opts.Socket, opts.RxMetadata, opts.Sysctl, p.layout
	run.CPU, run.Retval, run.SkAt = opts.CPU, opts.Retval, s.context.ObjectsAt
	run.Probe.FuncIP, run.Probe.Cookie = opts.FuncIP, opts.AttachCookie
	if opts.Socket != nil {
		run.ShowSocket()
	}
	req.CPU = opts.CPU
	req.Func, req.Fuel, req.Work, req.Stop, req.Trace = p.def.Func, p.core.fuel, p.core.work, nil, nil
	req.Args[0], req.Args[1] = p.layout.Args(run.CtxAt, &s.pkt)
	if opts.Fuel != 0 {
		req.Fuel = bound(opts.Fuel)
	}
	if opts.Trace != nil {
		req.Trace = p.core.tracer(opts.Trace)
	}
	return nil
}

// callersContext returns the context that the options bring and the size that it gets.
func (p *Program) callersContext(opts *RunOptions) (user []byte, size int, err error) {
	if user, err = marshal(opts.Context, -1); err != nil {
		return nil, 0, fmt.Errorf("context: %w", err)
	}
	size, err = p.layout.ContextSize(len(user))
	return user, size, err
}

// placePacket copies the packet to where its layout wants it: metadata, if the
// caller's context says that there is some, lies in the headroom.
func (p *Program) placePacket(s *slot, user, data []byte) error {
	if !p.layout.Packet {
		return fmt.Errorf("programs of type %s take a Context, not Data", p.def.Type)
	}
	meta := 0
	if user != nil {
		var err error
		if meta, err = p.layout.MetaSize(user, len(data)); err != nil {
			return err
		}
	}
	if s.packet.Fits(len(data) - meta) {
		s.packet.Place(&s.pkt, data, meta, s.more)
		return nil
	}
	buf, at, err := p.core.pool.borrow(s, progctx.Headroom+len(data)-meta+progctx.Tailroom)
	if err != nil {
		return err
	}
	s.pkt = progctx.NewPacket(buf, at, data, meta, s.more)
	return nil
}

// placeContext lays out a context of size bytes, which is not 0.
func (p *Program) placeContext(s *slot, user []byte, size int) error {
	again := s.run.Layout == p.layout && len(s.context.Bytes) == size // it lies where the last one did
	if !again {
		p.layout.Place(&s.context, s.ctx, s.ctxAt, size)
	}
	if !again || user != nil || !p.layout.Whole {
		clear(s.ctx[:p.layout.Room(size)])
	}
	s.run.Ctx, s.run.CtxAt = s.context.Bytes, s.ctxAt
	return p.layout.Fill(&s.context, user, &s.pkt)
}

// bound is the fuel of a run whose options, or whose collection's options, say
// n. The result has package engine's meaning.
func bound(n int64) int64 {
	switch {
	case n == 0:
		return DefaultFuel
	case n < 0:
		return 0
	}
	return n
}

func (c *core) tracer(fn func(TraceEvent)) func(*engine.Event) {
	r := trace.NewRecorder(c.module)
	// By value, each frame has its count even where no code needs it any more.
	r.Homeless = c.engine == EngineInterp || c.opts.TailCalls == TailCallsPropagated
	return func(e *engine.Event) {
		r.Events = r.Events[:0]
		r.Record(e)
		fn(r.Events[0])
	}
}

// repeat runs the prepared request n times, by the clock, and fills in detail if that is not nil.
func (p *Program) repeat(s *slot, n uint32, detail *RunResult) (r0 uint64, err error) {
	var r engine.Result
	req := &s.requests[0]
	start := time.Now()
	done := uint32(0)
	for ; done < n && err == nil; done++ {
		if done > 0 && req.Stop != nil && req.Stop.Load() {
			err = &engine.Fault{Kind: engine.FaultStopped, Func: req.Func}
			break
		}
		if done > 0 && s.run.Acted() {
			s.run.ResetActions()
		}
		s.clean(&p.core.geometry)
		r, err = p.core.backend.Run(req)
		if s.run.Open() {
			s.run.End()
		}
	}
	if detail != nil {
		data, derr := p.layout.Data(&s.context, &s.pkt)
		if err == nil && derr != nil {
			err = derr
		}
		*detail = RunResult{R0: r.R0, Retired: r.Retired, Duration: time.Since(start) / time.Duration(done), Data: append([]byte{}, data...)}
	}
	detail.actions(p.core, p.layout, &s.run)
	detail.effects(&s.run)
	return r.R0, err
}

// finish makes an error of the one that the engine gave, if it did. Otherwise it hands packet and context back
// to whom asks for them.
func (p *Program) finish(s *slot, opts *RunOptions, err error) error {
	if err != nil {
		return newFault(p.core.module, p.def.Name, err)
	}
	if err := p.output(s, opts); err != nil {
		return p.wrap(err)
	}
	return nil
}

// output fills in what the options ask for.
func (p *Program) output(s *slot, opts *RunOptions) error {
	if opts.DataOut != nil {
		data, err := p.layout.Data(&s.context, &s.pkt)
		if err != nil {
			return err
		}
		n := copy(opts.DataOut, data)
		if n < len(data) {
			return fmt.Errorf("DataOut has %d bytes, the packet %d: %w", n, len(data), syscall.ENOSPC)
		}
		opts.DataOut = opts.DataOut[:n]
	}
	if opts.ContextOut == nil {
		return nil
	}
	out := p.layout.Output(&s.context, &s.pkt)
	if b, ok := opts.ContextOut.([]byte); ok && len(b) < len(out) {
		out = out[:len(b)] // a caller may ask for the first fields alone
	}
	if err := unmarshal(opts.ContextOut, out); err != nil {
		return fmt.Errorf("ContextOut: %w", err)
	}
	return nil
}

// runNested runs a function for a helper that calls back into the guest. Its
// stack lies below all that the runs above it can use. It is part of the run that
// called the helper: what stops that one stops it, and it burns the same fuel, one
// unit for being called and more as every run does.
func (c *core) runNested(s *slot, depth, fn int, args *[5]uint64) (uint64, error) {
	below := uint64(depth) * uint64(c.geometry.whole)
	if depth >= c.geometry.nests || depth >= len(s.requests) {
		return 0, fmt.Errorf("callbacks nest deeper than %d", c.geometry.nests)
	}
	outer, req := &s.requests[depth-1], &s.requests[depth]
	switch {
	case outer.Stop != nil && outer.Stop.Load():
		return 0, stopped(s.run.Context, &engine.Fault{Kind: engine.FaultStopped, Func: fn})
	case outer.Left <= 0:
		return 0, &engine.Fault{Kind: engine.FaultFuel, Func: fn}
	}
	outer.Left--
	*req = *outer
	req.Func, req.Args, req.StackTop = fn, *args, s.stackTop-below
	if req.Fuel = outer.Left; req.Fuel == 0 {
		req.Fuel = -1 // 0 is package engine's word for no bound
	}
	res, err := c.backend.Run(req)
	outer.Left = res.Left
	return res.R0, stopped(s.run.Context, err)
}
