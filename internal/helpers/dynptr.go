package helpers

import (
	"fmt"

	"github.com/rivetbpf/rivet/internal/maps"
)

// Dynptrs: enum bpf_func_id 197 to 203, and the kfuncs of kernel/bpf/helpers.c and net/core/filter.c.
var dynptrHelpers = []*Helper{
	{ID: 197, Name: "dynptr_from_mem", Fn: dynptrFromMem,
		Args: []Arg{{Name: "data", Kind: MemW}, {Name: "size", Kind: SizeOrZero}, {Name: "flags", Kind: Scalar}, dynptrArg("ptr")}},
	{ID: 198, Name: "ringbuf_reserve_dynptr", Fn: ringbufReserveDynptr,
		Args: []Arg{ringbufArg, {Name: "size", Kind: Scalar}, {Name: "flags", Kind: Scalar}, dynptrArg("ptr")}},
	{ID: 199, Name: "ringbuf_submit_dynptr", Fn: func(c *Call) (uint64, error) { return c.commitDynptr(false) },
		Args: []Arg{dynptrArg("ptr"), {Name: "flags", Kind: Scalar}}},
	{ID: 200, Name: "ringbuf_discard_dynptr", Fn: func(c *Call) (uint64, error) { return c.commitDynptr(true) },
		Args: []Arg{dynptrArg("ptr"), {Name: "flags", Kind: Scalar}}},
	{ID: 201, Name: "dynptr_read", Fn: dynptrRead,
		Args: []Arg{{Name: "dst", Kind: MemW}, {Name: "len", Kind: SizeOrZero}, dynptrArg("src"), {Name: "offset", Kind: Scalar}, {Name: "flags", Kind: Scalar}}},
	{ID: 202, Name: "dynptr_write", Fn: dynptrWrite,
		Args: []Arg{dynptrArg("dst"), {Name: "offset", Kind: Scalar}, {Name: "src", Kind: Mem}, {Name: "len", Kind: SizeOrZero}, {Name: "flags", Kind: Scalar}}},
	{ID: 203, Name: "dynptr_data", Fn: dynptrData,
		Args: []Arg{dynptrArg("ptr"), {Name: "offset", Kind: Scalar}, {Name: "len", Kind: Scalar}}},

	{Name: "bpf_dynptr_from_skb", Fn: dynptrFromSkb, Args: fromPacketArgs},
	{Name: "bpf_dynptr_from_skb_meta", Fn: dynptrFromSkbMeta, Args: fromPacketArgs},
	{Name: "bpf_dynptr_from_xdp", Fn: dynptrFromXDP, Args: fromPacketArgs},
	{Name: "bpf_dynptr_slice", Fn: func(c *Call) (uint64, error) { return c.dynptrSlice(false) }, Args: sliceArgs},
	{Name: "bpf_dynptr_slice_rdwr", Fn: func(c *Call) (uint64, error) { return c.dynptrSlice(true) }, Args: sliceArgs},
	{Name: "bpf_dynptr_adjust", Fn: dynptrAdjust,
		Args: []Arg{dynptrArg("ptr"), {Name: "start", Kind: Scalar}, {Name: "end", Kind: Scalar}}},
	{Name: "bpf_dynptr_is_null", Fn: func(c *Call) (uint64, error) { return truth(c.dynptr(0).data == 0), nil }, Args: []Arg{dynptrArg("ptr")}},
	{Name: "bpf_dynptr_is_rdonly", Fn: func(c *Call) (uint64, error) { d := c.dynptr(0); return truth(d.data != 0 && d.rdonly()), nil },
		Args: []Arg{dynptrArg("ptr")}},
	{Name: "bpf_dynptr_size", Fn: dynptrSize, Args: []Arg{dynptrArg("ptr")}},
	{Name: "bpf_dynptr_clone", Fn: dynptrClone, Args: []Arg{dynptrArg("ptr"), dynptrArg("clone")}},
	{Name: "bpf_dynptr_copy", Fn: dynptrCopy,
		Args: []Arg{dynptrArg("dst"), {Name: "dst_off", Kind: Scalar}, dynptrArg("src"), {Name: "src_off", Kind: Scalar}, {Name: "size", Kind: Scalar}}},
	{Name: "bpf_dynptr_memset", Fn: dynptrMemset,
		Args: []Arg{dynptrArg("ptr"), {Name: "offset", Kind: Scalar}, {Name: "size", Kind: Scalar}, {Name: "val", Kind: Scalar}}},
}

func dynptrArg(name string) Arg { return Arg{Name: name, Kind: MemW, Size: dynptrBytes} }

