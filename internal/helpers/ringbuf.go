package helpers

import (
	"fmt"

	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet/internal/maps"
)

// Ring buffers: enum bpf_func_id 130 to 134 and 209, kernel/bpf/ringbuf.c.
var ringbufHelpers = []*Helper{
	{ID: 130, Name: "ringbuf_output", Fn: ringbufOutput,
		Args: []Arg{ringbufArg, {Name: "data", Kind: Mem}, {Name: "size", Kind: SizeOrZero}, {Name: "flags", Kind: Scalar}}},
	{ID: 131, Name: "ringbuf_reserve", Fn: ringbufReserve,
		Args: []Arg{ringbufArg, {Name: "size", Kind: Scalar}, {Name: "flags", Kind: Scalar}}},
	{ID: 132, Name: "ringbuf_submit", Fn: func(c *Call) (uint64, error) { return 0, c.commit(c.Args[0], false) },
		Args: []Arg{{Name: "data", Kind: Scalar}, {Name: "flags", Kind: Scalar}}},
	{ID: 133, Name: "ringbuf_discard", Fn: func(c *Call) (uint64, error) { return 0, c.commit(c.Args[0], true) },
		Args: []Arg{{Name: "data", Kind: Scalar}, {Name: "flags", Kind: Scalar}}},
	{ID: 134, Name: "ringbuf_query", Fn: ringbufQuery,
		Args: []Arg{ringbufArg, {Name: "flags", Kind: Scalar}}},
	{ID: 209, Name: "user_ringbuf_drain", Fn: userRingbufDrain,
		Args: []Arg{{Name: "ringbuf", Kind: MapOf, Type: ebpf.UserRingbuf}, {Name: "callback", Kind: Func}, {Name: "ctx", Kind: Scalar}, {Name: "flags", Kind: Scalar}}},
}

var ringbufArg = Arg{Name: "ringbuf", Kind: MapOf, Type: ebpf.RingBuf}

func (c *Call) ringbuf() *maps.RingBuf { return c.Map.Map.(*maps.RingBuf) }

func ringbufOutput(c *Call) (uint64, error) {
	return maps.Guest(c.ringbuf().Output(c.Mem[1], c.Args[3])), nil
}

func ringbufReserve(c *Call) (uint64, error) {
	if c.Args[2] != 0 {
		return 0, nil
	}
	return c.reserve(c.Args[1])
}

func ringbufQuery(c *Call) (uint64, error) { return c.ringbuf().Query(c.Args[1]), nil }

// userRingbufDrain calls back with a dynptr for each record.
func userRingbufDrain(c *Call) (uint64, error) {
	ring := c.Map.Map.(*maps.UserRing)
	callback, ctx := c.Args[1], c.Args[2]
	mem, ok := c.Run.World.Arena.Bytes(ring.Dynptr, dynptrBytes)
	if !ok {
		panic("BUG: a user ring buffer has no dynptr")
	}
	n, err := ring.Drain(c.Args[3], func(addr uint64, size uint32) (uint64, error) {
		newDynptr(addr, dynptrLocal, size).put(mem)
		c.Args = [5]uint64{ring.Dynptr, ctx}
		return c.Invoke(callback, &c.Args)
	})
	if err != nil {
		return number(err)
	}
	return n, nil
}

// reservation is a record of a ring buffer that a run has reserved and not committed.
type reservation struct {
	ring *maps.RingBuf
	addr uint64
}

// maxReservations is how many of them a run may have. Linux's verifier follows each
// of them and so lets programs have a few.
const maxReservations = 256

// reserve sets a record aside and notes it, so that it is discarded if the run ends without
// committing it: one that stays would keep all behind it from the reader for ever.
func (c *Call) reserve(size uint64) (addr uint64, err error) {
	r := c.Run
	if len(r.reserved) >= maxReservations {
		return 0, fmt.Errorf("%s: the run has reserved %d records and submitted none of them; it may have so many", c.Helper.Name, len(r.reserved))
	}
	ring := c.ringbuf()
	if addr = ring.Reserve(size); addr != 0 {
		r.reserved = append(r.reserved, reservation{ring, addr})
	}
	return addr, nil
}

// reservationAt finds the reservation whose record begins at addr.
func (r *Run) reservationAt(addr uint64) int {
	for i := len(r.reserved) - 1; i >= 0; i-- {
		if r.reserved[i].addr == addr {
			return i
		}
	}
	return -1
}

// commit submits or discards the record at addr; the second argument has the flags.
func (c *Call) commit(addr uint64, discard bool) error {
	r := c.Run
	i := r.reservationAt(addr)
	if i < 0 {
		return c.bad(0, 0, "not a record that this run has reserved and not yet submitted or discarded")
	}
	v := r.reserved[i]
	r.reserved = append(r.reserved[:i], r.reserved[i+1:]...)
	v.ring.Commit(addr, c.Args[1], discard)
	return nil
}

// Open reports whether the run has something that End gives back.
func (r *Run) Open() bool { return len(r.reserved)|r.held.n|len(r.owned) != 0 }

// End gives back what the run has left open. Linux's verifier sees to it that a
// program leaves nothing open; here a run can also end in the middle.
func (r *Run) End() {
	for _, v := range r.reserved {
		v.ring.Commit(v.addr, 0, true)
	}
	r.reserved = r.reserved[:0]
	r.releaseLocks()
	if len(r.owned) > 0 {
		r.releaseObjects()
	}
}
