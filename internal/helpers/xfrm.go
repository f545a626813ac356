package helpers

import "github.com/rivetbpf/rivet/internal/maps"

// IPsec, of which packets here have none: enum bpf_func_id 66, net/xfrm/xfrm_state_bpf.c.
var xfrmHelpers = []*Helper{
	{ID: 66, Name: "skb_get_xfrm_state", Fn: getXfrmState,
		Args: []Arg{{Name: "skb", Kind: Ctx}, {Name: "index", Kind: Scalar}, {Name: "xfrm_state", Kind: MemW}, {Name: "size", Kind: Size}, {Name: "flags", Kind: Scalar}}},
	{Name: "bpf_xdp_get_xfrm_state", Fn: xdpGetXfrmState,
		Args: []Arg{{Name: "ctx", Kind: Ctx}, {Name: "opts", Kind: MemW}, {Name: "opts_size", Kind: Size}}},
	{Name: "bpf_xdp_xfrm_state_release", Args: []Arg{{Name: "x", Kind: Scalar}}, Fn: func(c *Call) (uint64, error) {
		return 0, c.bad(0, 0, "not a state that the run holds")
	}},
}

// getXfrmState is bpf_skb_get_xfrm_state for a packet that went through no transformation.
func getXfrmState(c *Call) (uint64, error) {
	clear(c.Mem[2])
	return maps.Guest(maps.EINVAL), nil
}

// struct bpf_xfrm_state_opts.
const (
	xfrmError    = 0
	xfrmNetns    = 4
	xfrmOptsSize = 36
)

// xdpGetXfrmState is bpf_xdp_get_xfrm_state on a machine without states, checks in its order.
func xdpGetXfrmState(c *Call) (uint64, error) {
	opts := c.Mem[1]
	if len(opts) < xfrmError+4 {
		return 0, nil
	}
	e := maps.ENOENT
	switch {
	case len(opts) != xfrmOptsSize || int32(le.Uint32(opts[xfrmNetns:])) < -1:
		e = maps.EINVAL
	case int32(le.Uint32(opts[xfrmNetns:])) >= 0:
		e = maps.ENONET
	}
	le.PutUint32(opts[xfrmError:], uint32(maps.Guest(e)))
	return 0, nil
}