var (
	fromPacketArgs = []Arg{{Name: "ctx", Kind: Ctx}, {Name: "flags", Kind: Scalar}, dynptrArg("ptr")}
	sliceArgs      = []Arg{dynptrArg("ptr"), {Name: "offset", Kind: Scalar}, {Name: "buffer", Kind: MemW, Nullable: true}, {Name: "size", Kind: SizeOrZero}}
)

func truth(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// dynptr is a struct bpf_dynptr_kern: 16 bytes that lie in guest memory and that a guest can therefore write as it
// likes. So they are believed nothing: each use finds the bytes anew, in guest memory or in
// the packet as it is then.
//
//	 0          8      12      16
//	[ data      | size | offset ]     size: read-only (bit 31), kind (28 to 30), bytes (0 to 23)
type dynptr struct {
	data         uint64 // address of memory or record; of the context for packets; 0: a null dynptr
	size, offset uint32
}

const (
	dynptrBytes    = 16
	dynptrMaxSize  = 1<<24 - 1
	dynptrShift    = 28
	dynptrReadOnly = 1 << 31
)

// dynptrKind is enum bpf_dynptr_type.
type dynptrKind uint32

const (
	dynptrLocal dynptrKind = iota + 1
	dynptrRing
	dynptrSkb
	dynptrXDP
	dynptrSkbMeta
)

// dynptr returns the dynptr that argument i points to.
func (c *Call) dynptr(i int) dynptr {
	b := c.Mem[i]
	return dynptr{le.Uint64(b), le.Uint32(b[8:]), le.Uint32(b[12:])}
}

func (c *Call) setDynptr(i int, d dynptr) { d.put(c.Mem[i]) }

func (d dynptr) put(b []byte) {
	le.PutUint64(b, d.data)
	le.PutUint32(b[8:], d.size)
	le.PutUint32(b[12:], d.offset)
}

func newDynptr(data uint64, k dynptrKind, size uint32) dynptr {
	return dynptr{data: data, size: size | uint32(k)<<dynptrShift}
}

func (d dynptr) kind() dynptrKind { return dynptrKind(d.size &^ dynptrReadOnly >> dynptrShift) }
func (d dynptr) rdonly() bool     { return d.size&dynptrReadOnly != 0 }
func (d dynptr) len() uint32      { return d.size & dynptrMaxSize }

// outside is bpf_dynptr_check_off_len.
func (d dynptr) outside(off, n uint32) bool { return n > d.len() || off > d.len()-n }

// region returns where the n bytes at off of d lie, and their address; b is nil where the packet has become shorter than
// the dynptr. The caller has asked outside. An error says that d is no dynptr.
func (c *Call) region(d dynptr, off, n uint32) (b []byte, addr uint64, err error) {
	at := uint64(d.offset) + uint64(off)
	var mem []byte
	switch k := d.kind(); k {
	case dynptrLocal, dynptrRing:
		b, ok := c.Run.World.Arena.Bytes(d.data+at, uint64(n))
		if !ok && n != 0 {
			return nil, 0, fmt.Errorf("%s: dynptr: %d bytes at %#x: outside guest memory", c.Helper.Name, n, d.data+at)
		}
		return b[:n:n], d.data + at, nil
	case dynptrSkb, dynptrXDP, dynptrSkbMeta:
		p := c.Run.packet()
		if p == nil || d.data != c.Run.CtxAt || (k == dynptrXDP) != c.Run.Layout.XDP() {
			return nil, 0, fmt.Errorf("%s: dynptr of a packet that the program does not have", c.Helper.Name)
		}
		mem, addr = p.Payload(), p.Data()
		if k == dynptrSkbMeta {
			mem, addr = p.Bytes[:p.Meta], p.Start
		}
	default:
		return nil, 0, fmt.Errorf("%s: 16 bytes that are no dynptr (kind %d)", c.Helper.Name, k)
	}
	if at+uint64(n) > uint64(len(mem)) || d.kind() == dynptrXDP && max(at, uint64(n)) > maxXDPBytes {
		return nil, 0, nil
	}
	return mem[at : at+uint64(n)], addr + at, nil
}

// gone is the error of bytes that the packet no longer has (bpf_skb_load_bytes, bpf_xdp_pointer).
func (c *Call) gone(d dynptr, off, n uint32) error {
	if d.kind() == dynptrXDP {
		if _, e := c.xdpBytes(uint64(d.offset)+uint64(off), uint64(n)); e != 0 {
			return e
		}
	}
	return maps.EFAULT
}

// Helpers give either an error number, or an error that ends the run; number makes both of one.
func number(err error) (uint64, error) {
	if _, ok := err.(maps.Errno); ok || err == nil {
		return maps.Guest(err), nil
	}
	return 0, err
}

// read is __bpf_dynptr_read.
func (c *Call) readDynptr(dst []byte, d dynptr, off uint32, flags uint64) error {
	switch {
	case d.data == 0 || flags != 0:
		return maps.EINVAL
	case d.outside(off, uint32(len(dst))):
		return maps.E2BIG
	}
	b, _, err := c.region(d, off, uint32(len(dst)))
	if err != nil {
		return err
	}
	if b == nil {
		if d.kind() == dynptrSkb {
			clear(dst)
		}
		return c.gone(d, off, uint32(len(dst)))
	}
	copy(dst, b)
	return nil
}

// writeDynptr is __bpf_dynptr_write.
func (c *Call) writeDynptr(d dynptr, off uint32, src []byte, flags uint64) error {
	switch {
	case d.data == 0 || d.rdonly():
		return maps.EINVAL
	case d.outside(off, uint32(len(src))):
		return maps.E2BIG
	case d.kind() != dynptrSkb && flags != 0:
		return maps.EINVAL
	}
	b, _, err := c.region(d, off, uint32(len(src)))
	if err != nil {
		return err
	}
	if d.kind() == dynptrSkb {
		return c.storeSKB(uint64(d.offset)+uint64(off), src, flags)
	}
	if b == nil {
		return c.gone(d, off, uint32(len(src)))
	}
	copy(b, src)
	return nil
}

// slice is bpf_dynptr_slice without a buffer: the address of the bytes, 0 where there are none.
func (c *Call) slice(d dynptr, off, n uint32, write bool) (b []byte, addr uint64, err error) {
	if d.data == 0 || write && d.rdonly() || d.outside(off, n) {
		return nil, 0, nil
	}
	return c.region(d, off, n)
}

func dynptrFromMem(c *Call) (uint64, error) {
	size := c.Args[1]
	c.setDynptr(3, dynptr{})
	switch {
	case size > dynptrMaxSize:
		return maps.Guest(maps.E2BIG), nil
	case c.Args[2] != 0:
		return maps.Guest(maps.EINVAL), nil
	}
	c.setDynptr(3, newDynptr(c.Args[0], dynptrLocal, uint32(size)))
	return 0, nil
}

func ringbufReserveDynptr(c *Call) (uint64, error) {
	size := uint32(c.Args[1])
	c.setDynptr(3, dynptr{})
	switch {
	case c.Args[2] != 0:
		return maps.Guest(maps.EINVAL), nil
	case size > dynptrMaxSize:
		return maps.Guest(maps.E2BIG), nil
	}
	addr, err := c.reserve(uint64(size))
	if err != nil || addr == 0 {
		return maps.Guest(maps.EINVAL), err
	}
	c.setDynptr(3, newDynptr(addr, dynptrRing, size))
	return 0, nil
}

// commitDynptr is bpf_ringbuf_submit_dynptr and bpf_ringbuf_discard_dynptr: nothing happens to the null dynptr of
// a reservation that found no room.
func (c *Call) commitDynptr(discard bool) (uint64, error) {
	d := c.dynptr(0)
	if d.data == 0 {
		return 0, nil
	}
	if d.kind() != dynptrRing {
		return 0, fmt.Errorf("%s: not a dynptr of ringbuf_reserve_dynptr", c.Helper.Name)
	}
	if err := c.commit(d.data, discard); err != nil {
		return 0, err
	}
	c.setDynptr(0, dynptr{})
	return 0, nil
}

func dynptrRead(c *Call) (uint64, error) {
	return number(c.readDynptr(c.Mem[0], c.dynptr(2), uint32(c.Args[3]), c.Args[4]))
}

func dynptrWrite(c *Call) (uint64, error) {
	return number(c.writeDynptr(c.dynptr(0), uint32(c.Args[1]), c.Mem[2], c.Args[4]))
}

// dynptrData gives no bytes of packets: those may move, and slices are for them.
func dynptrData(c *Call) (uint64, error) {
	d := c.dynptr(0)
	off, n := uint32(c.Args[1]), uint32(c.Args[2])
	if d.data == 0 || d.outside(off, n) || d.rdonly() || d.kind() > dynptrRing {
		return 0, nil
	}
	_, addr, err := c.region(d, off, n)
	return addr, err
}

// writesSkb are the types of programs that may write to the packet of a struct __sk_buff directly
// (may_access_direct_pkt_data); the dynptrs of others are read-only.
var writesSkb = map[string]bool{"SchedCLS": true, "SchedACT": true, "LWTXmit": true, "SkSKB": true}

func dynptrFromSkb(c *Call) (uint64, error) {
	return c.dynptrFromPacket(dynptrSkb, !writesSkb[c.Run.Type])
}

func dynptrFromSkbMeta(c *Call) (uint64, error) { return c.dynptrFromPacket(dynptrSkbMeta, false) }

func dynptrFromXDP(c *Call) (uint64, error) { return c.dynptrFromPacket(dynptrXDP, false) }

func (c *Call) dynptrFromPacket(k dynptrKind, rdonly bool) (uint64, error) {
	p := c.Run.packet()
	if p == nil || (k == dynptrXDP) != c.Run.Layout.XDP() {
		return 0, fmt.Errorf("%s: programs of type %s do not have such a packet", c.Helper.Name, c.Run.Type)
	}
	c.setDynptr(2, dynptr{})
	if c.Args[1] != 0 {
		return maps.Guest(maps.EINVAL), nil
	}
	n := uint32(p.Len())
	if k == dynptrSkbMeta {
		n = uint32(p.Meta)
	}
	d := newDynptr(c.Run.CtxAt, k, n&dynptrMaxSize)
	if rdonly {
		d.size |= dynptrReadOnly
	}
	c.setDynptr(2, d)
	return 0, nil
}

// dynptrSlice is bpf_dynptr_slice and bpf_dynptr_slice_rdwr. Packets are in one piece here, so that the buffer is never needed.
func (c *Call) dynptrSlice(write bool) (uint64, error) {
	b, addr, err := c.slice(c.dynptr(0), uint32(c.Args[1]), uint32(c.Args[3]), write)
	if b == nil {
		addr = 0
	}
	return addr, err
}

func dynptrAdjust(c *Call) (uint64, error) {
	d := c.dynptr(0)
	start, end := uint32(c.Args[1]), uint32(c.Args[2])
	switch {
	case d.data == 0 || start > end:
		return maps.Guest(maps.EINVAL), nil
	case start > d.len() || end > d.len():
		return maps.Guest(maps.ERANGE), nil
	}
	d.offset += start
	d.size = d.size&^dynptrMaxSize | (end - start)
	c.setDynptr(0, d)
	return 0, nil
}

func dynptrSize(c *Call) (uint64, error) {
	d := c.dynptr(0)
	if d.data == 0 {
		return uint64(uint32(maps.Guest(maps.EINVAL))), nil // a __u32
	}
	return uint64(d.len()), nil
}

func dynptrClone(c *Call) (uint64, error) {
	d := c.dynptr(0)
	if d.data == 0 {
		c.setDynptr(1, dynptr{})
		return maps.Guest(maps.EINVAL), nil
	}
	c.setDynptr(1, d)
	return 0, nil
}

// dynptrCopy is bpf_dynptr_copy, with its ways to an error number.
func dynptrCopy(c *Call) (uint64, error) {
	dst, src := c.dynptr(0), c.dynptr(2)
	dstOff, srcOff, size := uint32(c.Args[1]), uint32(c.Args[3]), uint32(c.Args[4])
	from, _, err := c.slice(src, srcOff, size, false)
	if err != nil {
		return 0, err
	}
	to, _, err := c.slice(dst, dstOff, size, true)
	switch {
	case err != nil:
		return 0, err
	case from != nil && to != nil:
		copy(to, from)
		return 0, nil
	case from != nil:
		return number(c.writeDynptr(dst, dstOff, from, 0))
	case to != nil:
		return number(c.readDynptr(to, src, srcOff, 0))
	case dst.outside(dstOff, size) || src.outside(srcOff, size):
		return maps.Guest(maps.E2BIG), nil
	case size == 0:
		return 0, nil
	case src.data == 0:
		return maps.Guest(maps.EINVAL), nil
	}
	return number(c.gone(src, srcOff, size))
}

func dynptrMemset(c *Call) (uint64, error) {
	d := c.dynptr(0)
	off, n := uint32(c.Args[1]), uint32(c.Args[2])
	b, _, err := c.slice(d, off, n, true)
	switch {
	case err != nil:
		return 0, err
	case b != nil:
		for i := range b {
			b[i] = byte(c.Args[3])
		}
		return 0, nil
	case d.rdonly():
		return maps.Guest(maps.EINVAL), nil
	case d.outside(off, n):
		return maps.Guest(maps.E2BIG), nil
	case n == 0:
		return 0, nil
	case d.data == 0:
		return maps.Guest(maps.EINVAL), nil
	}
	return number(c.gone(d, off, n))
}
