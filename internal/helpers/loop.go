package helpers

import (
	"github.com/rivetbpf/rivet/internal/engine"
	"github.com/rivetbpf/rivet/internal/maps"
)

// Ways through a program that are no jumps: loops by callback (enum bpf_func_id 181,
// kernel/bpf/bpf_iter.c) and exceptions (bpf_throw, kernel/bpf/helpers.c).
var loopHelpers = []*Helper{
	{ID: 181, Name: "loop", Fn: loop,
		Args: []Arg{{Name: "nr_loops", Kind: Scalar}, {Name: "callback_fn", Kind: Func}, {Name: "callback_ctx", Kind: Scalar}, {Name: "flags", Kind: Scalar}}},
	{Name: "bpf_throw", Fn: throw, Args: []Arg{{Name: "cookie", Kind: Scalar}}},
}

// maxLoops is BPF_MAX_LOOPS: how many times bpf_loop and iterators of numbers go round.
const maxLoops = 8 << 20

// loop is bpf_loop. A callback that returns anything but 0 ends it.
func loop(c *Call) (uint64, error) {
	n := uint64(uint32(c.Args[0]))
	switch {
	case c.Args[3] != 0:
		return maps.Guest(maps.EINVAL), nil
	case n > maxLoops:
		return uint64(uint32(maps.Guest(maps.E2BIG))), nil // as inline_bpf_loop, a 32-bit move, has it
	}
	fn, arg := c.Args[1], c.Args[2]
	for i := range n {
		c.called = [5]uint64{i, arg}
		r0, err := c.Invoke(fn, &c.called)
		if err != nil {
			return 0, err
		}
		if r0 != 0 {
			return i + 1, nil
		}
	}
	return n, nil
}

// throw ends the run with the cookie as its result, however deep in subprograms and callbacks it
// is. What it holds is given back, as at the end of every run.
func throw(c *Call) (uint64, error) {
	c.Run.thrown = &engine.Exit{R0: c.Args[0]}
	return 0, c.Run.thrown
}
