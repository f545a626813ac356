package rivet

import (
	"github.com/rivetbpf/rivet/internal/helpers"
	"github.com/rivetbpf/rivet/internal/progctx"
)

// RunTimers calls the functions of all timers and work queues that are due by [CollectionOptions.Clock],
// in the order of time, and returns how many. What is started meanwhile waits for the next call.
//
// Where there is no such Clock, timers go off by themselves, each on a run of its own, and there is
// nothing to do here. Closing the programs cancels them and waits for those that run.
func (coll *Collection) RunTimers() int {
	ts := coll.core.pool.world.Timers
	if !ts.Manual {
		return 0
	}
	return ts.RunDue()
}

// runCallback calls the function of a timer, when there is room for a run. No program waits for it, so
// its fault goes to whom the options name.
func (c *core) runCallback(begin func() (helpers.Callback, bool)) {
	s, err := c.pool.await(nil)
	if err != nil {
		return
	}
	defer c.pool.put(s)
	if s.reader != nil {
		s.reader.Enter(s.run.World.RCU)
	}
	cb, ok := begin()
	if !ok {
		return
	}
	s.pkt = progctx.Packet{}
	s.run.Reset()
	s.run.Ctx, s.run.CtxAt, s.run.CPU, s.run.Callback = nil, 0, cb.CPU, &cb
	s.run.Layout = progctx.For(progctx.TypeRaw)
	copy(s.ctx, cb.Key)
	req := &s.requests[0]
	req.Func, req.Fuel, req.Work, req.Stop, req.Trace = cb.Func, c.fuel, c.work, &s.run.World.Timers.Stop, nil
	req.CPU = cb.CPU
	req.Args = [5]uint64{cb.Map, s.ctxAt, cb.Value}
	s.clean(&c.geometry)
	if _, err = c.backend.Run(req); err != nil && c.opts.OnFault != nil && !req.Stop.Load() {
		c.opts.OnFault(newFault(c.module, c.module.Funcs[cb.Func].Name, err))
	}
}
