package progctx

import "fmt"

// struct xdp_md (include/uapi/linux/bpf.h).
const (
	xdpData        = 0
	xdpDataEnd     = 4
	xdpDataMeta    = 8
	xdpIngress     = 12
	xdpRxQueue     = 16
	xdpEgress      = 20
	xdpSize        = 24
	xdpMaxMeta     = 252 // xdp_metalen_invalid: a multiple of 4 that fits one byte
	loopbackDevice = 1   // BPF_PROG_TEST_RUN runs programs on the loopback device
)

var xdpLayout = Layout{
	Name:        "struct xdp_md",
	Types:       []string{"XDP"},
	Size:        xdpSize,
	Fields:      structOf("data 4, data_end 4, data_meta 4, ingress_ifindex 4, rx_queue_index 4, egress_ifindex 4"),
	Packet:      true,
	EmptyPacket: true,
	Prepare:     xdpPrepare,
	Whole:       true,
	Addresses:   xdpAddresses,
	Finish:      xdpFinish,
}

// xdpMeta applies bpf_prog_test_run_xdp's rules for a caller's context: data is
// the offset of the packet in the caller's bytes, those before it are metadata.
func xdpMeta(user []byte, n int) (int, error) {
	meta, end := field(user, xdpData), field(user, xdpDataEnd)
	switch {
	case field(user, xdpDataMeta) != 0:
		return 0, fmt.Errorf("context: data_meta is an offset into Data and must be 0")
	case end != 0 && int64(end) != int64(n):
		return 0, fmt.Errorf("context: data_end is %d, must be 0 or the length of Data (%d)", end, n)
	case int64(meta) > int64(n):
		return 0, fmt.Errorf("context: data is %d, beyond the %d bytes of Data", meta, n)
	case meta%4 != 0 || meta > xdpMaxMeta:
		return 0, fmt.Errorf("context: %d bytes of metadata: must be a multiple of 4, at most %d", meta, xdpMaxMeta)
	}
	return int(meta), nil
}

func xdpPrepare(c *Context, user []byte, p *Packet) error {
	ctx := c.Bytes
	if user == nil {
		le.PutUint32(ctx[xdpIngress:], loopbackDevice)
		le.PutUint64(ctx[xdpRxQueue:], 0) // and the device that it leaves by
	} else {
		copy(ctx, user)
		preset(ctx, xdpIngress, loopbackDevice)
	}
	xdpAddresses(ctx, p)
	return nil
}

func xdpAddresses(ctx []byte, p *Packet) {
	le.PutUint32(ctx[xdpData:], uint32(p.Data()))
	le.PutUint32(ctx[xdpDataEnd:], uint32(p.End()))
	le.PutUint32(ctx[xdpDataMeta:], uint32(p.Start))
}

// xdpFinish is xdp_convert_buff_to_md: addresses become offsets into the data given back.
func xdpFinish(c *Context, p *Packet) {
	ctx := c.Bytes
	le.PutUint32(ctx[xdpData:], uint32(p.Meta))
	le.PutUint32(ctx[xdpDataEnd:], uint32(len(p.Bytes)))
	le.PutUint32(ctx[xdpDataMeta:], 0)
}
