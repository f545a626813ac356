package helpers

import (
	"bytes"
	"encoding/binary"

	"github.com/rivetbpf/rivet/internal/maps"
)

// Output for people: enum bpf_func_id 6, 126, 127, 165 and 177, and streams of programs
// (kernel/trace/bpf_trace.c, kernel/bpf/helpers.c, kernel/bpf/stream.c).
var printHelpers = []*Helper{
	{ID: 6, Name: "trace_printk", Fn: tracePrintk,
		Args: []Arg{{Name: "fmt", Kind: Mem}, {Name: "fmt_size", Kind: Size},
			{Name: "arg1", Kind: Scalar}, {Name: "arg2", Kind: Scalar}, {Name: "arg3", Kind: Scalar}}},
	{ID: 177, Name: "trace_vprintk", Fn: traceVprintk, Args: []Arg{{Name: "fmt", Kind: Mem}, {Name: "fmt_size", Kind: Size},
		{Name: "data", Kind: Mem, Nullable: true}, {Name: "data_len", Kind: SizeOrZero}}},
	{ID: 165, Name: "snprintf", Fn: snprintf, Args: []Arg{{Name: "str", Kind: MemW, Nullable: true}, {Name: "str_size", Kind: SizeOrZero},
		{Name: "fmt", Kind: Scalar}, {Name: "data", Kind: Mem, Nullable: true}, {Name: "data_len", Kind: SizeOrZero}}},
	{ID: 126, Name: "seq_printf", Fn: seqPrintf, Args: []Arg{{Name: "m", Kind: Scalar}, {Name: "fmt", Kind: Mem}, {Name: "fmt_size", Kind: Size},
		{Name: "data", Kind: Mem, Nullable: true}, {Name: "data_len", Kind: SizeOrZero}}},
	{ID: 127, Name: "seq_write", Args: []Arg{{Name: "m", Kind: Scalar}, {Name: "data", Kind: Mem, Nullable: true}, {Name: "len", Kind: SizeOrZero}},
		Fn: func(c *Call) (uint64, error) { return maps.Guest(c.seqWrite(c.Mem[1])), nil }},
	{Name: "bpf_stream_vprintk_impl", Fn: streamVprintk, Args: streamArgs},
	{Name: "bpf_stream_vprintk", Fn: streamVprintk, Args: streamArgs},
}

var streamArgs = []Arg{{Name: "stream_id", Kind: Scalar}, {Name: "fmt", Kind: Scalar},
	{Name: "args", Kind: Mem, Nullable: true}, {Name: "len", Kind: SizeOrZero}}

// maxPrintk is MAX_BPRINTF_BUF: what is beyond is not printed.
const maxPrintk = 1024

// maxVarargs is MAX_BPRINTF_VARARGS.
const maxVarargs = 12

// varargs are the arguments that lie in memory, 8 bytes each.
func varargs(into *[maxVarargs]uint64, data []byte, size uint64) ([]uint64, maps.Errno) {
	if size%8 != 0 || size > 8*maxVarargs || size != 0 && data == nil {
		return nil, maps.EINVAL
	}
	args := into[:size/8]
	for i := range args {
		args[i] = binary.LittleEndian.Uint64(data[8*i:])
	}
	return args, 0
}

// untilNUL returns the string that b begins with.
func untilNUL(b []byte) (s []byte, ok bool) {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		return b[:i], true
	}
	return nil, false
}

// constString returns the string that argument i points to, which the verifier wants to be in a constant map.
func (c *Call) constString(i int) ([]byte, error) {
	a := c.Run.World.Arena
	if off := c.Args[i] - a.Base(); off < a.Size() {
		b, _ := a.Bytes(c.Args[i], min(maxText, a.Size()-off))
		if s, ok := untilNUL(b); ok {
			return s, nil
		}
	}
	return nil, c.bad(i, 1, "no string in guest memory")
}

// tracePrintk writes one line and returns the length of the message with its
// terminating NUL not counted, as Linux does.
func tracePrintk(c *Call) (uint64, error) { return c.trace(c.Args[2:]) }

func traceVprintk(c *Call) (uint64, error) {
	args, err := varargs(&c.vars, c.Mem[2], c.Args[3])
	if err != 0 {
		return maps.Guest(err), nil
	}
	return c.trace(args)
}

func (c *Call) trace(args []uint64) (uint64, error) {
	format, ok := untilNUL(c.Mem[0])
	if !ok {
		return maps.Guest(maps.EINVAL), nil
	}
	m, err := c.compose(format, args)
	if err != 0 {
		return maps.Guest(err), nil
	}
	out := m.b
	if n := len(out); n == 0 || out[n-1] != '\n' {
		out = append(out, '\n')
		c.buf = out
	}
	return uint64(m.n), c.Run.World.write(out)
}

// compose formats into the call's own buffer.
func (c *Call) compose(format []byte, args []uint64) (message, maps.Errno) {
	m := message{b: c.buf[:0], max: maxPrintk - 1}
	err := c.format(&m, format, args)
	c.buf = m.b
	return m, err
}

func (w *World) write(b []byte) error {
	if w.print == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err := w.print.Write(b)
	return err
}

// snprintf returns the length of the whole text and its NUL, whether it fits or not.
func snprintf(c *Call) (uint64, error) {
	args, errno := varargs(&c.vars, c.Mem[3], c.Args[4])
	if errno != 0 {
		return maps.Guest(errno), nil
	}
	format, err := c.constString(2)
	if err != nil {
		return 0, err
	}
	dst := c.Mem[0]
	m := message{b: c.buf[:0], max: max(len(dst)-1, 0)}
	errno = c.format(&m, format, args)
	if c.buf = m.b; errno != 0 {
		return maps.Guest(errno), nil
	}
	if len(dst) > 0 {
		dst[copy(dst, m.b)] = 0
	}
	return uint64(m.n) + 1, nil
}

// maxSeq bounds what a run can print for its caller.
const maxSeq = 1 << 20

// seqWrite adds to what an iterator prints.
func (c *Call) seqWrite(b []byte) error {
	e := &c.Run.Effects
	if len(e.Seq)+len(b) > maxSeq {
		return maps.EOVERFLOW
	}
	e.Seq = append(e.Seq, b...)
	return nil
}

func seqPrintf(c *Call) (uint64, error) {
	args, err := varargs(&c.vars, c.Mem[3], c.Args[4])
	if err != 0 {
		return maps.Guest(err), nil
	}
	format, ok := untilNUL(c.Mem[1])
	if !ok {
		return maps.Guest(maps.EINVAL), nil
	}
	e := &c.Run.Effects
	m := message{b: e.Seq, max: maxSeq}
	if err := c.format(&m, format, args); err != 0 {
		return maps.Guest(err), nil
	}
	if len(e.Seq)+m.n > maxSeq {
		return maps.Guest(maps.EOVERFLOW), nil
	}
	e.Seq = m.b
	return 0, nil
}

// streamVprintk prints to a stream of the program, 1 or 2, which is where trace_printk prints.
func streamVprintk(c *Call) (uint64, error) {
	if id := uint32(c.Args[0]); id != 1 && id != 2 {
		return maps.Guest(maps.ENOENT), nil
	}
	args, errno := varargs(&c.vars, c.Mem[2], uint64(uint32(c.Args[3])))
	if errno != 0 {
		return maps.Guest(errno), nil
	}
	format, err := c.constString(1)
	if err != nil {
		return 0, err
	}
	m, errno := c.compose(format, args)
	if errno != 0 {
		return maps.Guest(errno), nil
	}
	return 0, c.Run.World.write(m.b)
}
