package helpers

import (
	"github.com/cilium/ebpf"

	"github.com/rivetbpf/rivet/internal/maps"
	"github.com/rivetbpf/rivet/internal/progctx"
)

// Perf events and their arrays: enum bpf_func_id 22, 25, 55, 56, 111, 119 and 121; kernel/trace/bpf_trace.c, net/core/filter.c.
var perfHelpers = []*Helper{
	{ID: 22, Name: "perf_event_read", Fn: perfEventRead,
		Args: []Arg{perfArg, {Name: "flags", Kind: Scalar}}},
	{ID: 25, Name: "perf_event_output", Fn: perfEventOutput, Args: perfOutputArgs(Arg{Name: "ctx", Kind: Ctx})},
	{ID: 55, Name: "perf_event_read_value", Fn: perfEventReadValue,
		Args: []Arg{perfArg, {Name: "flags", Kind: Scalar}, {Name: "buf", Kind: MemW}, {Name: "size", Kind: Size}}},
	{ID: 56, Name: "perf_prog_read_value", Fn: perfProgReadValue,
		Args: []Arg{{Name: "ctx", Kind: Ctx}, {Name: "buf", Kind: MemW}, {Name: "buf_size", Kind: Size}}},
	{ID: 119, Name: "read_branch_records", Fn: readBranchRecords, Args: []Arg{{Name: "ctx", Kind: Ctx},
		{Name: "buf", Kind: MemW, Nullable: true}, {Name: "size", Kind: SizeOrZero}, {Name: "flags", Kind: Scalar}}},
	{ID: 111, Name: "skb_output", Fn: objectOutput, Args: perfOutputArgs(Arg{Name: "skb", Kind: Scalar})},
	{ID: 121, Name: "xdp_output", Fn: objectOutput, Args: perfOutputArgs(Arg{Name: "xdp", Kind: Scalar})},
}

var perfArg = Arg{Name: "map", Kind: MapOf, Type: ebpf.PerfEventArray}

func perfOutputArgs(first Arg) []Arg {
	return []Arg{first, perfArg, {Name: "flags", Kind: Scalar}, {Name: "data", Kind: Mem}, {Name: "size", Kind: SizeOrZero}}
}

func (c *Call) perfArray() *maps.PerfArray { return c.Map.Map.(*maps.PerfArray) }

// Flags of perf_event_output: how many bytes of the packet follow the data (BPF_F_CTXLEN_MASK).
const (
	perfPacketShift = 32
	perfPacketMask  = 1<<20 - 1
	perfIndexMask   = 1<<32 - 1
)

// packet returns the packet of programs that are given a struct xdp_md or __sk_buff, nil for others.
func (r *Run) packet() *progctx.Packet {
	if l := r.Layout; l == nil || !l.XDP() && !l.SKB() {
		return nil
	}
	return r.Packet
}

// perfEventOutput is bpf_xdp_event_output, bpf_skb_event_output and, for what has no packet, bpf_perf_event_output.
func perfEventOutput(c *Call) (uint64, error) {
	var payload []byte
	allowed := uint64(perfIndexMask)
	p := c.Run.packet()
	if p != nil {
		payload = p.Payload()
		allowed |= perfPacketMask << perfPacketShift
	}
	return c.perfOutput(payload, allowed), nil
}

// objectOutput is bpf_skb_event_output and bpf_xdp_event_output for tracing programs. The kernel's object that they
// trace is not there, and its packet neither.
func objectOutput(c *Call) (uint64, error) {
	return c.perfOutput(nil, perfPacketMask<<perfPacketShift|perfIndexMask), nil
}

func (c *Call) perfOutput(payload []byte, allowed uint64) uint64 {
	flags := c.Args[2]
	n := flags >> perfPacketShift
	switch {
	case flags&^allowed != 0:
		return maps.Guest(maps.EINVAL)
	case n > uint64(len(payload)):
		return maps.Guest(maps.EFAULT)
	}
	return maps.Guest(c.perfArray().Output(c.Run.CPU, flags, c.Mem[3], payload[:n]))
}

func perfEventRead(c *Call) (uint64, error) {
	count, _, err := c.perfArray().Counter(c.Run.CPU, c.Args[1])
	if err != nil {
		return maps.Guest(err), nil
	}
	return count, nil
}

// perfEventReadValue fills a struct bpf_perf_event_value: counter, enabled, running.
func perfEventReadValue(c *Call) (uint64, error) {
	clear(c.Mem[2])
	if len(c.Mem[2]) != 24 {
		return maps.Guest(maps.EINVAL), nil
	}
	count, on, err := c.perfArray().Counter(c.Run.CPU, c.Args[1])
	if err != nil {
		return maps.Guest(err), nil
	}
	le.PutUint64(c.Mem[2], count)
	le.PutUint64(c.Mem[2][8:], uint64(on))
	le.PutUint64(c.Mem[2][16:], uint64(on))
	return 0, nil
}

// perfProgReadValue is bpf_perf_prog_read_value for an event that has counted nothing: there is none.
func perfProgReadValue(c *Call) (uint64, error) {
	clear(c.Mem[1])
	if len(c.Mem[1]) != 24 {
		return maps.Guest(maps.EINVAL), nil
	}
	return 0, nil
}

// readBranchRecords is bpf_read_branch_records of a sample that has no branches. Its flag asks how large they are.
func readBranchRecords(c *Call) (uint64, error) {
	const size = 1 // BPF_F_GET_BRANCH_RECORDS_SIZE
	if c.Args[3]&^size != 0 {
		return maps.Guest(maps.EINVAL), nil
	}
	return maps.Guest(maps.ENOENT), nil
}
