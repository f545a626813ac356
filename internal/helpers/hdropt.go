package helpers

import (
	"bytes"

	"github.com/rivetbpf/rivet/internal/maps"
)

// Options of TCP headers that sock_ops programs read and write: enum bpf_func_id 142 to 144, net/core/filter.c. The
// packet of such a run is the TCP header.
var hdroptHelpers = []*Helper{
	{ID: 142, Name: "load_hdr_opt", Fn: loadHdrOpt,
		Args: []Arg{{Name: "skops", Kind: Ctx}, {Name: "searchby_res", Kind: MemW}, {Name: "len", Kind: Size}, {Name: "flags", Kind: Scalar}}},
	{ID: 143, Name: "store_hdr_opt", Fn: storeHdrOpt,
		Args: []Arg{{Name: "skops", Kind: Ctx}, {Name: "from", Kind: Mem}, {Name: "len", Kind: Size}, {Name: "flags", Kind: Scalar}}},
	{ID: 144, Name: "reserve_hdr_opt", Fn: reserveHdrOpt,
		Args: []Arg{{Name: "skops", Kind: Ctx}, {Name: "len", Kind: Scalar}, {Name: "flags", Kind: Scalar}}},
}

// Kinds of TCP options, and the callbacks in which they are counted and written.
const (
	optEnd  = 0
	optNop  = 1
	optExp1 = 253
	optExp2 = 254

	hdrOptLenCB   = 14 // BPF_SOCK_OPS_HDR_OPT_LEN_CB
	writeHdrOptCB = 15 // BPF_SOCK_OPS_WRITE_HDR_OPT_CB

	loadSyn    = 1 << 0 // BPF_LOAD_HDR_OPT_TCP_SYN
	maxOptions = 40     // of one TCP header
)

// findOption is bpf_search_tcp_opt: the option of a kind that begins with magic. ended says that the list was closed.
func findOption(b []byte, kind byte, magic []byte) (opt []byte, ended bool, err error) {
	for len(b) > 0 {
		switch {
		case b[0] == optEnd:
			return nil, true, maps.ENOMSG
		case b[0] == optNop:
			b = b[1:]
			continue
		case len(b) < 2 || b[1] < 2 || int(b[1]) > len(b):
			return nil, false, maps.EFAULT
		case b[0] == kind && bytes.HasPrefix(b[2:b[1]], magic):
			return b[:b[1]], false, nil
		}
		b = b[b[1]:]
	}
	return nil, false, maps.ENOMSG
}

// headerOptions returns the options of the TCP header that the run is about; nil when it has none.
func (c *Call) headerOptions() []byte {
	if c.Run.Packet == nil || c.Run.Packet.Len() < tcpHeader {
		return nil
	}
	b := c.Run.Packet.Payload()
	return b[tcpHeader:max(tcpHeader, min(len(b), tcpHeader+maxOptions))]
}

func loadHdrOpt(c *Call) (uint64, error) {
	search, flags := c.Mem[1], c.Args[3]
	if len(search) < 2 || flags&^loadSyn != 0 {
		return maps.Guest(maps.EINVAL), nil
	}
	kind, n := search[0], int(search[1])
	if n > len(search) || kind == optNop || kind == optEnd {
		return maps.Guest(maps.EINVAL), nil
	}
	var magic []byte
	switch experimental := kind == optExp1 || kind == optExp2; {
	case experimental && n != 4 && n != 6, !experimental && n != 0:
		return maps.Guest(maps.EINVAL), nil
	case experimental:
		magic = search[2:n]
	}
	switch {
	case flags&loadSyn != 0:
		return maps.Guest(maps.ENOENT), nil // no SYN was saved
	case c.Run.Packet == nil || c.Run.Packet.Len() < tcpHeader || le.Uint32(c.Mem[0][opsOp:]) == hdrOptLenCB:
		return maps.Guest(maps.EPERM), nil
	}
	opt, _, err := findOption(c.headerOptions(), kind, magic)
	if err != nil {
		return maps.Guest(err), nil
	}
	if copy(search, opt) < len(opt) {
		return maps.Guest(maps.ENOSPC), nil
	}
	return uint64(len(opt)), nil
}

// room is how many bytes of options still fit the header.
func (c *Call) room() int { return maxOptions - len(c.headerOptions()) - c.Run.act().reserved }

func reserveHdrOpt(c *Call) (uint64, error) {
	n, flags := uint32(c.Args[1]), c.Args[2]
	switch {
	case le.Uint32(c.Mem[0][opsOp:]) != hdrOptLenCB:
		return maps.Guest(maps.EPERM), nil
	case flags != 0 || n < 2:
		return maps.Guest(maps.EINVAL), nil
	case int64(n) > int64(c.room()):
		return maps.Guest(maps.ENOSPC), nil
	}
	c.Run.act().reserved += int(n)
	return 0, nil
}

func storeHdrOpt(c *Call) (uint64, error) {
	from := c.Mem[1]
	if le.Uint32(c.Mem[0][opsOp:]) != writeHdrOptCB || c.Run.Packet == nil {
		return maps.Guest(maps.EPERM), nil
	}
	if len(from) < 2 || c.Args[3] != 0 {
		return maps.Guest(maps.EINVAL), nil
	}
	kind, n := from[0], int(from[1])
	switch {
	case n > len(from) || n < 2 || kind == optNop || kind == optEnd:
		return maps.Guest(maps.EINVAL), nil
	case n > c.room():
		return maps.Guest(maps.ENOSPC), nil
	}
	var magic []byte
	if kind == optExp1 || kind == optExp2 {
		if n < 4 {
			return maps.Guest(maps.EINVAL), nil
		}
		magic = from[2:4]
	}
	switch _, ended, err := findOption(c.headerOptions(), kind, magic); {
	case err == nil:
		return maps.Guest(maps.EEXIST), nil
	case err != maps.ENOMSG:
		return maps.Guest(err), nil
	case ended:
		return maps.Guest(maps.ENOSPC), nil
	}
	if err := c.Run.Packet.Resize(0, n); err != nil {
		return maps.Guest(maps.ENOSPC), nil
	}
	b := c.Run.Packet.Payload()
	copy(b[len(b)-n:], from[:n])
	c.Run.Moved()
	return 0, nil
}
